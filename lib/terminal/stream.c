/* SPDX-License-Identifier: MIT */
/* Byte streams over two rings; see stream.h. */
#include "lib/terminal/stream.h"

#define LINE_MASK (RING_LINE - 1u)

static uint64_t line_round_up(uint64_t size)
{
    return (size + LINE_MASK) & ~(uint64_t)LINE_MASK;
}

enum status stream_layout(uint32_t output_elements, uint32_t input_elements, struct terminal_connect *out,
                          size_t *memory_size)
{
    size_t output = 0, input = 0;
    enum status status = ring_size(output_elements, 1, &output);

    if (status == OK)
        status = ring_size(input_elements, 1, &input);
    if (status != OK)
        return status;
    uint64_t input_offset = line_round_up(output);
    uint64_t end = input_offset + input;
    if (end > TERMINAL_MEMORY_MAX)
        return ERR_RANGE;
    *out = (struct terminal_connect){
        .output_offset = 0,
        .output_size = (uint32_t)output,
        .input_offset = (uint32_t)input_offset,
        .input_size = (uint32_t)input,
        .output_elements = output_elements,
        .input_elements = input_elements,
    };
    *memory_size = (size_t)end;
    return OK;
}

/* Where a ring lies: inside the memory, at a cache line. */
static enum status part_check(size_t memory_size, uint32_t offset, uint32_t size)
{
    if (offset & LINE_MASK)
        return ERR_INVALID;
    return offset <= memory_size && size <= memory_size - offset ? OK : ERR_RANGE;
}

enum status stream_open(void *memory, size_t size, const struct terminal_connect *layout,
                        enum stream_side side, struct stream *out)
{
    bool client = side == STREAM_CLIENT;
    uint8_t *output = (uint8_t *)memory + layout->output_offset;
    uint8_t *input = (uint8_t *)memory + layout->input_offset;
    struct stream fresh;
    enum status status = part_check(size, layout->output_offset, layout->output_size);

    if (status == OK)
        status = part_check(size, layout->input_offset, layout->input_size);
    if (status == OK)
        status =
            ring_producer_open(client ? output : input, client ? layout->output_size : layout->input_size,
                               client ? layout->output_elements : layout->input_elements, 1, &fresh.out);
    if (status == OK)
        status =
            ring_consumer_open(client ? input : output, client ? layout->input_size : layout->output_size,
                               client ? layout->input_elements : layout->output_elements, 1, &fresh.in);
    if (status == OK)
        *out = fresh;
    return status;
}

/* Stages what fits and publishes it. */
static enum status write_once(struct stream *stream, const uint8_t *bytes, size_t length, size_t *taken,
                              bool *notify)
{
    enum status status = OK;

    while (*taken < length && (status = ring_stage(&stream->out, &bytes[*taken])) == OK)
        ++*taken;
    if (ring_publish(&stream->out))
        *notify = true;
    return status == ERR_AGAIN ? OK : status;
}

/* How much room is worth a wake-up: half the ring, so that a long text does not cost one notification a byte. */
static uint32_t room_wanted(const struct stream *stream, size_t rest)
{
    uint32_t half = stream->out.view.capacity / 2;

    if (half == 0)
        return 1;
    return rest < half ? (uint32_t)rest : half;
}

enum status stream_write(struct stream *stream, const void *bytes, size_t length, size_t *taken, bool *notify)
{
    bool may_sleep = false;
    enum status status = OK;

    *taken = 0;
    *notify = false;
    while (*taken < length && !may_sleep && status == OK) {
        status = write_once(stream, bytes, length, taken, notify);
        if (status == OK && *taken < length)
            status =
                ring_producer_prepare_sleep(&stream->out, room_wanted(stream, length - *taken), &may_sleep);
    }
    return status;
}

static enum status read_once(struct stream *stream, uint8_t *bytes, size_t size, size_t *got, bool *notify)
{
    enum status status = OK;

    while (*got < size && (status = ring_take(&stream->in, &bytes[*got])) == OK)
        ++*got;
    if (ring_give_back(&stream->in))
        *notify = true;
    return status == ERR_AGAIN ? OK : status;
}

enum status stream_read(struct stream *stream, void *bytes, size_t size, size_t *got, bool *notify)
{
    bool may_sleep = false;
    enum status status = OK;

    *got = 0;
    *notify = false;
    while (*got < size && !may_sleep && status == OK) {
        status = read_once(stream, bytes, size, got, notify);
        if (status == OK && *got < size)
            status = ring_consumer_prepare_sleep(&stream->in, &may_sleep);
    }
    return status;
}
