/* SPDX-License-Identifier: MIT */
#include "driver/block/ahci/ahci_hba.h"

#include "lib/range/range.h"

#define MILLISECOND   1000000ull
#define HANDOFF_LIMIT 25u   /* ms: the BIOS begins (10.6.3) */
#define CLEANUP_LIMIT 2000u /* ms: and has ended */
#define RESET_LIMIT   1000u /* ms (10.4.3) */
#define LOW_MEMORY    (1ull << 32)

static uint32_t read(struct ahci_hba *hba, enum ahci_hba_register offset)
{
    return hba->read(hba->context, offset);
}

static void write(struct ahci_hba *hba, enum ahci_hba_register offset, uint32_t value)
{
    hba->write(hba->context, offset, value);
}

/* Waits until the bits are clear; false: they are not. */
static bool wait_clear(struct ahci_hba *hba, enum ahci_hba_register offset, uint32_t bits,
                       unsigned milliseconds)
{
    for (unsigned i = 0; i <= milliseconds; i++) {
        if (!(read(hba, offset) & bits))
            return true;
        hba->pause(hba->context, MILLISECOND);
    }
    return false;
}

/* 10.6.3. A BIOS that does not let go has lost: the reset takes the HBA from it. */
static void take_over(struct ahci_hba *hba)
{
    if (!(read(hba, AHCI_CAP2) & AHCI_CAP2_BOH))
        return;
    write(hba, AHCI_BOHC, read(hba, AHCI_BOHC) | AHCI_BOHC_OOS);
    if (!wait_clear(hba, AHCI_BOHC, AHCI_BOHC_BOS, HANDOFF_LIMIT) && read(hba, AHCI_BOHC) & AHCI_BOHC_BB)
        (void)wait_clear(hba, AHCI_BOHC, AHCI_BOHC_BOS, CLEANUP_LIMIT);
}

static uint32_t ports_with_registers(uint64_t size)
{
    uint32_t ports = 0;

    for (unsigned i = 0; i < AHCI_PORTS_MAX; i++)
        ports |= range_ok(AHCI_PORT(i), AHCI_PORT(1) - AHCI_PORT(0), size) ? 1u << i : 0;
    return ports;
}

enum status ahci_hba_start(struct ahci_hba *hba)
{
    if (!range_ok(0, AHCI_PORT(1), hba->size))
        return ERR_NOT_FOUND;
    take_over(hba);
    write(hba, AHCI_GHC, AHCI_GHC_AE);
    write(hba, AHCI_GHC, AHCI_GHC_AE | AHCI_GHC_HR);
    if (!wait_clear(hba, AHCI_GHC, AHCI_GHC_HR, RESET_LIMIT))
        return ERR_TIMEOUT;
    write(hba, AHCI_GHC, AHCI_GHC_AE);

    uint32_t cap = read(hba, AHCI_CAP);
    hba->slots = AHCI_CAP_SLOTS(cap);
    hba->queued = cap & AHCI_CAP_SNCQ;
    hba->wide = cap & AHCI_CAP_S64A;
    hba->ports = read(hba, AHCI_PI) & ports_with_registers(hba->size);
    write(hba, AHCI_IS, UINT32_MAX);
    write(hba, AHCI_GHC, AHCI_GHC_AE | AHCI_GHC_IE);
    return hba->ports ? OK : ERR_NOT_FOUND;
}

bool ahci_hba_reaches(const struct ahci_hba *hba, uint64_t address, uint64_t size)
{
    return hba->wide || range_ok(address, size, LOW_MEMORY);
}
