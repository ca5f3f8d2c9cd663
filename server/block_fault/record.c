/* SPDX-License-Identifier: MIT */
#include "server/block_fault/record.h"

#include "lib/crc32/crc32.h"
#include "lib/string/string.h"

#define WRITE_MOST (256u << 10) /* bytes at a time */

static uint64_t units(uint64_t data)
{
    return (data + RECORD_UNIT - 1) / RECORD_UNIT * RECORD_UNIT;
}

void record_end(struct record *record, const char *why)
{
    if (record->ended)
        return;
    record->ended = true;
    if (record->failed)
        record->failed(record, why);
}

bool record_fits(const struct record *record, uint64_t data)
{
    uint64_t needed = RECORD_UNIT + units(data) + RECORD_UNIT; /* and its COMPLETE */

    if (!record->log_opt || record->ended)
        return true;
    return record->appended - record->written + record->promised + needed <= record->size;
}

/* `length` bytes, or zeroes; the buffer is a ring. */
static void put(struct record *record, const void *bytes_opt, uint64_t length)
{
    const uint8_t *from = bytes_opt;

    while (length) {
        uint32_t at = (uint32_t)(record->appended % record->size), n = record->size - at;

        if (n > length)
            n = (uint32_t)length;
        if (from)
            memcpy(record->buffer + at, from, n);
        else
            memset(record->buffer + at, 0, n);
        from = from ? from + n : NULL;
        record->appended += n;
        length -= n;
    }
}

void record_append(struct record *record, const struct record_entry *entry, const void *data_opt)
{
    struct record_entry own = *entry;

    if (!record->log_opt || record->ended)
        return;
    if (own.kind == RECORD_SUBMIT)
        record->promised += RECORD_UNIT;
    else if (own.kind == RECORD_COMPLETE)
        record->promised -= RECORD_UNIT;
    if (record->appended + RECORD_UNIT + units(own.data) > record->room) {
        record_end(record, "the log disk is full");
        return;
    }
    own.magic = RECORD_MAGIC;
    own.run = record->run;
    own.sequence = record->sequence++;
    own.checksum = 0;
    own.checksum = crc32_update(crc32_update(0, &own, sizeof(own)), data_opt, own.data);
    put(record, &own, sizeof(own));
    put(record, NULL, RECORD_UNIT - sizeof(own));
    put(record, data_opt, own.data);
    put(record, NULL, units(own.data) - own.data);
}

void record_start(struct record *record, uint64_t disk_size, uint32_t block_size, uint64_t time)
{
    record_append(
        record,
        &(struct record_entry){.kind = RECORD_START, .length = disk_size, .flags = block_size, .time = time},
        NULL);
}

static void written(struct block_request *request)
{
    struct record *record = (struct record *)((char *)request - offsetof(struct record, request));

    record->writing = false;
    if (request->status != OK)
        record_end(record, "the log disk fails");
    else
        record->written += request->length;
    record_write(record);
    if (record->moved)
        record->moved(record);
}

void record_write(struct record *record)
{
    uint64_t left = record->appended - record->written;
    uint32_t at;

    if (!record->log_opt || record->ended || record->writing || left == 0)
        return;
    at = (uint32_t)(record->written % record->size);
    if (left > record->size - at)
        left = record->size - at;
    if (left > WRITE_MOST)
        left = WRITE_MOST;
    record->piece =
        (struct block_client_piece){.region = record->region, .length = (uint32_t)left, .offset = at};
    record->request = (struct block_request){.operation = BLOCK_WRITE,
                                             .offset = record->written,
                                             .length = left,
                                             .pieces = &record->piece,
                                             .piece_count = 1,
                                             .done = written};
    record->writing = true;
    block_client_submit(record->log_opt, &record->request);
}
