/* SPDX-License-Identifier: MIT */
/*
 * The host bus adapter as a whole: taken over from the firmware, reset, and switched to AHCI. Hardware-free.
 */
#ifndef DRIVER_BLOCK_AHCI_HBA_H
#define DRIVER_BLOCK_AHCI_HBA_H

#include "driver/block/ahci/ahci_register.h"
#include "lib/base/status.h"

#include <stdbool.h>
#include <stdint.h>

struct ahci_hba {
    uint32_t (*read)(void *context, uint32_t offset);
    void (*write)(void *context, uint32_t offset, uint32_t value);
    void (*pause)(void *context, uint64_t ns);
    void *context;
    uint64_t size; /* bytes of registers */

    /* found by ahci_hba_start: */
    uint32_t ports; /* that are implemented and have registers */
    unsigned slots; /* of each port */
    bool queued;    /* SNCQ */
    bool wide;      /* S64A: reaches memory above 4 GiB */
};

/* Waits for up to four seconds, but only for a slow firmware or HBA. ERR_TIMEOUT: the reset does not end. ERR_NOT_FOUND: no port. */
[[nodiscard]] enum status ahci_hba_start(struct ahci_hba *hba);

/* Can the HBA reach [address, address + size)? */
bool ahci_hba_reaches(const struct ahci_hba *hba, uint64_t address, uint64_t size);

#endif
