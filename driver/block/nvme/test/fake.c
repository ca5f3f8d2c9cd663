/* SPDX-License-Identifier: MIT */
/* See fake.h. */
#include "driver/block/nvme/test/fake.h"

#include "lib/range/range.h"
#include "test/check.h"

#include <stdlib.h>
#include <string.h>

#define STATUS(sct, sc) ((uint32_t)(sct) << 25 | (uint32_t)(sc) << 17)
#define STATUS_DNR      (1u << 31)
#define INVALID_FIELD   (STATUS(0, 2) | STATUS_DNR)

uint32_t fake_random(struct fake *fake, uint32_t limit)
{
    fake->seed = fake->seed * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(fake->seed >> 33) % limit;
}

void fake_init(struct fake *fake, uint32_t block_size, uint64_t blocks)
{
    uint64_t seed = fake->seed;

    *fake = (struct fake){.block_size = block_size,
                          .blocks = blocks,
                          .entries_max = 64,
                          .queues_max = 4,
                          .mdts = 7,
                          .disk = calloc(blocks, block_size),
                          .durable = calloc(blocks, block_size),
                          .seed = seed + 1};
}

void fake_free(struct fake *fake)
{
    free(fake->disk);
    free(fake->durable);
}

void fake_area_add(struct fake *fake, void *bytes, uint64_t bus, uint64_t size)
{
    REQUIRE(fake->areas < FAKE_AREAS);
    fake->area[fake->areas++] = (struct fake_area){bus, size, bytes};
}

/* ---- DMA ---- */

static uint8_t *at(struct fake *fake, uint64_t bus, uint64_t size)
{
    for (unsigned i = 0; i < fake->areas; i++)
        if (bus >= fake->area[i].bus && range_ok(bus - fake->area[i].bus, size, fake->area[i].size))
            return fake->area[i].bytes + (bus - fake->area[i].bus);
    check_fail(__FILE__, __LINE__);
    printf("the device reaches 0x%llx, which it was not given\n", (unsigned long long)bus);
    exit(check_finish());
}

/* Moves `size` bytes at a bus address from or to the disk at *disk. */
static void move(struct fake *fake, uint64_t bus, uint64_t size, bool to_disk, uint8_t **disk)
{
    uint8_t *memory = at(fake, bus, size);

    memcpy(to_disk ? *disk : memory, to_disk ? memory : *disk, size);
    *disk += size;
}

static void move_sgl(struct fake *fake, const struct nvme_command *command, uint64_t size, bool to_disk,
                     uint8_t *disk)
{
    struct nvme_sgl segment;

    memcpy(&segment, command->dptr, sizeof(segment));
    CHECK(fake->sgl);
    CHECK_EQ(segment.kind, 0x30);
    CHECK_EQ(segment.length % 16, 0);
    fake->sgl_commands++;
    for (uint64_t i = 0; i < segment.length / 16; i++) {
        struct nvme_sgl data;

        memcpy(&data, at(fake, segment.address + 16 * i, 16), 16);
        CHECK_EQ(data.kind, 0);
        REQUIRE(data.length <= size);
        move(fake, data.address, data.length, to_disk, &disk);
        size -= data.length;
    }
    CHECK_EQ(size, 0);
}

/* 4.3: the first entry may have an offset; the others have none. The second is a page, or a list if more than one page is left. */
static void move_prp(struct fake *fake, const struct nvme_command *command, uint64_t size, bool to_disk,
                     uint8_t *disk)
{
    uint64_t first = command->dptr[0], part = 4096 - (first & 4095);

    if (part > size)
        part = size;
    move(fake, first, part, to_disk, &disk);
    size -= part;
    for (uint64_t i = 0; size > 0; i++) {
        uint64_t entry = command->dptr[1];

        if (i > 0 || size > 4096)
            memcpy(&entry, at(fake, command->dptr[1] + 8 * i, 8), 8);
        CHECK_EQ(entry & 4095, 0);
        part = size < 4096 ? size : 4096;
        move(fake, entry, part, to_disk, &disk);
        size -= part;
    }
}

/* ---- commands ---- */

static void complete(struct fake *fake, uint32_t queue, uint32_t identifier, uint32_t dw0, uint32_t status)
{
    struct fake_queue *q = &fake->queue[queue];
    struct nvme_completion entry = {.dw0 = dw0, .sq = q->head | queue << 16};

    entry.status = identifier | q->phase << 16 | status;
    CHECK((q->completion_tail + 1) % q->completion_entries != q->completion_head);
    memcpy(at(fake, q->completion + 16ull * q->completion_tail, 16), &entry, 16);
    if (++q->completion_tail == q->completion_entries) {
        q->completion_tail = 0;
        q->phase ^= 1;
    }
    fake->interrupts++;
}

static void identify(struct fake *fake, const struct nvme_command *command)
{
    uint8_t id[4096] = {0};
    uint32_t oncs = 4 | 8;

    if ((command->cdw10 & 0xff) == 1) {
        memset(id + 4, ' ', 60);
        memcpy(id + 4, "serial 7", 8);
        memcpy(id + 24, "fake\x01", 5);
        id[77] = (uint8_t)fake->mdts;
        id[516] = 1;
        memcpy(id + 520, &oncs, 2);
        id[525] = 1;
        id[536] = fake->sgl;
    } else if (command->nsid == 1) {
        memcpy(id, &fake->blocks, 8);
        id[25] = 1;
        id[26] = 1;
        id[99] = fake->read_only;
        id[132] = fake->metadata ? 8 : 0;
        id[134] = fake->block_size == 512 ? 9 : fake->block_size == 4096 ? 12 : 10;
    }
    memcpy(at(fake, command->dptr[0], 4096), id, 4096);
}

static uint32_t create(struct fake *fake, const struct nvme_command *command, bool completion)
{
    uint32_t id = command->cdw10 & 0xffff, entries = (command->cdw10 >> 16) + 1;

    if (id == 0 || id > fake->queues_max || entries > fake->entries_max || !(command->cdw11 & 1))
        return INVALID_FIELD;
    struct fake_queue *queue = &fake->queue[id];

    if (completion) {
        CHECK(command->cdw11 & 2);
        *queue =
            (struct fake_queue){.completion = command->dptr[0], .completion_entries = entries, .phase = 1};
        return 0;
    }
    CHECK_EQ(command->cdw11 >> 16, id);
    CHECK(queue->completion);
    queue->submission = command->dptr[0];
    queue->submission_entries = entries;
    return 0;
}

static void do_admin(struct fake *fake, const struct nvme_command *command)
{
    uint32_t identifier = command->cdw0 >> 16, status = 0, dw0 = 0;

    if (fake->admin_stuck)
        return;
    switch (command->cdw0 & 0xff) {
    case 0x06:
        if ((command->cdw10 & 0xff) == 0 && command->nsid != 1)
            status = STATUS(0, 0x0b) | STATUS_DNR;
        else
            identify(fake, command);
        break;
    case 0x05: status = create(fake, command, true); break;
    case 0x01: status = create(fake, command, false); break;
    case 0x09: dw0 = (fake->queues_max - 1) << 16 | (fake->queues_max - 1); break;
    case 0x02: memset(at(fake, command->dptr[0], 4096), 0, 4096); break;
    case 0x0c:
        fake->event_asked = true;
        fake->event_slot = identifier;
        return;
    default: status = STATUS(0, 1) | STATUS_DNR;
    }
    complete(fake, 0, identifier, dw0, status);
}

static uint32_t do_range(struct fake *fake, const struct nvme_command *command)
{
    uint64_t first = command->cdw10 | (uint64_t)command->cdw11 << 32, count = (command->cdw12 & 0xffff) + 1;
    uint64_t size = count * fake->block_size;
    uint8_t opcode = (uint8_t)command->cdw0;
    uint8_t *disk = fake->disk + first * fake->block_size;

    if (!range_ok(first, count, fake->blocks))
        return STATUS(0, 0x80) | STATUS_DNR;
    if (opcode != 2 && fake->read_only)
        return STATUS(0, 0x20) | STATUS_DNR;
    if (fake->bad_block && first <= fake->bad_block && fake->bad_block < first + count)
        return STATUS(2, 0x81);
    if (opcode == 8)
        memset(disk, 0, size);
    else if (command->cdw0 & 1 << 14)
        move_sgl(fake, command, size, opcode == 1, disk);
    else
        move_prp(fake, command, size, opcode == 1, disk);
    if (opcode != 2 && command->cdw12 & 1u << 30) {
        memcpy(fake->durable + first * fake->block_size, disk, size);
        fake->fua_writes++;
    }
    return 0;
}

static uint32_t do_discard(struct fake *fake, const struct nvme_command *command)
{
    struct nvme_range range;

    memcpy(&range, at(fake, command->dptr[0], 16), 16);
    if (command->cdw10 != 0 || !(command->cdw11 & 4) || !range_ok(range.first, range.blocks, fake->blocks))
        return INVALID_FIELD;
    memset(fake->disk + range.first * fake->block_size, 0xdd, (size_t)range.blocks * fake->block_size);
    return 0;
}

static void do_io(struct fake *fake, const struct fake_pending *pending)
{
    const struct nvme_command *command = &pending->command;
    uint32_t status;

    CHECK_EQ(command->nsid, 1);
    fake->commands++;
    if (fake->fail_next) {
        fake->fail_next--;
        status = fake->fail_status;
    } else if ((command->cdw0 & 0xff) == 0) {
        memcpy(fake->durable, fake->disk, fake->blocks * fake->block_size);
        status = 0;
    } else if ((command->cdw0 & 0xff) == 9) {
        status = do_discard(fake, command);
    } else {
        status = do_range(fake, command);
    }
    for (; fake->wrong_identifiers; fake->wrong_identifiers--)
        complete(fake, pending->queue, fake->wrong_identifiers & 1 ? 0xfffe : 40, 0, 0);
    complete(fake, pending->queue, command->cdw0 >> 16, 0, status);
}

unsigned fake_work(struct fake *fake, unsigned most)
{
    unsigned done = 0;

    while (!fake->stuck && fake->pending_count > 0 && done < most) {
        unsigned which = fake_random(fake, fake->pending_count);
        struct fake_pending pending = fake->pending[which];

        fake->pending[which] = fake->pending[--fake->pending_count];
        do_io(fake, &pending);
        done++;
    }
    return done;
}

void fake_resize(struct fake *fake, uint64_t blocks)
{
    fake->blocks = blocks;
    REQUIRE(fake->event_asked);
    fake->event_asked = false;
    complete(fake, 0, fake->event_slot, 0x00000002 | 0x04 << 16, 0);
}

/* ---- registers ---- */

static void fetch(struct fake *fake, uint32_t number)
{
    struct fake_queue *queue = &fake->queue[number];

    while (fake->master && queue->head != queue->tail) {
        struct fake_pending pending = {.queue = number};

        memcpy(&pending.command, at(fake, queue->submission + 64ull * queue->head, 64), 64);
        queue->head = (queue->head + 1) % queue->submission_entries;
        if (number == 0)
            do_admin(fake, &pending.command);
        else
            fake->pending[fake->pending_count++] = pending;
    }
}

static void doorbell(struct fake *fake, uint32_t index, uint32_t value)
{
    struct fake_queue *queue = &fake->queue[index / 2];

    REQUIRE(index / 2 < FAKE_QUEUES && queue->completion);
    if (index & 1) {
        REQUIRE(value < queue->completion_entries);
        queue->completion_head = value;
        return;
    }
    REQUIRE(value < queue->submission_entries);
    queue->tail = value;
    fetch(fake, index / 2);
}

static void configure(struct fake *fake, uint32_t value)
{
    bool enable = value & 1;

    if (enable && !(fake->cc & 1)) {
        CHECK_EQ(value & 0xff0000, 0x460000);
        memset(fake->queue, 0, sizeof(fake->queue));
        fake->queue[0] = (struct fake_queue){.submission = fake->asq,
                                             .completion = fake->acq,
                                             .submission_entries = (fake->aqa & 0xfff) + 1,
                                             .completion_entries = (fake->aqa >> 16) + 1,
                                             .phase = 1};
        fake->csts = fake->never_ready ? 0 : 1;
    } else if (!enable) {
        fake->resets += fake->cc & 1;
        fake->csts = 0;
        fake->pending_count = 0;
        fake->event_asked = false;
        fake->stuck = fake->admin_stuck = false;
    }
    fake->cc = value;
}

static void half(uint64_t *value, bool high, uint32_t part)
{
    *value = high ? (*value & UINT32_MAX) | (uint64_t)part << 32 : (*value & ~(uint64_t)UINT32_MAX) | part;
}

static void write_register(void *context, uint32_t offset, uint32_t value)
{
    struct fake *fake = context;

    if (fake->absent)
        return;
    switch (offset) {
    case 0x14: configure(fake, value); break;
    case 0x24: fake->aqa = value; break;
    case 0x28:
    case 0x2c: half(&fake->asq, offset & 4, value); break;
    case 0x30:
    case 0x34: half(&fake->acq, offset & 4, value); break;
    default: REQUIRE(offset >= 0x1000); doorbell(fake, (offset - 0x1000) / 8, value);
    }
}

static uint32_t read_register(void *context, uint32_t offset)
{
    struct fake *fake = context;

    if (fake->absent)
        return UINT32_MAX;
    switch (offset) {
    case 0x00: return (fake->entries_max - 1) | 4u << 24;
    case 0x04: return 1 | 1 << 5; /* doorbells 8 bytes apart, NVM command set */
    case 0x1c: return fake->csts;
    default: REQUIRE(false); return 0;
    }
}

static uint64_t now_ms(void *context)
{
    return ((struct fake *)context)->time_ms;
}

static void pause(void *context)
{
    ((struct fake *)context)->time_ms++;
}

static void rested(void *context)
{
    struct fake *fake = context;

    REQUIRE(!(fake->cc & 1) && !(fake->csts & 1));
    fake->master = true;
}

struct nvme_hardware fake_hardware(struct fake *fake)
{
    return (struct nvme_hardware){.read = read_register,
                                  .write = write_register,
                                  .now_ms = now_ms,
                                  .rested = rested,
                                  .pause = pause,
                                  .size = 0x2000,
                                  .context = fake};
}
