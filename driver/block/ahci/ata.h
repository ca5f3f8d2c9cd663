/* SPDX-License-Identifier: MIT */
/*
 * What a disk is told and tells: ATA commands in their register FIS, the IDENTIFY page, the error log of queued commands, and
 * the ranges of a TRIM, as in "ATA/ATAPI Command Set - 4" (ACS-4) and "Serial ATA 3.x".
 *
 * Hardware-free. Pages that come from the disk are checked here and nowhere else.
 */
#ifndef DRIVER_BLOCK_AHCI_ATA_H
#define DRIVER_BLOCK_AHCI_ATA_H

#include "lib/base/status.h"

#include <stdbool.h>
#include <stdint.h>

#define ATA_PAGE_SIZE 512u

enum ata_opcode {
    ATA_DATA_SET_MANAGEMENT = 0x06,
    ATA_READ_DMA_EXT = 0x25,
    ATA_READ_LOG_EXT = 0x2f,
    ATA_WRITE_DMA_EXT = 0x35,
    ATA_WRITE_DMA_FUA_EXT = 0x3d,
    ATA_READ_FPDMA_QUEUED = 0x60,
    ATA_WRITE_FPDMA_QUEUED = 0x61,
    ATA_FLUSH_CACHE_EXT = 0xea,
    ATA_IDENTIFY_DEVICE = 0xec,
};

#define ATA_STATUS_ERR (1u << 0)
#define ATA_STATUS_DRQ (1u << 3)
#define ATA_STATUS_DF  (1u << 5)
#define ATA_STATUS_BSY (1u << 7)

#define ATA_ERROR_ABRT (1u << 2) /* command aborted */
#define ATA_ERROR_ICRC (1u << 7) /* spoilt on the cable */

#define ATA_DEVICE_LBA (1u << 6)
#define ATA_DEVICE_FUA (1u << 7) /* of a WRITE FPDMA QUEUED */

#define ATA_FEATURE_TRIM    1u    /* of a DATA SET MANAGEMENT */
#define ATA_LOG_QUEUED      0x10u /* queued error log (ACS-4 9.14) */
#define ATA_QUEUE_MAX       32u
#define ATA_TRIM_RANGES     (ATA_PAGE_SIZE / 8)
#define ATA_TRIM_BLOCKS_MAX 65535u /* of a range */

struct ata_command {
    uint8_t command; /* enum ata_opcode */
    uint8_t device;
    uint16_t feature, count;
    uint64_t lba;
};

/* Register FIS, host to device (Serial ATA 10.5.5), five words. */
static inline void ata_command_fill(const struct ata_command *command, uint32_t *fis)
{
    fis[0] = 0x27u | 1u << 15 | (uint32_t)command->command << 16 | (uint32_t)(command->feature & 0xff) << 24;
    fis[1] = (uint32_t)(command->lba & 0xffffff) | (uint32_t)command->device << 24;
    fis[2] = (uint32_t)(command->lba >> 24 & 0xffffff) | (uint32_t)(command->feature >> 8) << 24;
    fis[3] = command->count;
    fis[4] = 0;
}

struct ata_identity {
    uint64_t blocks;
    uint32_t block_size, physical_block_size;
    uint32_t queue_depth; /* commands that it queues; 0: none */
    bool trim;
    bool fua;         /* writes can bypass the write cache */
    bool write_cache; /* is on: completed writes are volatile */
    char serial[21], model[41];
};

/* ERR_INVALID: no such page, or spoilt. ERR_UNSUPPORTED: a disk without 48-bit addresses or DMA, or with an odd block size. */
[[nodiscard]] enum status ata_identity_parse(const uint8_t page[ATA_PAGE_SIZE], struct ata_identity *out);

/* The command that failed and its error register, from the queued error log. ERR_INVALID: spoilt; ERR_NOT_FOUND: it was none
   of the queue. */
[[nodiscard]] enum status ata_error_log_parse(const uint8_t page[ATA_PAGE_SIZE], unsigned *tag,
                                              uint8_t *error);

/* The ranges for a TRIM of `blocks` blocks from `lba` on, at most ATA_TRIM_RANGES * ATA_TRIM_BLOCKS_MAX. */
void ata_trim_fill(uint64_t lba, uint64_t blocks, uint8_t page[ATA_PAGE_SIZE]);

#endif
