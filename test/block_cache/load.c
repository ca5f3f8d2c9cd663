/* SPDX-License-Identifier: MIT */
/* See load.h. */
#include "test/block_cache/load.h"

#include "lib/base/log.h"
#include "lib/base/time.h"
#include "lib/fmt/status_text.h"
#include "lib/string/string.h"

#include <stdarg.h>

#define SECTOR       512u
#define WORDS        (SECTOR / sizeof(uint64_t))
#define REQUEST_SIZE ((uint64_t)LOAD_REQUEST * SECTOR)
#define STEP_SIZE    ((uint64_t)LOAD_SECTORS * SECTOR)

struct job {
    struct block_request request; /* first */
    struct block_client_piece piece;
    uint64_t *data;
    uint64_t version;
    bool busy;
};

struct load load;

static struct job jobs[LOAD_DEPTH];
static uint32_t to_submit, in_flight;
static uint64_t random_state = 88172645463325252u;

static unsigned chance(unsigned below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (unsigned)((random_state >> 32) % below);
}

void load_wrong(const char *format, ...)
{
    va_list arguments;

    if (++load.failures > 20)
        return;
    va_start(arguments, format);
    log_text("FAIL ", 5);
    log_vinfo(format, arguments);
    va_end(arguments);
}

/* ---- data ---- */

static void fill(uint64_t *data, uint32_t sector, uint64_t version)
{
    for (unsigned i = 0; i < WORDS; i++)
        data[i] = version ? (version << 16 | i) ^ (uint64_t)sector << 48 : 0;
}

static uint64_t version_of(const uint64_t *data, uint32_t sector)
{
    uint64_t version = (data[0] ^ (uint64_t)sector << 48) >> 16;

    if (data[0] == 0)
        version = 0;
    for (unsigned i = 0; i < WORDS; i++)
        if (data[i] != (version ? (version << 16 | i) ^ (uint64_t)sector << 48 : 0))
            return UINT64_MAX;
    return version;
}

/* ---- steps ---- */

static enum status session_open_label(struct load_session *session, const char *label, const char *args,
                                      struct entrypoint *entrypoint)
{
    enum status status = block_client_open(
        &session->client,
        &(struct block_client_options){
            .label_opt = label, .args_opt = args, .entrypoint = entrypoint, .restart = true});

    if (status != OK)
        return status;
    return block_client_region_add(&session->client, load.memory.dataspace, 0, load.memory.size, true,
                                   &session->region);
}

enum status load_open(struct entrypoint *entrypoint)
{
    enum status status = memory_alloc(STEP_SIZE + LOAD_DEPTH * REQUEST_SIZE, &load.memory);

    if (status == OK)
        status = session_open_label(&load.cached, "cached", "write=yes", entrypoint);
    if (status == OK)
        status = session_open_label(&load.behind, "behind", "write=no", entrypoint);
    return status;
}

static void step(struct load_session *session, enum block_operation operation, unsigned flags, uint32_t first,
                 uint32_t sectors)
{
    uint64_t length = (uint64_t)sectors * SECTOR;
    struct block_client_piece piece = {.region = session->region, .length = (uint32_t)length};
    bool data = operation == BLOCK_READ || operation == BLOCK_WRITE;
    struct block_request request = {.operation = operation,
                                    .flags = flags,
                                    .offset = (uint64_t)first * SECTOR,
                                    .length = length,
                                    .pieces = &piece,
                                    .piece_count = data};
    enum status status = block_client_do(&session->client, &request);

    if (status != OK)
        load_wrong("operation %d of %u sectors at %u: %s", operation, sectors, first, status_text(status));
}

static uint64_t *step_data(uint32_t index)
{
    return (uint64_t *)load.memory.address + index * WORDS;
}

void load_write(uint32_t first, uint32_t sectors, unsigned flags)
{
    load.version++;
    for (uint32_t i = 0; i < sectors; i++) {
        fill(step_data(i), first + i, load.version);
        load.versions[first + i] = load.version;
    }
    step(&load.cached, BLOCK_WRITE, flags, first, sectors);
}

void load_zeroes(uint32_t first, uint32_t sectors)
{
    for (uint32_t i = 0; i < sectors; i++)
        load.versions[first + i] = 0;
    step(&load.cached, BLOCK_WRITE_ZEROES, 0, first, sectors);
}

void load_flush(void)
{
    step(&load.cached, BLOCK_FLUSH, 0, 0, 0);
}

void load_read(struct load_session *session, uint32_t first, uint32_t sectors)
{
    memset(load.memory.address, 0xee, (size_t)sectors * SECTOR);
    step(session, BLOCK_READ, 0, first, sectors);
}

uint64_t load_version(uint32_t index, uint32_t sector)
{
    return version_of(step_data(index), sector);
}

/* ---- random load ---- */

static void submit_one(struct job *job);

static bool overlaps(uint32_t first, uint32_t sectors)
{
    uint64_t offset = (uint64_t)first * SECTOR, end = offset + (uint64_t)sectors * SECTOR;

    for (unsigned i = 0; i < LOAD_DEPTH; i++)
        if (jobs[i].busy && offset < jobs[i].request.offset + jobs[i].request.length &&
            jobs[i].request.offset < end)
            return true;
    return false;
}

static void done(struct block_request *request)
{
    struct job *job = (struct job *)request;
    uint32_t first = (uint32_t)(request->offset / SECTOR), sectors = (uint32_t)(request->length / SECTOR);

    if (request->status != OK)
        load_wrong("request at %u: %s", first, status_text(request->status));
    for (uint32_t i = 0; i < sectors && request->operation == BLOCK_READ; i++)
        if (version_of(job->data + i * WORDS, first + i) != load.versions[first + i])
            load_wrong("READ of sector %u brings version %llu, not %llu", first + i,
                       (unsigned long long)version_of(job->data + i * WORDS, first + i),
                       (unsigned long long)load.versions[first + i]);
    job->busy = false;
    in_flight--;
    if (to_submit)
        submit_one(job);
}

static void submit_one(struct job *job)
{
    uint32_t sectors, first;
    bool write = chance(2);

    do {
        sectors = chance(8) == 0 ? 1 + chance(LOAD_REQUEST) : 8;
        first = chance(LOAD_SECTORS - sectors) & (chance(3) ? ~7u : ~0u);
    } while (overlaps(first, sectors));
    if (write)
        load.version++;
    for (uint32_t i = 0; i < sectors && write; i++) {
        fill(job->data + i * WORDS, first + i, load.version);
        load.versions[first + i] = load.version;
    }
    job->piece = (struct block_client_piece){
        .region = load.cached.region,
        .length = sectors * SECTOR,
        .offset = (uint64_t)((uint8_t *)job->data - (uint8_t *)load.memory.address)};
    job->request = (struct block_request){.operation = write ? BLOCK_WRITE : BLOCK_READ,
                                          .flags = write && chance(16) == 0 ? BLOCK_FUA : 0,
                                          .offset = (uint64_t)first * SECTOR,
                                          .length = (uint64_t)sectors * SECTOR,
                                          .pieces = &job->piece,
                                          .piece_count = 1,
                                          .done = done};
    job->busy = true;
    to_submit--;
    in_flight++;
    block_client_submit(&load.cached.client, &job->request);
}

void load_random(uint32_t requests)
{
    to_submit = requests;
    for (unsigned i = 0; i < LOAD_DEPTH && to_submit; i++) {
        jobs[i].data = (uint64_t *)((uint8_t *)load.memory.address + STEP_SIZE + i * REQUEST_SIZE);
        submit_one(&jobs[i]);
    }
    while (in_flight)
        load_flush(); /* which lets the others come back, too */
}

/* ---- measuring ---- */

static struct load_session *measured;

static void measure_one(struct job *job);

static void measured_done(struct block_request *request)
{
    in_flight--;
    if (to_submit)
        measure_one((struct job *)request);
}

static void measure_one(struct job *job)
{
    job->piece = (struct block_client_piece){
        .region = measured->region,
        .length = 4096,
        .offset = (uint64_t)((uint8_t *)job->data - (uint8_t *)load.memory.address)};
    job->request = (struct block_request){.operation = BLOCK_READ,
                                          .offset = (uint64_t)chance(32) * 4096,
                                          .length = 4096,
                                          .pieces = &job->piece,
                                          .piece_count = 1,
                                          .done = measured_done};
    to_submit--;
    in_flight++;
    block_client_submit(&measured->client, &job->request);
}

uint64_t load_measure(struct load_session *session, uint32_t requests)
{
    uint64_t start;

    measured = session;
    load_read(session, 0, 256);
    start = time_now();
    to_submit = requests;
    for (unsigned i = 0; i < LOAD_DEPTH; i++)
        measure_one(&jobs[i]);
    while (in_flight)
        load_read(session, 0, 8);
    return (time_now() - start) / requests;
}
