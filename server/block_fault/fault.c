/* SPDX-License-Identifier: MIT */
/* See fault.h. */
#include "server/block_fault/fault.h"

#include "lib/string/string.h"

void fault_init(struct fault *fault)
{
    for (unsigned i = 0; i < FAULT_DEPTH; i++) {
        fault->requests[i] = (struct fault_request){.fault = fault, .next = fault->free};
        fault->free = &fault->requests[i];
    }
}

static uint64_t chance(struct fault *fault, uint64_t below)
{
    fault->random ^= fault->random << 13;
    fault->random ^= fault->random >> 7;
    fault->random ^= fault->random << 17;
    return (fault->random >> 16) % below;
}

static uint8_t *buffer_of(const struct fault_request *own)
{
    return own->fault->buffers + (size_t)(own - own->fault->requests) * FAULT_SLOT;
}

static uint32_t block_size(const struct fault *fault)
{
    return block_client_info(fault->disk)->block_size;
}

/* ---- rules ---- */

static bool fits(const struct fault_rule *rule, const struct block_job *job)
{
    if (!(rule->operations & 1u << job->operation))
        return false;
    if (job->operation == BLOCK_FLUSH)
        return true;
    if (job->offset >= rule->offset)
        return job->offset - rule->offset < rule->size;
    return rule->offset - job->offset < job->length;
}

static const struct fault_rule *rule_for(struct fault *fault, const struct block_job *job)
{
    for (unsigned i = 0; i < fault->rule_count; i++) {
        struct fault_rule *rule = &fault->rules[i];

        if (!fits(rule, job) || (rule->count && rule->taken == rule->count))
            continue;
        if (rule->seen++ < rule->after || (rule->seen - rule->after - 1) % rule->every != rule->every - 1)
            continue;
        rule->taken++;
        return rule;
    }
    return NULL;
}

/* ---- the end of a request ---- */

static void copy(const struct fault_request *own, bool to_client)
{
    uint8_t *at = buffer_of(own);

    for (unsigned i = 0; i < own->job_opt->piece_count; i++) {
        const struct block_piece *piece = &own->job_opt->pieces[i];
        uint8_t *client = (uint8_t *)piece->region->address_opt + piece->offset;

        memcpy(to_client ? client : at, to_client ? at : client, piece->length);
        at += piece->length;
    }
}

static void tell(struct fault_request *own)
{
    struct fault *fault = own->fault;
    struct block_job *job = own->job_opt;

    own->job_opt = NULL;
    own->next = fault->free;
    fault->free = own;
    block_job_done(job, own->status, own->done);
    if (fault->told)
        fault->told(fault);
}

/* Any one of them. */
static void tell_one(struct fault *fault)
{
    struct fault_request **link = &fault->held, *own;
    uint64_t index = chance(fault, fault->held_count);

    fault->statistics.overtaken += index != 0;
    for (; index && (*link)->next; index--)
        link = &(*link)->next;
    own = *link;
    *link = own->next;
    fault->held_count--;
    tell(own);
}

/* F3: whoever waits for being overtaken must not wait for ever. */
static void tell_held(struct fault *fault)
{
    bool more = fault->below || fault->delayed;

    if (fault->held && (fault->held_count >= fault->reorder || !more))
        while (fault->held)
            tell_one(fault);
}

static void hold(struct fault_request *own)
{
    struct fault *fault = own->fault;
    struct fault_request **link = &fault->held;

    while (*link)
        link = &(*link)->next;
    own->next = NULL;
    *link = own;
    fault->held_count++;
}

static void over(struct fault_request *own, enum status status, uint64_t done)
{
    struct fault *fault = own->fault;

    own->status = status;
    own->done = done;
    if (own->delay) {
        own->due = fault->now() + own->delay;
        own->next = fault->delayed;
        fault->delayed = own;
        fault->statistics.delayed++;
        if (fault->told)
            fault->told(fault);
    } else {
        hold(own);
    }
    tell_held(fault);
}

uint64_t fault_tick(struct fault *fault)
{
    struct fault_request **link = &fault->delayed;
    uint64_t now = fault->now(), next = FAULT_NEVER;

    while (*link) {
        struct fault_request *own = *link;

        if (own->due <= now) {
            *link = own->next;
            hold(own);
            continue;
        }
        if (own->due < next)
            next = own->due;
        link = &own->next;
    }
    tell_held(fault);
    return next;
}

/* ---- to the disk and back ---- */

static void done(struct block_request *request);

static void note(const struct fault_request *own, enum record_kind kind, enum status status)
{
    struct fault *fault = own->fault;
    const struct block_request *request = &own->request;
    bool data = kind == RECORD_SUBMIT && request->operation == BLOCK_WRITE;

    record_append(&fault->record,
                  &(struct record_entry){.kind = kind,
                                         .time = fault->now(),
                                         .request = own->number,
                                         .offset = request->offset,
                                         .length = request->length,
                                         .operation = request->operation,
                                         .flags = request->flags,
                                         .status = status,
                                         .data = data ? (uint32_t)request->length : 0},
                  data ? buffer_of(own) : NULL);
}

static void below(struct fault_request *own, enum block_operation operation, uint64_t offset, uint64_t length,
                  uint64_t at)
{
    struct fault *fault = own->fault;
    bool data = operation == BLOCK_READ || operation == BLOCK_WRITE;

    own->piece = (struct block_client_piece){.region = fault->region,
                                             .length = (uint32_t)length,
                                             .offset = (uint64_t)(buffer_of(own) - fault->buffers) + at};
    own->request = (struct block_request){.operation = operation,
                                          .flags = operation == BLOCK_READ ? 0 : own->job_opt->flags,
                                          .offset = offset,
                                          .length = length,
                                          .pieces = &own->piece,
                                          .piece_count = data,
                                          .done = done};
    fault->below++;
    if (!own->reads_old)
        note(own, RECORD_SUBMIT, OK);
    block_client_submit(fault->disk, &own->request);
}

/* The block in which the write ends is read first. */
static void torn_begin(struct fault_request *own)
{
    struct fault *fault = own->fault;
    uint32_t block = block_size(fault);

    own->kept = (uint32_t)chance(fault, own->job_opt->length);
    own->reads_old = true;
    below(own, BLOCK_READ, own->job_opt->offset + own->kept / block * block, block, FAULT_TRANSFER);
}

static void torn_go_on(struct fault_request *own)
{
    uint32_t block = block_size(own->fault), first = own->kept / block * block;
    uint32_t inside = own->kept - first;
    uint8_t *data = buffer_of(own);

    memcpy(data + own->kept, data + FAULT_TRANSFER + inside, block - inside);
    own->reads_old = false;
    below(own, BLOCK_WRITE, own->job_opt->offset, first + block, 0);
}

static void done(struct block_request *request)
{
    struct fault_request *own = (struct fault_request *)request;
    struct fault *fault = own->fault;
    enum status status = request->status;

    fault->below--;
    if (own->reads_old && status == OK) {
        torn_go_on(own);
        return;
    }
    if (!own->reads_old)
        note(own, RECORD_COMPLETE, status);
    own->reads_old = false;
    if (request->operation == BLOCK_READ && status == OK && own->kind != FAULT_TORN)
        copy(own, true);
    if (own->kind != FAULT_NONE && status == OK)
        over(own, ERR_IO, 0);
    else
        over(own, status, status == OK ? own->job_opt->length : request->bytes_done);
    record_write(&fault->record);
}

static void count(struct fault *fault, enum fault_kind kind)
{
    fault->statistics.requests++;
    fault->statistics.errors += kind == FAULT_ERROR_BEFORE || kind == FAULT_ERROR_AFTER;
    fault->statistics.torn += kind == FAULT_TORN;
}

enum status fault_submit(struct fault *fault, struct block_job *job)
{
    struct fault_request *own = fault->free;
    const struct fault_rule *rule;
    uint64_t data = job->operation == BLOCK_WRITE ? job->length : 0;

    if (!own || !record_fits(&fault->record, data)) {
        fault->refused = true;
        return ERR_AGAIN;
    }
    rule = rule_for(fault, job);
    fault->free = own->next;
    own->job_opt = job;
    own->number = ++fault->numbers;
    own->kind = rule ? rule->kind : FAULT_NONE;
    own->delay = rule ? rule->delay : 0;
    if (own->kind == FAULT_TORN && job->operation != BLOCK_WRITE)
        own->kind = FAULT_ERROR_AFTER;
    count(fault, own->kind);
    if (job->operation == BLOCK_WRITE)
        copy(own, false);
    if (own->kind == FAULT_ERROR_BEFORE)
        over(own, ERR_IO, 0);
    else if (own->kind == FAULT_TORN)
        torn_begin(own);
    else
        below(own, job->operation, job->offset, job->length, 0);
    record_write(&fault->record);
    return OK;
}

void fault_lost(struct fault *fault)
{
    fault->statistics.losses++;
    if (!fault->record.log_opt)
        return;
    if (fault->record.appended - fault->record.written + fault->record.promised + RECORD_UNIT >
        fault->record.size) {
        record_end(&fault->record, "its buffer had no room for a loss");
        return;
    }
    record_append(&fault->record, &(struct record_entry){.kind = RECORD_LOSS, .time = fault->now()}, NULL);
    record_write(&fault->record);
}
