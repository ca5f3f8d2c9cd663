/* SPDX-License-Identifier: MIT */
/*
 * Walking frame pointers and a symbol table that lie in somebody else's memory. Every loop is bounded, every address that
 * is followed comes through the reader hook.
 */
#include "lib/base/stack_trace.h"

#include "abi/symbols.h"

#define SYMBOLS_MAX (1u << 20)

static bool entry_read(const struct stack_reader *reader, uint64_t index, struct symbol_entry *out)
{
    return reader->read(reader->context, reader->symbols_begin + index * sizeof(*out), out, sizeof(*out));
}

/* The name at an offset of the table's text, cut to the buffer; characters that would disturb a log become '?'. */
static bool name_read(const struct stack_reader *reader, uint64_t name_offset, char *name)
{
    if (name_offset >= reader->names_end - reader->symbols_end)
        return false;
    for (size_t i = 0; i < STACK_TRACE_NAME - 1; i++) {
        uint64_t address = reader->symbols_end + name_offset + i;

        if (address >= reader->names_end || !reader->read(reader->context, address, &name[i], 1))
            return false;
        if (!name[i])
            return i > 0;
        if (name[i] < ' ' || name[i] > '~')
            name[i] = '?';
    }
    name[STACK_TRACE_NAME - 1] = 0;
    return true;
}

/* The last entry at or below the frame's address. */
static bool entry_find(const struct stack_reader *reader, uint64_t address, struct symbol_entry *found)
{
    uint64_t low = 0, high = (reader->symbols_end - reader->symbols_begin) / sizeof(struct symbol_entry);

    if (high > SYMBOLS_MAX)
        return false;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        struct symbol_entry entry;

        if (!entry_read(reader, middle, &entry))
            return false;
        if (entry.address <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 && entry_read(reader, low - 1, found) && found->address <= address;
}

static void frame_fill(const struct stack_reader *reader, uint64_t ip, uint64_t lookup,
                       struct stack_frame *frame)
{
    struct symbol_entry entry;

    frame->ip = ip;
    frame->offset = 0;
    frame->name[0] = 0;
    if (reader->symbols_begin >= reader->symbols_end || reader->symbols_end > reader->names_end)
        return;
    if (!entry_find(reader, lookup, &entry) || !name_read(reader, entry.name_offset, frame->name)) {
        frame->name[0] = 0;
        return;
    }
    frame->offset = ip - entry.address;
}

unsigned stack_trace_walk(const struct stack_reader *reader, uint64_t ip, uint64_t frame_pointer,
                          struct stack_frame *frames, unsigned max)
{
    unsigned count = 0;
    uint64_t lookup = ip;

    while (count < max) {
        uint64_t record[2]; /* the caller's frame pointer, the return address */

        frame_fill(reader, ip, lookup, &frames[count++]);
        if (frame_pointer == 0 || frame_pointer % 8 ||
            !reader->read(reader->context, frame_pointer, record, sizeof(record)) || record[1] == 0)
            break;
        ip = record[1];
        lookup = ip - 1; /* a call may be the last instruction of its function */
        if (record[0] != 0 && record[0] <= frame_pointer)
            frame_pointer = 0; /* frames must ascend: this return address is the last one believed */
        else
            frame_pointer = record[0];
    }
    return count;
}
