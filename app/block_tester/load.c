/* SPDX-License-Identifier: MIT */
#include "app/block_tester/load.h"

#include "lib/base/heap.h"
#include "lib/base/log.h"
#include "lib/base/time.h"
#include "lib/block/quota.h"
#include "lib/fmt/fmt.h"
#include "lib/fmt/status_text.h"

#define RETAIN_SLOTS 4u /* times the depth */

static void pump(struct load *load);

/* xorshift; good enough to spread requests */
static uint64_t random_below(struct load *load, uint64_t limit)
{
    load->random ^= load->random << 13;
    load->random ^= load->random >> 7;
    load->random ^= load->random << 17;
    return (load->random >> 16) % limit;
}

static bool percent(struct load *load, uint64_t share)
{
    return share && random_below(load, 100) < share;
}

/* ---- slots ---- */

static void slot_free(struct slot *slot)
{
    slot->next_free = slot->load->free_slot;
    slot->load->free_slot = slot;
    slot->load->free_count++;
}

static struct slot *slot_take(struct load *load)
{
    struct slot *slot = load->free_slot;

    load->free_slot = slot->next_free;
    load->free_count--;
    return slot;
}

static uint8_t *slot_data(const struct slot *slot)
{
    return (uint8_t *)slot->load->data.address + slot->piece.offset;
}

/* From submission to `done`, which must come once. */
static void request_begins(struct load *load, struct slot *slot)
{
    slot->in_flight = true;
    load->in_flight++;
    if (load->stage->latency)
        slot->issued = time_now();
    block_client_submit(&load->client, &slot->request);
}

static void request_ends(struct load *load, struct slot *slot)
{
    load->totals.twice += !slot->in_flight;
    slot->in_flight = false;
    load->in_flight--;
    load->totals.requests++;
}

static bool gone(const struct load *load)
{
    return block_client_info(&load->client)->flags & BLOCK_GONE;
}

/* ---- what comes back ---- */

static void flush_issue(struct load *load);

/* Retained writes are flushed first: the next stage wants their slots. */
static void stage_end(struct load *load)
{
    if (load->finished || load->in_flight)
        return;
    if (load->free_count != load->slot_count && load->free_slot && !gone(load)) {
        flush_issue(load);
        return;
    }
    load->finished = true;
    load->done(load);
}

static void error_note(struct load *load, const struct slot *slot)
{
    load->totals.errors++;
    if (load->first_error != OK)
        return;
    load->first_error = slot->request.status;
    if (load->stage->errors == ERRORS_NONE)
        log_error("operation %u at %llu, %llu bytes: %s", slot->request.operation,
                  (unsigned long long)slot->request.offset, (unsigned long long)slot->request.length,
                  status_text(slot->request.status));
}

/* The ledger knows of the loss already: `changed` comes first. */
static void flush_lost(struct load *load)
{
    load->totals.lost++;
    block_client_acknowledge(&load->client);
}

static void flush_done(struct block_request *request)
{
    struct slot *slot = (struct slot *)request;
    struct load *load = slot->load;

    load->flushing = false;
    request_ends(load, slot);
    if (request->status == OK)
        ledger_flushed(&load->ledger, slot->mark);
    else if (request->status == ERR_LOST)
        flush_lost(load);
    else
        error_note(load, slot);
    slot_free(slot);
    pump(load);
}

static void judge(struct load *load, struct slot *slot)
{
    const struct block_request *request = &slot->request;
    bool good = request->status == OK;

    /* A barrier write may be refused as a FLUSH may; it may have been carried out before the server died. */
    if (request->status == ERR_LOST && (request->flags & BLOCK_BARRIER))
        flush_lost(load);
    else if (!good)
        error_note(load, slot);
    if (request->operation == BLOCK_READ) {
        if (good && load->stage->verify)
            (void)ledger_check(&load->ledger, slot->unit, slot->units, slot_data(slot));
    } else if (request->operation == BLOCK_DISCARD || !load->stage->verify) {
        ledger_discarded(&load->ledger, slot->unit, slot->units);
    } else {
        ledger_written(&load->ledger, &(struct ledger_write){.unit = slot->unit,
                                                             .count = slot->units,
                                                             .generation = slot->generation,
                                                             .zero = request->operation == BLOCK_WRITE_ZEROES,
                                                             .durable = request->flags & BLOCK_FUA,
                                                             .good = good});
    }
}

static void count(struct load *load, struct slot *slot)
{
    request_ends(load, slot);
    load->totals.bytes += slot->request.bytes_done;
    if (load->stage->latency)
        latency_add(&load->latency, time_now() - slot->issued);
    judge(load, slot);
    ledger_give_back(&load->ledger, slot->unit, slot->units);
}

static void request_done(struct block_request *request)
{
    struct slot *slot = (struct slot *)request;
    struct load *load = slot->load;

    slot->retained = load->settings->retain && request->status == OK && !(request->flags & BLOCK_FUA) &&
                     (request->operation == BLOCK_WRITE || request->operation == BLOCK_WRITE_ZEROES);
    count(load, slot);
    if (!slot->retained)
        slot_free(slot);
    pump(load);
}

static void request_released(struct block_request *request)
{
    struct slot *slot = (struct slot *)request;

    slot->retained = false;
    slot_free(slot);
}

/* ---- what goes out ---- */

static void flush_issue(struct load *load)
{
    struct slot *slot = slot_take(load);

    slot->request = (struct block_request){.operation = BLOCK_FLUSH, .done = flush_done};
    slot->mark = ledger_mark(&load->ledger);
    load->flushing = true;
    load->writes = 0;
    request_begins(load, slot);
}

static bool flush_due(const struct load *load)
{
    if (load->flushing)
        return false;
    if (load->stage->flush_every && load->writes >= load->stage->flush_every)
        return true;
    return load->settings->retain && load->free_count <= load->stage->depth - load->in_flight;
}

struct choice {
    enum block_operation operation;
    uint64_t unit, units;
};

static enum block_operation operation_choose(struct load *load)
{
    uint64_t dice = random_below(load, 100);

    if (dice < load->stage->write)
        return BLOCK_WRITE;
    if (dice < load->stage->write + load->stage->zeroes)
        return BLOCK_WRITE_ZEROES;
    if (dice < load->stage->write + load->stage->zeroes + load->stage->discard)
        return BLOCK_DISCARD;
    return BLOCK_READ;
}

/* The next place by the pattern. False: units of it are busy. */
static bool place_choose(struct load *load, struct choice *out)
{
    uint64_t units = load->stage->block / load->ledger.unit_size, places = load->ledger.count / units;

    out->units = units;
    if (load->stage->pattern == PATTERN_SEQUENTIAL) {
        out->unit = load->position % places * units;
        if (!ledger_take(&load->ledger, out->unit, units))
            return false;
        load->position++;
        return true;
    }
    for (unsigned tries = 0; tries < 8; tries++) {
        out->unit = random_below(load, places) * units;
        if (ledger_take(&load->ledger, out->unit, units))
            return true;
    }
    return false;
}

/* The trace's next request, brought into the view. False: busy, or the end. */
static bool trace_choose(struct load *load, struct choice *out)
{
    struct trace before = load->trace;
    struct trace_record record;
    uint64_t unit = load->ledger.unit_size;

    if (!trace_next(&load->trace, &record)) {
        load->closing = true;
        return false;
    }
    out->operation = record.operation == 'W'   ? BLOCK_WRITE
                     : record.operation == 'F' ? BLOCK_FLUSH
                                               : BLOCK_READ;
    if (out->operation == BLOCK_FLUSH)
        return true;
    out->units = (record.length + unit - 1) / unit;
    if (out->units > load->slot_size / unit)
        out->units = load->slot_size / unit;
    if (out->units == 0)
        out->units = 1;
    out->unit = record.offset / unit % (load->ledger.count - out->units + 1);
    if (ledger_take(&load->ledger, out->unit, out->units))
        return true;
    load->trace = before;
    return false;
}

static unsigned flags_choose(struct load *load, enum block_operation operation)
{
    if (operation != BLOCK_WRITE && operation != BLOCK_WRITE_ZEROES)
        return 0;
    return (percent(load, load->stage->fua) ? BLOCK_FUA : 0) |
           (percent(load, load->stage->barrier) ? BLOCK_BARRIER : 0);
}

static void request_issue(struct load *load, const struct choice *choice)
{
    struct slot *slot = slot_take(load);
    uint64_t bytes = choice->units * load->ledger.unit_size;
    bool data = choice->operation == BLOCK_READ || choice->operation == BLOCK_WRITE;

    slot->unit = choice->unit;
    slot->units = choice->units;
    slot->piece.length = (uint32_t)bytes;
    slot->request = (struct block_request){.operation = choice->operation,
                                           .flags = flags_choose(load, choice->operation),
                                           .offset = choice->unit * load->ledger.unit_size,
                                           .length = bytes,
                                           .pieces = &slot->piece,
                                           .piece_count = data,
                                           .done = request_done,
                                           .released_opt = request_released};
    if (choice->operation == BLOCK_WRITE && load->stage->verify)
        slot->generation = ledger_fill(&load->ledger, choice->unit, choice->units, slot_data(slot));
    else if (choice->operation != BLOCK_READ)
        slot->generation = ledger_generation(&load->ledger);
    load->writes += choice->operation != BLOCK_READ;
    request_begins(load, slot);
}

/* The stage has had what it wanted. */
static bool enough(const struct load *load)
{
    if (load->closing || gone(load) || (load->deadline && time_now() >= load->deadline))
        return true;
    return load->wanted && load->totals.requests + load->in_flight >= load->wanted &&
           load->totals.restarts >= load->stage->restarts;
}

static bool choose(struct load *load, struct choice *out)
{
    if (load->stage->pattern == PATTERN_TRACE)
        return trace_choose(load, out);
    out->operation = operation_choose(load);
    return place_choose(load, out);
}

static void pump(struct load *load)
{
    struct choice choice;

    while (load->in_flight < load->stage->depth && load->free_slot && !enough(load)) {
        if (flush_due(load)) {
            flush_issue(load);
            continue;
        }
        if (!choose(load, &choice))
            break;
        if (choice.operation == BLOCK_FLUSH)
            flush_issue(load);
        else
            request_issue(load, &choice);
    }
    stage_end(load);
}

/* ---- the session ---- */

static void death_note(struct load *load)
{
    struct load_totals *totals = &load->totals;

    if (totals->died_most == 0 || load->in_flight < totals->died_least)
        totals->died_least = load->in_flight;
    if (load->in_flight > totals->died_most)
        totals->died_most = load->in_flight;
}

static void changed(struct block_client *client)
{
    struct load *load = client->context;
    bool connected = block_client_connected(client);

    if (connected && !load->connected)
        load->totals.restarts++;
    if (!connected && load->connected)
        death_note(load);
    load->connected = connected;
    if (block_client_losses(client) == load->losses)
        return;
    load->losses = block_client_losses(client);
    ledger_lost(&load->ledger);
}

unsigned load_slots(const struct settings *settings, const struct stage *stage)
{
    return (unsigned)stage->depth * (settings->retain ? RETAIN_SLOTS : 1) + 2;
}

uint64_t load_memory(const struct settings *settings, const struct stage *stage)
{
    return page_round_up(stage->block) * load_slots(settings, stage);
}

static enum status memory_make(struct load *load)
{
    const struct settings *settings = load->settings;
    enum status status;

    load->slots = heap_alloc_array(settings->slots, sizeof(*load->slots));
    if (!load->slots)
        return ERR_NO_RAM;
    status = memory_alloc(settings->memory, &load->data);
    if (status != OK)
        return status;
    return block_client_region_add(&load->client, load->data.dataspace, 0, load->data.size, true,
                                   &load->region);
}

/* Cuts the memory anew. */
static void slots_lay(struct load *load)
{
    load->slot_size = (uint32_t)page_round_up(load->stage->block);
    load->slot_count = load_slots(load->settings, load->stage);
    load->free_slot = NULL;
    load->free_count = 0;
    for (unsigned i = 0; i < load->slot_count; i++) {
        load->slots[i] = (struct slot){.load = load};
        load->slots[i].piece.region = load->region;
        load->slots[i].piece.offset = (uint64_t)i * load->slot_size;
        slot_free(&load->slots[i]);
    }
}

static enum status ledger_make(struct load *load, unsigned number)
{
    const struct block_info *info = block_client_info(&load->client);
    uint64_t count = info->size / info->block_size;
    struct ledger_unit *units = heap_alloc_array(count, sizeof(*units));

    if (!units)
        return ERR_NO_RAM;
    ledger_init(&load->ledger, units, count, info->block_size, number + 1);
    return OK;
}

enum status load_open(struct load *load, const struct settings *settings, unsigned number,
                      struct entrypoint *entrypoint)
{
    static char args[SESSIONS_MAX][96];
    uint64_t size = settings->size / settings->sessions & ~(uint64_t)4095,
             begin = settings->offset + size * number;
    enum status status;

    *load = (struct load){
        .settings = settings, .finished = true, .random = settings->seed * 0x9e3779b97f4a7c15ull + number};
    if (settings->view)
        (void)fmt_format(args[number], sizeof(args[number]), size ? "offset=%llu, size=%llu" : "offset=%llu",
                         (unsigned long long)begin, (unsigned long long)size);
    load->client.context = load;
    status = block_client_open(&load->client,
                               &(struct block_client_options){.label_opt = settings->label,
                                                              .args_opt = args[number],
                                                              .ram = block_attach_ram(settings->memory),
                                                              .entrypoint = entrypoint,
                                                              .depth = (uint32_t)settings->depth,
                                                              .bounce = (uint32_t)settings->bounce,
                                                              .bounce_always = settings->bounce_always,
                                                              .retain = settings->retain,
                                                              .restart = true,
                                                              .changed_opt = changed});
    if (status != OK)
        return status;
    load->connected = true;
    status = ledger_make(load, number);
    return status == OK ? memory_make(load) : status;
}

/* ---- stages ---- */

void load_start(struct load *load, const struct stage *stage, const struct trace *trace_opt,
                void (*done)(struct load *load))
{
    uint64_t units = stage->block / load->ledger.unit_size;

    load->stage = stage;
    load->done = done;
    load->totals = (struct load_totals){0};
    load->latency = (struct latency){0};
    load->first_error = OK;
    load->position = load->writes = 0;
    load->closing = load->finished = false;
    load->wanted = stage->requests;
    if (!stage->requests && stage->pattern != PATTERN_TRACE && !stage->time_ms)
        load->wanted = load->ledger.count / (units ? units : 1);
    load->deadline = stage->time_ms ? time_after_ns(stage->time_ms * 1000000) : 0;
    if (trace_opt)
        load->trace = *trace_opt;
    if (units == 0 || load->ledger.count < units) {
        log_error("requests of %llu bytes do not fit the view", (unsigned long long)stage->block);
        load->totals.errors++;
        load->closing = true;
    }
    slots_lay(load);
    pump(load);
    block_client_kick(&load->client);
}

bool load_good(const struct load *load)
{
    const struct load_totals *totals = &load->totals;
    uint64_t problems = 0;

    for (unsigned i = 0; i < LEDGER_PROBLEMS; i++)
        problems += load->ledger.problems[i];
    if (problems || totals->twice || totals->restarts < load->stage->restarts)
        return false;
    if (totals->lost != 0 && !load->stage->lost)
        return false;
    if (load->stage->lost && totals->lost == 0)
        return false;
    if (load->stage->errors == ERRORS_NONE)
        return totals->errors == 0;
    return load->stage->errors == ERRORS_ANY || totals->errors != 0;
}

void load_close(struct load *load)
{
    enum status status = block_client_close(&load->client);

    if (status != OK)
        log_error("session cannot be closed: %s", status_text(status));
}
