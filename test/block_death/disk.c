/* SPDX-License-Identifier: MIT */
/* The disk that dies; see death.h. */
#include "lib/base/env.h"
#include "lib/base/ipc.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/base/session.h"
#include "lib/base/time.h"
#include "lib/block/server.h"
#include "lib/config/config.h"
#include "lib/string/string.h"
#include "test/block_death/death.h"

enum { BLOCK = 512, DEPTH = 64, BLOCKS = PLATTER_SIZE / BLOCK };

static volatile int *volatile nowhere = (volatile int *)8;

static struct block_device device;
static struct entrypoint *entrypoint;
static struct platter *platter;
static uint8_t *view;
static bool dirty[BLOCKS];
static struct block_job *jobs[DEPTH];
static unsigned count, most;
static uint64_t done_jobs, die_after, lose_every, in_flight_wanted, lives_most;
static bool keeps_cache;
static struct timeout soon;

static uint64_t random_below(uint64_t limit)
{
    platter->random ^= platter->random << 13;
    platter->random ^= platter->random >> 7;
    platter->random ^= platter->random << 17;
    return (platter->random >> 16) % limit;
}

/* ---- cache and platter ---- */

static void write_back(uint64_t one_in)
{
    for (unsigned i = 0; i < BLOCKS; i++) {
        if (!dirty[i] || random_below(one_in) != 0)
            continue;
        memcpy(platter->bytes + (uint64_t)i * BLOCK, view + (uint64_t)i * BLOCK, BLOCK);
        dirty[i] = false;
    }
}

static void move(const struct block_job *job, uint8_t *content, uint64_t bytes)
{
    for (unsigned i = 0; i < job->piece_count && bytes; i++) {
        const struct block_piece *piece = &job->pieces[i];
        uint8_t *memory = (uint8_t *)piece->region->address_opt + piece->offset;
        uint64_t length = piece->length < bytes ? piece->length : bytes;

        if (job->operation == BLOCK_READ)
            memcpy(memory, content, length);
        else
            memcpy(content, memory, length);
        content += length;
        bytes -= length;
    }
}

static void carry_out(const struct block_job *job, uint64_t bytes)
{
    if (job->operation == BLOCK_FLUSH)
        write_back(1);
    else if (job->operation == BLOCK_WRITE_ZEROES)
        memset(view + job->offset, 0, bytes);
    else
        move(job, view + job->offset, bytes);
    if (job->operation == BLOCK_READ)
        return;
    for (uint64_t at = 0; at < bytes; at += BLOCK)
        dirty[(job->offset + at) / BLOCK] = true;
}

/* The cache is gone, but not the disk. */
static void lose_cache(void)
{
    write_back(3);
    memcpy(view, platter->bytes, PLATTER_SIZE);
    memset(dirty, 0, sizeof(dirty));
    device.verifier = platter->verifier = time_now();
    block_server_changed(&device);
}

/* ---- death ---- */

/* What is in flight is old, new, or new up to somewhere. */
static void die(void)
{
    unsigned torn = 0;

    for (unsigned i = 0; i < count; i++) {
        if (jobs[i]->operation != BLOCK_WRITE || random_below(3) == 0)
            continue;
        torn++;
        carry_out(jobs[i], random_below(jobs[i]->length / 256 + 1) * 256);
    }
    write_back(keeps_cache ? 1 : 3);
    log_info("life %llu ends after %llu requests, with %u in flight, %u of them begun",
             (unsigned long long)platter->lives, (unsigned long long)done_jobs, count, torn);
    *nowhere = 0;
}

/* ---- work ---- */

static void complete_one(void)
{
    unsigned chosen = (unsigned)random_below(count);
    struct block_job *job = jobs[chosen];

    jobs[chosen] = jobs[--count];
    carry_out(job, job->length);
    done_jobs++;
    block_job_done(job, OK, job->length);
}

static void work(struct timeout *timeout)
{
    unsigned batch = count - (unsigned)random_below(count / 2 + 1);

    (void)timeout;
    if (count > most)
        most = count;
    if (die_after && platter->lives <= lives_most && done_jobs >= die_after && count >= in_flight_wanted)
        die();
    while (batch-- && count)
        complete_one();
    if (random_below(8) == 0)
        write_back(4);
    if (lose_every && done_jobs > lose_every) {
        done_jobs = 0;
        lose_cache();
    }
    block_server_settle(&device);
    if (count)
        entrypoint_timeout_set(entrypoint, &soon, time_after_ns(200000));
}

static enum status submit(struct block_device *self, struct block_job *job)
{
    (void)self;
    jobs[count++] = job;
    return OK;
}

static void kick(struct block_device *self)
{
    (void)self;
    if (!soon.queued)
        entrypoint_timeout_set(entrypoint, &soon, time_after_ns(200000));
}

/* ---- start ---- */

static enum status platter_get(void)
{
    struct connection keeper;
    uint32_t dataspace;
    struct memory cache;
    void *address;
    enum status status = session_open(&(struct session_options){.service = KEEPER_SERVICE}, &keeper);

    if (status == OK)
        status = ipc_call_receive(&(struct ipc){.portal = keeper.slot, .opcode = KEEPER_PLATTER}, &dataspace);
    if (status == OK)
        status = memory_attach(dataspace, PD_READ | PD_WRITE, &address);
    if (status == OK)
        status = memory_alloc(PLATTER_SIZE, &cache);
    if (status != OK)
        return status;
    platter = address;
    view = cache.address;
    memcpy(view, platter->bytes, PLATTER_SIZE);
    if (platter->lives++ == 0)
        platter->random = 88172645463325252ull;
    if (!keeps_cache || platter->verifier == 0)
        platter->verifier = time_now();
    return OK;
}

static enum status configure(struct xml_node config)
{
    enum status status = config_number(config, "die_after", 0, 0, UINT64_MAX, &die_after);

    if (status == OK)
        status = config_number(config, "lose_every", 0, 0, UINT64_MAX, &lose_every);
    if (status == OK)
        status = config_number(config, "in_flight", 32, 1, DEPTH, &in_flight_wanted);
    if (status == OK)
        status = config_number(config, "lives", 0, 0, UINT64_MAX, &lives_most);
    (void)xml_attribute_bool(config, "keeps_cache", &keeps_cache);
    return status;
}

int disk_main(struct entrypoint *own, struct xml_node config)
{
    static const struct block_device_ops ops = {.submit = submit, .kick = kick};

    entrypoint = own;
    soon.expired = work;
    if (configure(config) != OK || platter_get() != OK)
        return 1;
    device = (struct block_device){.ops = &ops, .verifier = platter->verifier};
    device.limits = (struct block_limits){.size = PLATTER_SIZE,
                                          .block_size = BLOCK,
                                          .physical_block_size = BLOCK,
                                          .depth = DEPTH,
                                          .transfer_max = 64 << 10,
                                          .pieces_max = 16,
                                          .alignment = 4,
                                          .write_zeroes_max = 64 << 10,
                                          .flags = BLOCK_HAS_WRITE_ZEROES};
    if (block_server_start(&device, entrypoint, NULL) != OK)
        return 1;
    entrypoint_run(entrypoint);
    return 0;
}
