/* SPDX-License-Identifier: MIT */
#include "lib/block/test/client_world.h"

#include "test/check.h"

struct world world;

/* The write's serial is in its data. */
static void executing(struct fake_disk *disk, const struct fake_job *job)
{
    uint64_t word = 0;

    world.sectors_written += job->element.length / FAKE_BLOCK;
    if (job->element.operation != BLOCK_WRITE || job->segments[0].length < 8)
        return;
    memcpy(&word, disk->regions[job->segments[0].region] + job->segments[0].offset, 8);
    world.executed[(word >> 16) % ORACLE_WRITES] = true;
}

void world_init(const struct world_options *options)
{
    struct block_core_settings settings = {
        .depth = options->depth, .segments = 4, .retain = options->retain, .for_others = options->for_others};

    memset(&world, 0, sizeof(world));
    block_core_init(&world.core, &settings, world.parts);
    fake_init(&world.disk, &settings, options->depth);
    world.disk.info.boundary = options->boundary;
    oracle_init(&world.oracle);
    world.disk.executing_opt = executing;
    for (unsigned i = 0; i < 3; i++) {
        uint64_t size = i == 2 ? options->bounce : FAKE_REGION;

        world.regions[i] = calloc(1, FAKE_REGION);
        if (size == 0)
            continue;
        REQUIRE(block_core_region_add(
                    &world.core,
                    &(struct block_core_region){.address_opt = world.regions[i],
                                                .size = size,
                                                .write = i != 1,
                                                .registered = i == 2 || !options->bounce_always},
                    &world.numbers[i]) == OK);
    }
    if (options->bounce)
        block_core_bounce(&world.core, world.numbers[2]);
}

void world_free(void)
{
    for (unsigned i = 0; i < 3; i++)
        free(world.regions[i]);
    free(world.queue_opt);
}

/* ---- the session ---- */

/* The client has been told that something is lost. */
static void notice_loss(void)
{
    if (world.core.losses != world.seen_losses)
        oracle_lost(&world.oracle);
    world.seen_losses = world.core.losses;
}

void world_connect(void)
{
    struct block_connect layout;

    block_core_layout(&world.core.settings, &layout);
    free(world.queue_opt);
    world.queue_opt = aligned_alloc(64, layout.size);
    REQUIRE(world.queue_opt != NULL);
    memset(world.queue_opt, 0, layout.size);
    memset(world.disk.regions, 0, sizeof(world.disk.regions));
    for (unsigned i = 0; i < 3; i++) {
        struct block_core_region *region = &world.core.regions[world.numbers[i]];

        if (!region->registered || (i == 2 && world.core.bounce_region == BLOCK_NONE))
            continue;
        region->wire = (uint32_t)(world.sessions + i) % BLOCK_REGIONS_MAX; /* another one in each session */
        world.disk.regions[region->wire] = world.regions[i];
    }
    fake_connect(&world.disk, world.queue_opt);
    REQUIRE(block_core_attach(&world.core, &world.disk.info, world.queue_opt, layout.size) == OK);
    world.sessions++;
    notice_loss();
}

void world_die(bool lose)
{
    fake_die(&world.disk, lose);
    block_core_detach(&world.core);
}

void world_settle(void)
{
    struct block_core *core = &world.core;

    do {
        block_core_poll(core);
        REQUIRE(!core->broken);
        if (block_core_info_stale(core)) {
            struct block_info info = world.disk.info;

            block_core_poll(core);
            REQUIRE(block_core_update(core, &info) == OK);
        }
        notice_loss();
        if (block_core_acknowledge_due(core)) {
            REQUIRE(!core->flowing);
            fake_acknowledge(&world.disk, core->verifier);
            block_core_acknowledged(core);
        }
        block_core_finish(core);
        if (block_core_publish(core))
            world.disk.notifications++;
    } while (!block_core_may_sleep(core) || core->finished.first || block_core_acknowledge_due(core));
    REQUIRE(block_core_check(core));
}

void world_run(void)
{
    for (unsigned i = 0; i < 1000; i++) {
        if (!world.disk.connected)
            world_connect();
        world_settle();
        fake_run(&world.disk);
        world_settle();
        if (block_core_idle(&world.core) && !world.core.replay.first && !world.disk.connected)
            return;
        if (block_core_idle(&world.core) && !world.core.replay.first)
            return;
    }
    CHECK(!"everything comes to an end");
}

/* ---- requests ---- */

/* Between a request's data and `bytes`. */
static void data_copy(const struct slot *slot, uint8_t *bytes, bool to_region)
{
    for (unsigned i = 0; i < slot->request.piece_count; i++) {
        const struct block_client_piece *piece = &slot->pieces[i];
        uint8_t *memory = world.regions[piece->region == world.numbers[1]] + piece->offset;

        if (to_region)
            memcpy(memory, bytes, piece->length);
        else
            memcpy(bytes, memory, piece->length);
        bytes += piece->length;
    }
}

static void data_fill(const struct slot *slot)
{
    static uint8_t bytes[WORLD_AREA];
    uint64_t first = slot->request.offset / FAKE_BLOCK;

    for (uint64_t i = 0; i < slot->request.length / FAKE_BLOCK; i++)
        oracle_fill(slot->serial, first + i, bytes + i * FAKE_BLOCK);
    data_copy(slot, bytes, true);
}

static void data_check(const struct slot *slot)
{
    static uint8_t bytes[WORLD_AREA];
    uint64_t first = slot->request.offset / FAKE_BLOCK;

    data_copy(slot, bytes, false);
    for (uint64_t i = 0; i < slot->request.length / FAKE_BLOCK; i++)
        oracle_check_read(&world.oracle, slot->submitted, first + i, bytes + i * FAKE_BLOCK);
}

static bool is_write(const struct block_request *request)
{
    return request->operation == BLOCK_WRITE || request->operation == BLOCK_WRITE_ZEROES ||
           request->operation == BLOCK_DISCARD;
}

static void released(struct block_request *request)
{
    struct slot *slot = (struct slot *)request;

    CHECK_EQ(slot->state, SLOT_RETAINED);
    slot->state = SLOT_FREE;
    world.released++;
}

static void done(struct block_request *request)
{
    struct slot *slot = (struct slot *)request;

    CHECK_EQ(slot->state, SLOT_SUBMITTED);    /* once */
    if (world.eager && fake_random(3) == 0) { /* the server, on another processor, is quick */
        (void)block_core_publish(&world.core);
        fake_take(&world.disk);
        (void)fake_execute(&world.disk);
    }
    notice_loss();
    world.done++;
    world.statuses[request->status]++;
    slot->state = SLOT_FREE;
    if (request->status == OK)
        CHECK_EQ(request->bytes_done, request->length);
    if (request->status == ERR_ABORTED && request->operation == BLOCK_WRITE && slot->single)
        CHECK(!world.executed[slot->serial]); /* G15 */
    if (is_write(request)) {
        oracle_end(&world.oracle, slot->serial, request->status);
        if (world.core.settings.retain && request->status == OK && !(request->flags & BLOCK_FUA) &&
            request->operation != BLOCK_DISCARD)
            slot->state = SLOT_RETAINED;
    } else if (request->operation == BLOCK_READ && request->status == OK) {
        data_check(slot);
    } else if (request->operation == BLOCK_FLUSH && request->status == OK) {
        CHECK(!world.core.lost);
        oracle_flushed(&world.oracle, slot->submitted);
        oracle_check_platter(&world.oracle, world.disk.platter);
    }
}

/* Pieces in the slot's own part of a region, with gaps. */
static void lay_pieces(struct slot *slot, unsigned pieces)
{
    uint64_t area = (uint64_t)(slot - world.slots) * WORLD_AREA, rest = slot->request.length, at = 0;
    unsigned unit = world.odd ? 1 + fake_random(64) : FAKE_BLOCK / 4;
    unsigned region = slot->request.operation == BLOCK_WRITE && fake_random(2);

    slot->request.piece_count = 0;
    while (rest) {
        bool last = slot->request.piece_count + 1 == pieces || rest <= unit;
        uint64_t length = last ? rest : unit * (1 + fake_random((unsigned)(rest / unit)));

        if (length > rest)
            length = rest;
        at += world.odd ? fake_random(3) : 4 * fake_random(3);
        slot->pieces[slot->request.piece_count++] = (struct block_client_piece){
            .region = world.numbers[region], .length = (uint32_t)length, .offset = area + at};
        at += length;
        rest -= length;
    }
}

struct slot *world_submit(enum block_operation operation, unsigned flags, uint64_t block, uint64_t blocks,
                          unsigned pieces)
{
    struct slot *slot = world.slots;

    while (slot->state != SLOT_FREE)
        if (++slot == world.slots + WORLD_REQUESTS)
            return NULL;
    slot->request = (struct block_request){.operation = operation,
                                           .flags = flags,
                                           .offset = block * FAKE_BLOCK,
                                           .length = blocks * FAKE_BLOCK,
                                           .pieces = slot->pieces,
                                           .done = done,
                                           .released_opt = released};
    if (operation == BLOCK_READ || operation == BLOCK_WRITE)
        lay_pieces(slot, pieces);
    slot->submitted = ++world.oracle.time;
    /* goes as one element */
    slot->single =
        blocks <= 4 && slot->request.piece_count <= (world.odd || world.disk.info.boundary ? 1 : 3);
    if (is_write(&slot->request))
        slot->serial =
            oracle_submit(&world.oracle, operation, flags, slot->request.offset, slot->request.length);
    if (operation == BLOCK_WRITE)
        data_fill(slot);
    slot->state = SLOT_SUBMITTED;
    world.submitted++;
    block_core_submit(&world.core, &slot->request);
    return slot;
}
