/* SPDX-License-Identifier: MIT */
/*
 * A hostile controller: whatever it writes into its queues and identify pages, and whatever its registers say, each job ends
 * exactly once, nothing outside its memory is touched (the sanitizers watch), and no loop lasts.
 *
 * The input is a program: jobs, bytes written into shared memory, interrupts, ticks; registers are read from it too.
 */
#include "driver/block/nvme/disk.h"
#include "lib/device/device.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH 8u
#define JOBS  16u

struct fuzz_job {
    struct block_job job;
    bool busy;
};

static const uint8_t *input;
static size_t left;
static uint64_t clock_ms;
static struct nvme_disk disk;
static struct fuzz_job jobs[JOBS];
static uint8_t *admin_memory, *scratch, *queues[2], *lists;

static uint8_t byte(void)
{
    if (left == 0)
        return 0;
    left--;
    return *input++;
}

static uint32_t word(void)
{
    uint32_t value = byte();

    return value << 24 | (uint32_t)byte() << 16 | (uint32_t)byte() << 8 | byte();
}

void block_server_check_memory(struct block_device *device)
{
    (void)device;
}

void block_job_done(struct block_job *job, enum status status, uint64_t done)
{
    struct fuzz_job *own = (struct fuzz_job *)job;

    if (!own->busy || done > job->length || (status == OK && done != job->length))
        abort();
    own->busy = false;
}

uint64_t device_dma_address(const struct device_mapping *mapping, uint64_t offset, uint64_t *contiguous)
{
    (void)mapping;
    *contiguous = 4096 - offset % 4096;
    return 0x1000000 + offset;
}

/* As long as it starts, a controller is polite half of the time, or nothing would ever be tried. */
static uint32_t read_register(void *context, uint32_t offset)
{
    (void)context;
    if (left && (byte() & 3) == 0)
        return word();
    switch (offset) {
    case NVME_CAP: return 63;
    case NVME_CAP + 4: return 1 << 5;
    case NVME_CSTS: return byte() & 1;
    default: return 0;
    }
}

static void complete(uint8_t *memory, struct nvme_queue *queue, uint32_t status)
{
    struct nvme_completion *entry = (struct nvme_completion *)(void *)(memory + NVME_PAGE) + queue->head;

    entry->status = (status & ~(1u << 16)) | (uint32_t)queue->phase << 16;
}

/* Answers an admin command at once: its slot is the last one that was taken. */
static void write_register(void *context, uint32_t offset, uint32_t value)
{
    (void)context;
    (void)value;
    if (offset != NVME_DOORBELLS)
        return;
    for (unsigned i = 0; i < 8 && left; i++)
        scratch[word() % NVME_PAGE] = byte();
    scratch[NVME_NS_NSZE + 1] |= 1;
    scratch[NVME_NS_LBAF0 + 2] = byte() & 4 ? scratch[NVME_NS_LBAF0 + 2] : 9;
    for (uint32_t slot = 0; slot < NVME_ADMIN_DEPTH - 1; slot++)
        if (disk.controller.admin.owner_opt[slot] &&
            !(disk.controller.admin.owner_opt[slot] == &disk.controller.event_pending))
            complete(admin_memory, &disk.controller.admin, slot | (byte() == 1 ? 2u << 17 : 0));
}

static uint64_t now_ms(void *context)
{
    (void)context;
    return clock_ms;
}

static void rested(void *context)
{
    (void)context;
}

static void pause(void *context)
{
    (void)context;
    clock_ms += 500;
}

static void isolate(struct nvme_disk *of)
{
    (void)of;
}

static void submit(void)
{
    static struct device_mapping *mapping;
    static struct block_region region;
    static struct block_piece piece = {.region = &region};
    static const enum block_operation operations[] = {BLOCK_READ, BLOCK_WRITE, BLOCK_FLUSH, BLOCK_DISCARD,
                                                      BLOCK_WRITE_ZEROES};

    region.mapping_opt = mapping;
    for (unsigned i = 0; i < JOBS; i++) {
        if (jobs[i].busy)
            continue;
        enum block_operation operation = operations[byte() % 5];

        piece.length = 512;
        piece.offset = byte() * 4u;
        jobs[i] = (struct fuzz_job){.busy = true,
                                    .job = {.operation = operation,
                                            .offset = byte() * 4096u,
                                            .length = operation == BLOCK_FLUSH ? 0 : 4096,
                                            .pieces = &piece,
                                            .piece_count = 1}};
        piece.length = 4096;
        if (nvme_disk_submit(&disk.device, &jobs[i].job) == ERR_AGAIN)
            jobs[i].busy = false;
        nvme_disk_kick(&disk.device);
        return;
    }
}

static void step(void)
{
    unsigned queue = byte() % disk.controller.queues;

    switch (byte() % 8) {
    case 0: nvme_disk_complete(&disk, queue); break;
    case 1: (void)nvme_disk_event(&disk); break;
    case 2: (void)nvme_disk_tick(&disk); break;
    case 3: queues[queue][NVME_PAGE + word() % (DEPTH * 16)] = byte(); break;
    case 4: complete(queues[queue], &disk.controller.io[queue], word()); break;
    case 5: complete(queues[queue], &disk.controller.io[queue], byte() % DEPTH); break;
    default: submit();
    }
}

static unsigned busy(void)
{
    unsigned count = 0;

    for (unsigned i = 0; i < JOBS; i++)
        count += jobs[i].busy;
    return count;
}

static void make(void)
{
    if (!admin_memory) {
        admin_memory = aligned_alloc(4096, 8192);
        scratch = aligned_alloc(4096, 4096);
        queues[0] = aligned_alloc(4096, 8192);
        queues[1] = aligned_alloc(4096, 8192);
        lists = aligned_alloc(4096, 4096 * 2 * DEPTH);
    }
    memset(scratch, 0, 4096);
    memset(jobs, 0, sizeof(jobs));
    memset(&disk, 0, sizeof(disk));
    disk.controller = (struct nvme_controller){.hardware = {.read = read_register,
                                                            .write = write_register,
                                                            .now_ms = now_ms,
                                                            .rested = rested,
                                                            .pause = pause,
                                                            .size = 0x4000},
                                               .nsid = 1,
                                               .depth = DEPTH,
                                               .queues = 2,
                                               .vectors = 2,
                                               .admin_memory = {admin_memory, 0x1000},
                                               .scratch = {scratch, 0x3000},
                                               .memory = {{queues[0], 0x4000}, {queues[1], 0x6000}}};
    disk.lists = (struct nvme_memory){lists, 0x8000};
    disk.timeout = 3;
    disk.isolate = isolate;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input = data;
    left = size;
    make();
    if (nvme_controller_start(&disk.controller) != OK)
        return 0;
    nvme_disk_init(&disk);
    while (left) {
        step();
        if (busy() != disk.in_flight)
            abort();
    }
    return 0;
}
