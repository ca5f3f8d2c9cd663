/* SPDX-License-Identifier: MIT */
#include "driver/block/ahci/test/fake_hba.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORT(fake, name) ((fake)->port[(name) / 4])

static void violation(struct fake_hba *fake, const char *text)
{
    fake->violations++;
    fprintf(stderr, "the driver broke a rule: %s\n", text);
}

/* ---- interrupts ---- */

static void update_line(struct fake_hba *fake)
{
    bool raised = PORT(fake, PORT_IS) & PORT(fake, PORT_IE);

    if (raised)
        fake->hba[AHCI_IS / 4] |= 1;
    fake->interrupt = raised && fake->hba[AHCI_GHC / 4] & AHCI_GHC_IE && !fake->lose_interrupts;
}

void fake_raise(struct fake_hba *fake, uint32_t causes)
{
    PORT(fake, PORT_IS) |= causes;
    if (causes & PORT_IS_LINK)
        PORT(fake, PORT_SERR) |= 1u << 16;
    update_line(fake);
}

/* ---- commands in memory ---- */

static struct ahci_header *header_of(const struct fake_hba *fake, unsigned slot)
{
    uint64_t list = PORT(fake, PORT_CLB) | (uint64_t)PORT(fake, PORT_CLBU) << 32;

    return (struct ahci_header *)list + slot;
}

static struct ahci_table *table_of(const struct fake_hba *fake, unsigned slot)
{
    struct ahci_header *header = header_of(fake, slot);

    return (struct ahci_table *)(header->table_low | (uint64_t)header->table_high << 32);
}

static uint8_t command_of(const struct fake_hba *fake, unsigned slot)
{
    return (uint8_t)(table_of(fake, slot)->fis[0] >> 16);
}

static bool is_queued(uint8_t command)
{
    return command == ATA_READ_FPDMA_QUEUED || command == ATA_WRITE_FPDMA_QUEUED;
}

static bool is_write(uint8_t command)
{
    return command == ATA_WRITE_FPDMA_QUEUED || command == ATA_WRITE_DMA_EXT ||
           command == ATA_WRITE_DMA_FUA_EXT;
}

static bool is_transfer(uint8_t command)
{
    return is_queued(command) || is_write(command) || command == ATA_READ_DMA_EXT;
}

uint64_t fake_lba(const struct fake_hba *fake, unsigned slot)
{
    const uint32_t *fis = table_of(fake, slot)->fis;

    if (!is_transfer(command_of(fake, slot)))
        return FAKE_NONE;
    return (fis[1] & 0xffffff) | (uint64_t)(fis[2] & 0xffffff) << 24;
}

static uint32_t count_of(const struct fake_hba *fake, unsigned slot)
{
    const uint32_t *fis = table_of(fake, slot)->fis;

    if (is_queued(command_of(fake, slot)))
        return fis[0] >> 24 | (fis[2] >> 24) << 8;
    return fis[3] & 0xffff;
}

/* Moves `size` bytes between the disk's side and the regions of a command; how many fitted. */
static uint32_t move(struct fake_hba *fake, unsigned slot, uint8_t *data, uint32_t size, bool to_disk)
{
    struct ahci_table *table = table_of(fake, slot);
    unsigned prds = header_of(fake, slot)->options >> 16;
    uint32_t done = 0;

    if (!!(header_of(fake, slot)->options & AHCI_HEADER_WRITE) != to_disk)
        violation(fake, "direction in the header");
    for (unsigned i = 0; i < prds; i++) {
        uint64_t address = table->prd[i].address_low | (uint64_t)table->prd[i].address_high << 32;
        uint32_t length = (table->prd[i].last & 0x3fffff) + 1;
        if (address & 1 || length & 1)
            violation(fake, "odd region");
        if (length > size - done) {
            violation(fake, "regions are longer than the command");
            length = size - done;
        }
        memcpy(to_disk ? data + done : (uint8_t *)address, to_disk ? (uint8_t *)address : data + done,
               length);
        done += length;
    }
    if (done != size)
        violation(fake, "regions are shorter than the command");
    return done;
}

static void trim(struct fake_hba *fake, unsigned slot)
{
    uint8_t page[512];

    move(fake, slot, page, 512, true);
    for (unsigned i = 0; i < 64; i++) {
        uint64_t entry;
        memcpy(&entry, page + 8 * i, 8);
        for (uint64_t block = entry & 0xffffffffffff; block < (entry & 0xffffffffffff) + (entry >> 48);
             block++)
            if (block < FAKE_BLOCKS)
                fake->trimmed[block] = true;
    }
}

static void log_page(struct fake_hba *fake, uint8_t *page)
{
    uint8_t sum = 0;

    memset(page, 0, 512);
    page[0] = (uint8_t)(fake->failed_tag < 0 ? 0x80 : fake->failed_tag);
    if (fake->wrong_log)
        page[0] = (uint8_t)((fake->failed_tag + 7) & 31);
    page[2] = ATA_STATUS_ERR;
    page[3] = fake->failed_error;
    for (unsigned i = 0; i < 511; i++)
        sum = (uint8_t)(sum + page[i]);
    page[511] = (uint8_t)(-sum + (fake->spoilt_log ? 1 : 0));
}

/* ---- the end of commands ---- */

static void leave(struct fake_hba *fake, unsigned slot)
{
    fake->active &= ~(1u << slot);
    PORT(fake, PORT_CI) &= ~(1u << slot);
    PORT(fake, PORT_SACT) &= ~(1u << slot);
}

static void read_page(struct fake_hba *fake, unsigned slot, uint8_t *page)
{
    header_of(fake, slot)->transferred = move(fake, slot, page, 512, false) / (fake->short_page ? 2 : 1);
}

void fake_complete(struct fake_hba *fake, unsigned slot)
{
    uint8_t command = command_of(fake, slot), page[512];
    uint64_t lba = fake_lba(fake, slot);

    if (!(fake->active & 1u << slot))
        abort();
    if (is_transfer(command)) {
        if (lba + count_of(fake, slot) > FAKE_BLOCKS)
            violation(fake, "beyond the end of the disk");
        else
            move(fake, slot, fake->blocks[lba], count_of(fake, slot) * 512, is_write(command));
        fake->fua_writes +=
            is_write(command) && (table_of(fake, slot)->fis[1] >> 31 || command == ATA_WRITE_DMA_FUA_EXT);
    } else if (command == ATA_FLUSH_CACHE_EXT) {
        fake->flushes++;
    } else if (command == ATA_DATA_SET_MANAGEMENT) {
        trim(fake, slot);
    } else if (command == ATA_IDENTIFY_DEVICE) {
        read_page(fake, slot, fake->identify);
    } else if (command == ATA_READ_LOG_EXT) {
        log_page(fake, page);
        read_page(fake, slot, page);
        fake->held = 0;
    } else {
        violation(fake, "unknown command");
    }
    PORT(fake, PORT_TFD) = 0x50;
    leave(fake, slot);
    fake_raise(fake, is_queued(command) ? PORT_IS_SDBS : PORT_IS_DHRS);
}

void fake_fail(struct fake_hba *fake, unsigned slot, uint8_t error)
{
    bool queued = is_queued(command_of(fake, slot));

    PORT(fake, PORT_TFD) =
        (uint32_t)error << 8 | 0x40 | ATA_STATUS_ERR | (fake->busy_after_error ? ATA_STATUS_BSY : 0);
    if (queued) { /* the bit in SACT stays; all others of the queue are aborted by the disk */
        fake->failed_tag = (int)slot;
        fake->failed_error = error;
        fake->held = fake->keep_queue ? 1u << slot : fake->active;
        fake->active &= ~fake->held;
    } else {
        leave(fake, slot);
    }
    fake->halted = !fake->keep_queue;
    fake_raise(fake, PORT_IS_TFES | (queued ? PORT_IS_SDBS : PORT_IS_DHRS));
}

void fake_fault(struct fake_hba *fake, unsigned slot)
{
    PORT(fake, PORT_TFD) = 0x40 | ATA_STATUS_DF;
    leave(fake, slot);
    fake_raise(fake, PORT_IS_DHRS);
}

/* ---- registers ---- */

static void issue(struct fake_hba *fake, uint32_t slots)
{
    if (!(PORT(fake, PORT_CMD) & PORT_CMD_ST))
        violation(fake, "CI while the list is stopped");
    for (unsigned slot = 0; slot < 32; slot++) {
        if (!(slots & 1u << slot))
            continue;
        PORT(fake, PORT_CI) |= 1u << slot;
        if (fake->halted)
            continue;
        uint8_t command = command_of(fake, slot);
        if (fake->active & 1u << slot)
            violation(fake, "slot is in use");
        if (is_queued(command) != !!(PORT(fake, PORT_SACT) & 1u << slot))
            violation(fake, "SACT does not fit the command");
        if (is_queued(command) && (table_of(fake, slot)->fis[3] & 0xf8) != slot << 3)
            violation(fake, "tag");
        for (unsigned other = 0; other < 32; other++)
            if (fake->active & 1u << other && is_queued(command_of(fake, other)) != is_queued(command))
                violation(fake, "queued and other commands are mixed");
        if (is_queued(command) && fake->held) {
            violation(fake, "the queue waits for READ LOG");
            continue;
        }
        fake->active |= 1u << slot;
        if (is_queued(command))
            PORT(fake, PORT_CI) &= ~(1u << slot); /* accepted */
        if (command == ATA_READ_LOG_EXT) {
            fake->log_reads++;
            if (fake->mute_log)
                continue;
            if (fake->no_log)
                fake_fail(fake, slot, ATA_ERROR_ABRT);
            else
                fake_complete(fake, slot);
        } else if (command == ATA_IDENTIFY_DEVICE) {
            fake_complete(fake, slot);
        }
    }
    unsigned count = (unsigned)__builtin_popcount(fake->active);
    fake->most_active = count > fake->most_active ? count : fake->most_active;
}

static void cancel_all(struct fake_hba *fake)
{
    fake->active = fake->held = 0;
    fake->halted = false;
    PORT(fake, PORT_CI) = PORT(fake, PORT_SACT) = 0;
}

static void comreset(struct fake_hba *fake)
{
    fake->comresets++;
    cancel_all(fake);
    if (fake->dead_link || fake->no_disk) {
        PORT(fake, PORT_SSTS) = 0;
        return;
    }
    PORT(fake, PORT_SSTS) = 0x113;
    PORT(fake, PORT_TFD) = 0x50;
    PORT(fake, PORT_SIG) = fake->atapi ? AHCI_SIGNATURE_ATAPI : AHCI_SIGNATURE_DISK;
    PORT(fake, PORT_CMD) &= ~PORT_CMD_CR;
    if (fake->other_serial)
        fake->identify[20] ^= 1;
    if (fake->spoilt_identify)
        fake->identify[1] ^= 0x80;
    fake_raise(fake, PORT_IS_PRCS | PORT_IS_PCS);
}

static void write_command(struct fake_hba *fake, uint32_t value)
{
    bool was = PORT(fake, PORT_CMD) & PORT_CMD_ST, is = value & PORT_CMD_ST;
    uint32_t running = PORT(fake, PORT_CMD) & PORT_CMD_CR;

    if (!was && is &&
        (PORT(fake, PORT_TFD) & (ATA_STATUS_BSY | ATA_STATUS_DRQ) || running || !(value & PORT_CMD_FRE)))
        violation(fake, "start while the port is not ready");
    if (is)
        running = PORT_CMD_CR;
    else if (was && !fake->sticky_cr)
        running = 0;
    if (was && !is && !fake->keep_queue) {
        uint32_t held = fake->held;
        cancel_all(fake);
        fake->held = held; /* the disk still waits for READ LOG */
    }
    PORT(fake, PORT_CMD) = (value & ~PORT_CMD_CR) | running;
}

static void write_port(struct fake_hba *fake, uint32_t offset, uint32_t value)
{
    uint32_t old = fake->port[offset / 4], late = fake->interrupt ? fake->late : 0;

    switch (offset) {
    case PORT_IS:
        PORT(fake, PORT_IS) &= ~value | (PORT(fake, PORT_SERR) ? PORT_IS_LINK & PORT(fake, PORT_IS) : 0);
        fake->late &= ~late;
        fake_raise(fake, late);
        break;
    case PORT_SERR:
        PORT(fake, PORT_SERR) = old & ~value;
        if (!PORT(fake, PORT_SERR))
            PORT(fake, PORT_IS) &= ~PORT_IS_LINK;
        update_line(fake);
        break;
    case PORT_CMD: write_command(fake, value); break;
    case PORT_SCTL:
        PORT(fake, PORT_SCTL) = value;
        if ((old & 15) == PORT_SCTL_DET_RESET && (value & 15) == 0)
            comreset(fake);
        break;
    case PORT_SACT: PORT(fake, PORT_SACT) |= value; break;
    case PORT_CI: issue(fake, value); break;
    default: fake->port[offset / 4] = value; update_line(fake);
    }
}

static uint32_t hba_read(void *context, uint32_t offset)
{
    struct fake_hba *fake = context;

    fake->register_accesses++;
    if (offset < AHCI_PORT(0))
        return fake->hba[offset / 4];
    return offset < AHCI_PORT(1) ? fake->port[(offset - AHCI_PORT(0)) / 4] : 0;
}

static void hba_write(void *context, uint32_t offset, uint32_t value)
{
    struct fake_hba *fake = context;

    fake->register_accesses++;
    if (offset >= AHCI_PORT(1))
        return;
    if (offset >= AHCI_PORT(0)) {
        write_port(fake, offset - AHCI_PORT(0), value);
    } else if (offset == AHCI_IS) {
        fake->hba[AHCI_IS / 4] &= ~value;
        update_line(fake);
    } else if (offset == AHCI_GHC) {
        fake->hba_resets += value & AHCI_GHC_HR;
        fake->hba[AHCI_GHC / 4] = value & ~(fake->stuck_reset ? 0 : AHCI_GHC_HR);
    } else if (offset == AHCI_BOHC) {
        fake->hba[AHCI_BOHC / 4] = value & ~(fake->firmware_holds ? 0 : AHCI_BOHC_BOS);
    }
}

/* ---- the rest ---- */

static uint64_t clock_now(void *context)
{
    return ((struct fake_hba *)context)->now;
}

static void wake(void *context, uint64_t time)
{
    ((struct fake_hba *)context)->wake = time;
}

static void rested(void *context)
{
    struct fake_hba *fake = context;

    if (PORT(fake, PORT_CMD) & (PORT_CMD_ST | PORT_CMD_CR))
        violation(fake, "told to be at rest, and is at work");
    fake->rests++;
}

static void check(void *context)
{
    ((struct fake_hba *)context)->checks++;
}

static void event(void *context, enum ahci_event event, uint32_t detail)
{
    struct fake_hba *fake = context;

    if (fake->event_count == 256)
        fake->event_count = 0;
    fake->events[fake->event_count] = event;
    fake->details[fake->event_count++] = detail;
}

unsigned fake_events(const struct fake_hba *fake, enum ahci_event event)
{
    unsigned count = 0;

    for (unsigned i = 0; i < fake->event_count; i++)
        count += fake->events[i] == event;
    return count;
}

static void put_word(struct fake_hba *fake, unsigned word, unsigned value)
{
    fake->identify[2 * word] = (uint8_t)value;
    fake->identify[2 * word + 1] = (uint8_t)(value >> 8);
}

void fake_identity_sum(struct fake_hba *fake)
{
    uint8_t sum = 0;

    put_word(fake, 255, 0xa5);
    for (unsigned i = 0; i < 511; i++)
        sum = (uint8_t)(sum + fake->identify[i]);
    fake->identify[511] = (uint8_t)-sum;
}

void fake_start(struct fake_hba *fake, unsigned slots)
{
    memset(fake, 0, sizeof(*fake));
    fake->now = 1000 * AHCI_SECOND;
    fake->wake = AHCI_NEVER;
    fake->failed_tag = -1;
    fake->hba[AHCI_CAP / 4] = AHCI_CAP_S64A | AHCI_CAP_SNCQ | (slots - 1) << 8;
    fake->hba[AHCI_PI / 4] = 1;
    fake->hba[AHCI_CAP2 / 4] = AHCI_CAP2_BOH;
    fake->hba[AHCI_BOHC / 4] = AHCI_BOHC_BOS;
    PORT(fake, PORT_TFD) = 0x7f;
    memcpy(fake->identify + 20, "AFEK0010            ", 20);
    memcpy(fake->identify + 54, "afekd si k                              ", 40);
    put_word(fake, 49, 1u << 9 | 1u << 8);
    put_word(fake, 75, slots - 1);
    put_word(fake, 76, 1u << 8);
    put_word(fake, 82, 1u << 5);
    put_word(fake, 83, 1u << 14 | 1u << 13 | 1u << 10);
    put_word(fake, 84, 1u << 14 | 1u << 6);
    put_word(fake, 85, 1u << 5);
    put_word(fake, 100, FAKE_BLOCKS);
    put_word(fake, 106, 1u << 14);
    put_word(fake, 169, 1);
    fake_identity_sum(fake);
    fake->access = (struct ahci_access){.read = hba_read,
                                        .write = hba_write,
                                        .now = clock_now,
                                        .wake = wake,
                                        .event = event,
                                        .rested = rested,
                                        .check = check,
                                        .context = fake};
    fake->memory.page = aligned_alloc(4096, sizeof(struct ahci_page));
    memset(fake->memory.page, 0, sizeof(struct ahci_page));
    fake->memory.page_bus = (uintptr_t)fake->memory.page;
    for (unsigned i = 0; i < slots; i++) {
        fake->memory.slots[i].table = aligned_alloc(128, sizeof(struct ahci_table));
        memset(fake->memory.slots[i].table, 0, sizeof(struct ahci_table));
        fake->memory.slots[i].bus = (uintptr_t)fake->memory.slots[i].table;
    }
}

void fake_stop(struct fake_hba *fake)
{
    free(fake->memory.page);
    for (unsigned i = 0; i < AHCI_SLOTS_MAX; i++)
        free(fake->memory.slots[i].table);
}
