/* SPDX-License-Identifier: MIT */
/*
 * A hostile HBA with a hostile disk: every register says what the fuzzer wants, and so do the pages that the disk sends. The
 * driver must keep its own books: every job done at most once, each slot in one set, nothing outside its tables. In the end
 * the disk is gone, and then every job has been done.
 */
#include "driver/block/ahci/ahci_port.h"
#include "lib/device/device.h"

#include <stdlib.h>
#include <string.h>

#define JOBS 40u

struct input {
    const uint8_t *data;
    size_t left;
};

struct fuzz_job {
    struct block_job job;
    bool active;
};

static struct input input;
static struct fuzz_job jobs[JOBS];
static struct ahci_memory memory;
static struct ahci_port port;
static uint64_t now, wake;
static bool dead; /* the input is used up: the disk is gone */

static void require(bool condition)
{
    if (!condition)
        abort();
}

static uint8_t take(void)
{
    if (input.left == 0)
        return 0;
    input.left--;
    return *input.data++;
}

void block_job_done(struct block_job *job, enum status status, uint64_t done)
{
    struct fuzz_job *one = (struct fuzz_job *)job;

    require(one->active && done == (status == OK ? job->length : 0));
    one->active = false;
}

/* What a good device would say: so that the fuzzer gets further than the first question. */
static uint32_t good_value(uint32_t offset, uint8_t kind)
{
    static const struct {
        enum ahci_port_register offset;
        uint32_t value;
    } values[] = {{PORT_SSTS, 0x113}, {PORT_TFD, 0x50}, {PORT_SIG, AHCI_SIGNATURE_DISK}};

    if (offset == AHCI_PORT(0) + PORT_SACT && kind & 1 && port.state == AHCI_RUNNING)
        return port.issued;
    if (offset == AHCI_PORT(0) + PORT_IS && kind >= 0xb0)
        return PORT_IS_TFES;
    for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        if (offset == AHCI_PORT(0) + values[i].offset)
            return values[i].value;
    return 0;
}

static uint32_t hba_read(void *context, uint32_t offset)
{
    uint32_t value = 0;

    (void)context;
    if (dead)
        return offset == AHCI_PORT(0) + PORT_CMD ? 0 : UINT32_MAX;
    uint8_t kind = take();
    if (kind < 0xc0)
        value = good_value(offset, kind);
    else if (kind < 0xe0)
        value = 1u << (kind & 31);
    else
        for (unsigned i = 0; i < 4; i++)
            value = value << 8 | take();
    return value;
}

static void identify_page(uint8_t *page)
{
    page[2 * 49 + 1] = 1;
    page[2 * 76 + 1] = 1;
    page[2 * 75] = 31;
    page[2 * 83 + 1] = 0x44;
    page[2 * 101] = 16; /* 512 MiB */
    page[2 * 169] = 1;
}

static void log_page(uint8_t *page)
{
    page[0] = take();
    page[3] = take();
    page[511] = (uint8_t) - (page[0] + page[3]);
}

/* An internal command: its page is there at once, good or changed in a few places. */
static void hba_write(void *context, uint32_t offset, uint32_t value)
{
    struct ahci_page *page = memory.page;

    (void)context;
    if (offset != AHCI_PORT(0) + PORT_CI || !(value & 1) || !port.internal)
        return;
    memset(page->internal, 0, sizeof(page->internal));
    if (page->internal_table[2] == ATA_IDENTIFY_DEVICE)
        identify_page(page->internal);
    else
        log_page(page->internal);
    uint8_t changes = take();
    for (unsigned i = changes < 0xc0 ? 0 : changes & 7; i > 0; i--) {
        unsigned at = take() << 1;
        page->internal[at | (take() & 1)] ^= take();
    }
    page->headers[0].transferred = changes == 0xff ? take() : ATA_PAGE_SIZE;
}

static uint64_t clock_now(void *context)
{
    (void)context;
    return now;
}

static void set_wake(void *context, uint64_t time)
{
    (void)context;
    wake = time;
}

static void event(void *context, enum ahci_event event, uint32_t detail)
{
    (void)context;
    (void)event;
    (void)detail;
}

static void check_sets(void)
{
    require((port.free ^ port.pending ^ port.issued ^ port.accused) == port.all);
    require((port.free | port.pending | port.issued | port.accused) == port.all);
    require(!(port.suspects & port.free));
    require(port.state != AHCI_RUNNING || !port.accused);
}

static void submit(struct fuzz_job *one)
{
    static struct device_run runs[2] = {{0, 0x100000}, {4096, 0x300000}};
    static struct device_mapping mapping = {.size = 1 << 21, .run_count = 2, .runs = runs};
    static struct block_region region = {.size = 1 << 21, .mapping_opt = &mapping, .write = true};
    static struct block_piece pieces[2] = {{&region, 512, 2048}, {&region, 3000, 2048}};
    static const enum block_operation operations[] = {BLOCK_READ, BLOCK_WRITE, BLOCK_READ, BLOCK_FLUSH,
                                                      BLOCK_DISCARD};
    enum block_operation operation = operations[take() % 5];

    if (one->active || (port.state != AHCI_RUNNING && !port.known))
        return;
    one->job = (struct block_job){.operation = operation,
                                  .length = operation == BLOCK_FLUSH ? 0 : 4096,
                                  .pieces = pieces,
                                  .piece_count = 2};
    one->active = true;
    if (ahci_port_submit(&port, &one->job) != OK)
        one->active = false;
}

static void turn(void)
{
    uint8_t what = take();

    switch (what & 3) {
    case 0: submit(&jobs[(what >> 2) % JOBS]); break;
    case 1: ahci_port_kick(&port); break;
    case 2: ahci_port_interrupt(&port); break;
    default:
        now = wake == AHCI_NEVER ? now : wake;
        now += (uint64_t)(what >> 2) * (what >> 2) * 10 * AHCI_MILLISECOND;
        ahci_port_step(&port);
    }
    check_sets();
}

static void memory_make(void)
{
    memory.page = aligned_alloc(4096, sizeof(struct ahci_page));
    memory.page_bus = 0x10000;
    for (unsigned i = 0; i < AHCI_SLOTS_MAX; i++)
        memory.slots[i].table = malloc(sizeof(struct ahci_table));
}

static void nothing(void *context)
{
    (void)context;
}

static void parse_only(const uint8_t *data, size_t size)
{
    uint8_t page[ATA_PAGE_SIZE] = {}, error;
    struct ata_identity identity;
    unsigned tag;

    memcpy(page, data, size < sizeof(page) ? size : sizeof(page));
    if (ata_identity_parse(page, &identity) == OK) {
        require(identity.blocks > 0 && identity.queue_depth <= ATA_QUEUE_MAX);
        require(identity.block_size == 512 || identity.block_size == 4096);
        require(identity.serial[20] == 0 && identity.model[40] == 0);
    }
    if (ata_error_log_parse(page, &tag, &error) == OK)
        require(tag < ATA_QUEUE_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct ahci_access access = {.read = hba_read,
                                              .write = hba_write,
                                              .now = clock_now,
                                              .wake = set_wake,
                                              .event = event,
                                              .rested = nothing,
                                              .check = nothing};
    struct ahci_settings settings = {
        .slots = 32, .queued = true, .fua = true, .tries = 2, .timeout = AHCI_SECOND};

    parse_only(data, size);
    if (!memory.page)
        memory_make();
    memset(memory.page, 0, sizeof(struct ahci_page));
    memset(jobs, 0, sizeof(jobs));
    input = (struct input){data, size};
    dead = false;
    now = AHCI_SECOND;
    settings.slots = 1 + (take() & 31);
    ahci_port_start(&port, &access, &memory, &settings, 0);
    while (input.left > 0)
        turn();
    dead = true;
    ahci_port_kick(&port);
    for (unsigned i = 0; i < 1000000 && wake != AHCI_NEVER; i++) {
        now += AHCI_SECOND / 4;
        ahci_port_step(&port);
        check_sets();
    }
    require(port.state == AHCI_GONE || port.state == AHCI_RUNNING);
    for (unsigned i = 0; i < JOBS; i++)
        require(!jobs[i].active);
    return 0;
}
