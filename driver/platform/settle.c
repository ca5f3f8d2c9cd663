/* SPDX-License-Identifier: MIT */
/*
 * Functions that PCI cannot reset, but whose kind says how it is done: AHCI controllers and virtio devices.
 *
 * Without it they would keep what a dead driver had ordered. The bus-master bit stops what a device begins from then on; an emulated
 * device has translated the addresses of what is under way before, and goes on writing there (QEMU 7.2: READs in flight
 * of ich9-ahci and virtio-blk; with an IOMMU, too), when that memory may be somebody else's. A reset ends that, and is waited for.
 *
 * Numbers: AHCI 1.3.1, sections 3.1.2 and 10.4.3; VIRTIO 1.2, sections 2.4, 4.1.4 and 4.1.4.3.
 */
#include "driver/platform/settle.h"

#include "contract/io_mem/client.h"
#include "lib/base/cap.h"
#include "lib/base/memory.h"
#include "lib/base/session.h"
#include "lib/base/time.h"
#include "lib/fmt/fmt.h"
#include "lib/range/range.h"
#include "lib/virtio/pci.h"

#include <stddef.h>

#define AHCI_CLASS  0x010601u
#define AHCI_BAR    5u
#define AHCI_GHC    0x04u /* "global HBA control" */
#define AHCI_GHC_HR (1u << 0)
#define AHCI_GHC_AE (1u << 31)    /* must be set for anything else to be */
#define PATIENCE_NS 1000000000ull /* 10.4.3; for virtio as well */

/* Where to write, and what it reads when the reset is over. */
struct register_at {
    unsigned bar;
    uint64_t offset;
    bool ahci;
};

static bool common_configuration(struct pci_function at, unsigned cap, struct register_at *out)
{
    if (pci_read(at, cap + offsetof(struct virtio_pci_cap, cfg_type), 1) != VIRTIO_PCI_CAP_COMMON_CFG)
        return false;
    out->bar = pci_read(at, cap + offsetof(struct virtio_pci_cap, bar), 1);
    out->offset = (uint64_t)pci_read(at, cap + offsetof(struct virtio_pci_cap, offset), 4) +
                  offsetof(struct virtio_pci_common_cfg, device_status);
    return true;
}

static bool virtio_register(struct pci_function at, struct register_at *out)
{
    unsigned cap;

    for (unsigned i = 0; (cap = pci_capability_number(at, PCI_CAP_VENDOR, i)); i++)
        if (common_configuration(at, cap, out))
            return true;
    return false;
}

static bool find(const struct function *function, struct register_at *out)
{
    *out = (struct register_at){.bar = AHCI_BAR, .offset = AHCI_GHC, .ahci = true};
    if (function->node->class_code != AHCI_CLASS) {
        out->ahci = false;
        if (function->node->vendor != VIRTIO_PCI_VENDOR || !virtio_register(function->node->at, out))
            return false;
    }
    return out->bar < PCI_BARS && !function->bar[out->bar].ports && function->bar[out->bar].address &&
           range_ok(out->offset, sizeof(uint32_t), function->bar[out->bar].size);
}

static bool over(const struct register_at *place, volatile uint8_t *address)
{
    return place->ahci ? !(*(volatile uint32_t *)address & AHCI_GHC_HR) : *address == 0;
}

static bool reset(const struct register_at *place, volatile uint8_t *address)
{
    uint64_t end = time_after_ns(PATIENCE_NS);

    if (place->ahci)
        *(volatile uint32_t *)address = AHCI_GHC_AE | AHCI_GHC_HR;
    else
        *address = 0;
    while (!over(place, address))
        if (time_now() >= end)
            return false;
    return true;
}

/* The page of that register, for the time of the reset. */
static bool reset_at(const struct function *function, const struct register_at *place)
{
    struct connection session;
    struct io_mem_range range;
    uint32_t dataspace;
    void *address;
    bool good = false;
    char args[64];

    fmt_format(args, sizeof(args), "base=0x%llx, size=4",
               (unsigned long long)((function->bar[place->bar].address + place->offset) & ~3ull));
    if (session_open(
            &(struct session_options){.service = IO_MEM_SERVICE, .label_opt = "reset", .args_opt = args},
            &session) != OK)
        return false;
    if (io_mem_dataspace(session.slot, &range, &dataspace) == OK) {
        if (memory_attach(dataspace, PD_READ | PD_WRITE, &address) == OK) {
            good = reset(place, (uint8_t *)address + range.page_offset + (place->offset & 3));
            memory_detach(address);
        }
        cap_free(dataspace);
    }
    session_close(&session);
    return good;
}

bool function_settle(struct function *function)
{
    struct register_at place;
    struct pci_function at = function->node->at;
    uint32_t command;

    if (function->resetting || !find(function, &place))
        return false;
    command = pci_read(at, PCI_COMMAND, 2);
    pci_command_change(at, PCI_COMMAND_MASTER, PCI_COMMAND_MEMORY);
    bool good = reset_at(function, &place);

    pci_write(at, PCI_COMMAND, 2, command);
    return good;
}
