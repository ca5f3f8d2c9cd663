/* SPDX-License-Identifier: MIT */
/*
 * PD: a protection domain at core: its memory, its addresses, its threads, its quota.
 *
 * Every component holds the session of its own domain (slot ENV_SLOT_PD_SESSION). A parent opens the service "PD" for
 * each child (args: name="...", and how much processor time: core/README.md), fills the domain through the same operations, and gives it its first capabilities by
 * GRANT; core itself puts the domain (ENV_SLOT_PD) and its session (ENV_SLOT_PD_SESSION) into the child's slots.
 *
 * Dataspaces, region maps and PD sessions are portals of core: core finds its object behind a received one by
 * cap_identify. Threads are kernel objects; core names them by a number, unique in the session. All addresses, offsets
 * and sizes are in bytes and multiples of a page. Placed automatically (address PD_ANYWHERE), an attachment has at
 * least one unmapped page before and behind it: guard pages cost nothing.
 */
#ifndef CONTRACT_PD_WIRE_H
#define CONTRACT_PD_WIRE_H

#include <stdint.h>

#define PD_SERVICE  "PD"
#define PD_NAME_MAX 32u
#define PD_ANYWHERE UINT64_MAX

enum pd_opcode {
    PD_DATASPACE_ALLOC =
        1, /* struct pd_dataspace_alloc -> capability 0: dataspace. Zeroed, paid by RAM quota.
              ERR_AGAIN: a bounded part is done, repeat the same request */
    PD_DATASPACE_FREE =
        2, /* capability 0: dataspace of this session -> -. Peers' mappings become scratch pages.
              ERR_AGAIN as above */
    PD_DATASPACE_INFO = 3, /* capability 0: any dataspace -> struct pd_dataspace_info */
    PD_ATTACH = 4,         /* struct pd_attach, capability 0: dataspace or region map -> struct pd_address */
    PD_DETACH = 5,         /* struct pd_address (start of an attachment) -> - */

    PD_REGION_MAP_CREATE =
        6, /* struct pd_region_map_create -> capability 0: region map, usable as a dataspace */
    PD_REGION_MAP_DESTROY = 7, /* capability 0: region map -> -. ERR_AGAIN as above */
    PD_REGION_MAP_ATTACH = 8,  /* struct pd_attach (address: in the map), capability 0: map, 1: dataspace
                                  -> struct pd_address. Threads that waited for these pages go on */
    PD_REGION_MAP_DETACH = 9,  /* struct pd_address, capability 0: map -> - */
    PD_REGION_MAP_PAGER =
        10, /* capability 0: map, 1: notification (SIGNAL) -> -. Faults in holes wait and signal */
    PD_REGION_MAP_FAULT = 11, /* capability 0: map -> struct pd_region_fault; ERR_NOT_FOUND: no fault waits */

    PD_THREAD_CREATE =
        12, /* struct pd_thread_create -> struct pd_thread, capability 0: thread (CONTROL, BIND) */
    PD_THREAD_START = 13,   /* struct pd_thread_start -> - */
    PD_THREAD_DESTROY = 14, /* struct pd_thread_id -> -. PD_THREAD_ALL: ERR_AGAIN as above */

    PD_KMEM_GROW = 15, /* struct pd_kmem_grow -> -. RAM quota becomes kernel memory of the domain */
    PD_TRANSFER = 16,  /* struct pd_quota, capability 0: PD session that receives -> - */
    PD_INFO = 17,      /* - -> struct pd_info */

    PD_GRANT = 18,        /* struct pd_grant, capability 0: to be put into the domain's slot -> - */
    PD_SET_SYMBOLS = 19,  /* struct pd_symbols -> -. For crash reports; the content is not trusted */
    PD_FAULT_NOTIFY = 20, /* capability 0: notification (SIGNAL): a thread of the domain has faulted -> -
                             ERR_EXISTS: there is one, for good */
    PD_FAULT_INFO = 21,   /* - -> struct pd_fault; ERR_NOT_FOUND: no unreported fault */
    PD_DATASPACE_SEAL =
        22, /* capability 0: dataspace of this session -> -. From now on nobody can attach it for
                               writing; attachments that exist keep their rights */
    PD_OPCODE_COUNT = 23,
};

enum pd_dataspace_flag {
    PD_DATASPACE_CONTIGUOUS = 1u << 0, /* physically */
    PD_DATASPACE_LARGE = 1u << 1,      /* 2 MiB-aligned pieces where possible: guest memory */
    PD_DATASPACE_FLAGS = (1u << 2) - 1,
};

struct pd_dataspace_alloc {
    uint64_t size; /* rounded up to pages */
    uint32_t flags;
    uint32_t reserved; /* 0 */
};

enum pd_rights {
    PD_READ = 1u << 0, /* always granted */
    PD_WRITE = 1u << 1,
    PD_EXECUTE = 1u << 2, /* never together with PD_WRITE */
    PD_RIGHTS = (1u << 3) - 1,
};

struct pd_dataspace_info {
    uint64_t size;
    uint32_t rights;   /* the most that an attachment may have */
    uint32_t reserved; /* 0 */
};

struct pd_attach {
    uint64_t offset;   /* in the dataspace */
    uint64_t size;     /* 0: from offset to its end */
    uint64_t address;  /* or PD_ANYWHERE; ERR_EXISTS if taken */
    uint32_t rights;   /* enum pd_rights */
    uint32_t reserved; /* 0 */
};

struct pd_address {
    uint64_t address;
};

struct pd_region_map_create {
    uint64_t size;
};

struct pd_region_fault {
    uint64_t offset; /* in the map, page-aligned */
    uint32_t access; /* enum pd_rights: what was tried */
    uint32_t reserved;
};

enum pd_thread_flag {
    PD_THREAD_FPU = 1u << 0,
    PD_THREAD_FOREIGN = 1u << 1, /* its system calls and faults become messages of portals bound by ec_bind */
    PD_THREAD_FLAGS = (1u << 2) - 1,
};

struct pd_thread_create {
    char name[PD_NAME_MAX];
    uint32_t flags;
    uint32_t priority; /* 0 .. 127, cut to the domain's limit */
    uint32_t
        own_slot; /* slot of the domain that also receives the capability; 0: none (ENV_SLOT_THREAD: main thread) */
    uint32_t cpu; /* index in the domain's range of CPUs; ERR_RANGE behind its end */
};

struct pd_thread {
    uint32_t id;
    uint32_t reserved;
    uint64_t message_area; /* address in the domain, chosen by core */
};

struct pd_thread_start {
    uint32_t id;
    uint32_t reserved; /* 0 */
    uint64_t ip;
    uint64_t sp;
    uint64_t argument; /* rdi */
    uint64_t tls;      /* fs_base */
};

#define PD_THREAD_ALL 0u /* no thread has this number */

struct pd_thread_id {
    uint32_t id;
    uint32_t reserved; /* 0 */
};

struct pd_kmem_grow {
    uint64_t frames;
};

struct pd_quota {
    uint64_t ram;
    uint32_t caps;
    uint32_t reserved; /* 0 */
};

struct pd_info {
    uint64_t ram_limit, ram_used;
    uint32_t caps_limit, caps_used;
    uint64_t kmem_frames; /* given to the kernel for this domain; part of ram_used */
    uint64_t kmem_used;   /* of these, what the kernel uses at the moment */
    uint32_t slots;       /* size of the capability space */
    uint32_t threads;
    uint32_t cpus;     /* number of CPUs for its threads */
    uint32_t reserved; /* 0 */
};

struct pd_grant {
    uint32_t slot;
    uint32_t rights; /* of abi/capability.h, to keep */
};

/* Addresses of symbol_table_begin, symbol_table_end and of the end of the names behind it (abi/symbols.h). */
struct pd_symbols {
    uint64_t begin, end, names_end;
};

enum pd_fault_kind {
    PD_FAULT_PAGE = 1,
    PD_FAULT_EXCEPTION = 2,
};

struct pd_fault {
    char thread[PD_NAME_MAX];
    uint32_t kind;   /* enum pd_fault_kind */
    uint32_t vector; /* of the exception */
    uint64_t error_code, address, ip, sp;
};

_Static_assert(sizeof(struct pd_dataspace_alloc) == 16, "wire");
_Static_assert(sizeof(struct pd_dataspace_info) == 16, "wire");
_Static_assert(sizeof(struct pd_attach) == 32, "wire");
_Static_assert(sizeof(struct pd_address) == 8, "wire");
_Static_assert(sizeof(struct pd_region_map_create) == 8, "wire");
_Static_assert(sizeof(struct pd_region_fault) == 16, "wire");
_Static_assert(sizeof(struct pd_thread_create) == 48, "wire");
_Static_assert(sizeof(struct pd_thread) == 16, "wire");
_Static_assert(sizeof(struct pd_thread_start) == 40, "wire");
_Static_assert(sizeof(struct pd_thread_id) == 8, "wire");
_Static_assert(sizeof(struct pd_kmem_grow) == 8, "wire");
_Static_assert(sizeof(struct pd_quota) == 16, "wire");
_Static_assert(sizeof(struct pd_info) == 56, "wire");
_Static_assert(sizeof(struct pd_grant) == 8, "wire");
_Static_assert(sizeof(struct pd_symbols) == 24, "wire");
_Static_assert(sizeof(struct pd_fault) == 72, "wire");

#endif
