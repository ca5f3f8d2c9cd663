/* SPDX-License-Identifier: MIT */
/*
 * VM: a guest-physical address space and its virtual CPUs. The monitor creates its own portals and binds them to the
 * virtual CPUs' exits (lib/base/vcpu.h); core only maps memory and pays the objects from the session's quota.
 *
 * Opening fails with ERR_UNSUPPORTED on a processor without virtualization.
 */
#ifndef CONTRACT_VM_WIRE_H
#define CONTRACT_VM_WIRE_H

#include <stdint.h>

#define VM_SERVICE   "VM"
#define VM_VCPUS_MAX 8u

enum vm_opcode {
    VM_ATTACH =
        1, /* struct vm_attach, capability 0: dataspace -> -; ERR_EXISTS if anything is mapped there */
    VM_DETACH = 2,      /* struct vm_range -> -; holes are no error */
    VM_VCPU_CREATE = 3, /* struct vm_vcpu_create -> capability 0: virtual CPU (CONTROL, BIND). Parked */
    VM_OPCODE_COUNT = 4,
};

/* All page-aligned. */
struct vm_attach {
    uint64_t offset; /* in the dataspace */
    uint64_t size;
    uint64_t guest_physical;
    uint32_t rights;   /* enum pd_rights; write and execute together are allowed in a guest */
    uint32_t reserved; /* 0 */
};

struct vm_range {
    uint64_t guest_physical;
    uint64_t size;
};

struct vm_vcpu_create {
    uint32_t priority; /* cut to the session's limit */
    uint32_t cpu;      /* index in the session's range of CPUs (arguments `cpu`, `cpus`) */
};

_Static_assert(sizeof(struct vm_attach) == 32, "wire");
_Static_assert(sizeof(struct vm_range) == 16, "wire");
_Static_assert(sizeof(struct vm_vcpu_create) == 8, "wire");

#endif
