/* SPDX-License-Identifier: MIT */
/*
 * Commands in memory: a job's register FIS and table of physical regions, written where the HBA reads them. The data stay
 * where the client has them.
 */
#include "driver/block/ahci/ahci_port.h"
#include "lib/device/device.h"
#include "lib/string/string.h"

_Static_assert(
    AHCI_TRANSFER_MAX / 4096 + 2 * AHCI_PIECES_MAX <= AHCI_PRDS,
    "a piece touches two pages more than it fills, and each page may be a run of its own on the bus");
_Static_assert(AHCI_TRANSFER_MAX <= AHCI_PRD_BYTES_MAX, "a region needs no second descriptor");

static void prd_fill(struct ahci_prd *prd, uint64_t address, uint64_t length)
{
    prd->address_low = (uint32_t)address;
    prd->address_high = (uint32_t)(address >> 32);
    prd->last = (uint32_t)length - 1;
}

/* Number of descriptors used. A function of its own: inlined, its loop would take all registers from the caller. */
[[gnu::noinline]] static unsigned pieces_fill(struct ahci_prd *prds, const struct block_job *job)
{
    unsigned count = 0;

    for (unsigned i = 0; i < job->piece_count; i++) {
        const struct block_piece *piece = &job->pieces[i];
        uint64_t offset = piece->offset, left = piece->length, contiguous;

        while (left > 0) {
            uint64_t address = device_dma_address(piece->region->mapping_opt, offset, &contiguous);
            uint64_t length = left < contiguous ? left : contiguous;
            prd_fill(&prds[count++], address, length);
            offset += length;
            left -= length;
        }
    }
    return count;
}

static unsigned trim_fill(struct ahci_port *port, struct ahci_table *table, uint64_t lba, uint64_t blocks)
{
    ata_trim_fill(lba, blocks, port->memory->page->trim);
    prd_fill(table->prd, port->memory->page_bus + __builtin_offsetof(struct ahci_page, trim), ATA_PAGE_SIZE);
    return 1;
}

/* READ and WRITE by the queue (Serial ATA 13.6): the number of blocks is where others have their features. */
static void queued_fill(struct ata_command *command, unsigned slot, uint64_t blocks, bool write, bool fua)
{
    command->command = write ? ATA_WRITE_FPDMA_QUEUED : ATA_READ_FPDMA_QUEUED;
    command->feature = (uint16_t)blocks;
    command->count = (uint16_t)(slot << 3);
    command->device = (uint8_t)(ATA_DEVICE_LBA | (fua ? ATA_DEVICE_FUA : 0));
}

static void plain_fill(struct ata_command *command, uint64_t blocks, bool write, bool fua)
{
    command->command = !write ? ATA_READ_DMA_EXT : fua ? ATA_WRITE_DMA_FUA_EXT : ATA_WRITE_DMA_EXT;
    command->count = (uint16_t)blocks;
    command->device = ATA_DEVICE_LBA;
}

/* Where a slot's header is now: an internal command has the place of the first one. */
static struct ahci_header *header_of(struct ahci_port *port, unsigned slot)
{
    return slot == 0 && port->internal ? &port->saved : &port->memory->page->headers[slot];
}

void ahci_command_build(struct ahci_port *port, unsigned slot, const struct block_job *job)
{
    struct ahci_table *table = port->memory->slots[slot].table;
    struct ahci_header *header = header_of(port, slot);
    struct ata_command command = {.device = ATA_DEVICE_LBA};
    uint32_t bit = 1u << slot;
    unsigned shift = port->identity.block_size == 4096 ? 12 : 9, prds = 0;
    bool write = job->operation != BLOCK_READ, queued = false;

    port->slow |= bit;
    if (job->operation == BLOCK_FLUSH) {
        command.command = ATA_FLUSH_CACHE_EXT;
        write = false; /* no data */
    } else if (job->operation == BLOCK_DISCARD) {
        command.command = ATA_DATA_SET_MANAGEMENT;
        command.feature = ATA_FEATURE_TRIM;
        command.count = 1;
        prds = trim_fill(port, table, job->offset >> shift, job->length >> shift);
    } else {
        queued = port->settings.queued;
        command.lba = job->offset >> shift;
        if (queued)
            queued_fill(&command, slot, job->length >> shift, write, job->flags & BLOCK_FUA);
        else
            plain_fill(&command, job->length >> shift, write, job->flags & BLOCK_FUA);
        prds = pieces_fill(table->prd, job);
        port->slow &= ~bit;
    }
    port->queued = queued ? port->queued | bit : port->queued & ~bit;
    ata_command_fill(&command, table->fis);
    header->options = AHCI_HEADER_FIS_DWORDS | (write ? AHCI_HEADER_WRITE : 0) | AHCI_HEADER_PRDS(prds);
    header->transferred = 0;
}

/* ---- the driver's own commands ---- */

void ahci_internal_issue(struct ahci_port *port, const struct ata_command *command)
{
    struct ahci_page *page = port->memory->page;
    uint64_t table_bus = port->memory->page_bus + __builtin_offsetof(struct ahci_page, internal_table);
    struct ahci_table *table = (void *)page->internal_table;

    memset(page->internal, 0, sizeof(page->internal));
    ata_command_fill(command, table->fis);
    prd_fill(table->prd, port->memory->page_bus + __builtin_offsetof(struct ahci_page, internal),
             ATA_PAGE_SIZE);
    port->saved = page->headers[0];
    port->internal = true;
    page->headers[0] = (struct ahci_header){
        .options = AHCI_HEADER_FIS_DWORDS | AHCI_HEADER_PRDS(1),
        .table_low = (uint32_t)table_bus,
        .table_high = (uint32_t)(table_bus >> 32),
    };
    port_write(port, PORT_CI, 1);
}

enum status ahci_internal_result(struct ahci_port *port, uint32_t causes)
{
    volatile struct ahci_header *header = &port->memory->page->headers[0];
    uint32_t task = port_read(port, PORT_TFD);
    bool failed = causes & PORT_IS_ERRORS || port_now(port) >= port->deadline;

    if (!failed && port_read(port, PORT_CI) & 1u)
        return ERR_AGAIN;
    uint32_t transferred = header->transferred;
    port->memory->page->headers[0] = port->saved;
    port->internal = false;
    if (failed || task & (ATA_STATUS_ERR | ATA_STATUS_DF | ATA_STATUS_BSY | ATA_STATUS_DRQ) ||
        transferred != ATA_PAGE_SIZE)
        return ERR_IO;
    return OK;
}
