/* SPDX-License-Identifier: MIT */
/* Log text on its way to a terminal; see lines.h. */
#include "server/log_terminal/lines.h"

#include "lib/fmt/fmt.h"
#include "lib/string/string.h"

#define CORE_PIECE 256u
#define LOST_NOTE  64u

static void queue_put(struct lines_queue *queue, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        queue->bytes[(queue->head + queue->length++) % LINES_QUEUE] = text[i];
}

/* Says how many lines are missing, once there is room for that and for the line that comes. */
static void queue_tell_lost(struct lines_queue *queue)
{
    char text[LOST_NOTE];

    if (queue->lost == 0)
        return;
    size_t n = fmt_format(text, sizeof(text), "[log] %llu lines lost\n", (unsigned long long)queue->lost);
    queue_put(queue, text, n);
    queue->lost = 0;
}

static void emit(struct lines_queue *queue, struct lines_source *source)
{
    if (LINES_QUEUE - queue->length >= LINES_LINE_MAX + LOST_NOTE) {
        queue_tell_lost(queue);
        if (source->label[0]) {
            queue_put(queue, "[", 1);
            queue_put(queue, source->label, strnlen(source->label, LINES_LABEL));
            queue_put(queue, "] ", 2);
        }
        queue_put(queue, source->line, source->length);
        queue_put(queue, "\n", 1);
    } else {
        queue->lost++;
    }
    source->length = 0;
}

void lines_add(struct lines_queue *queue, struct lines_source *source, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\n') {
            emit(queue, source);
            continue;
        }
        if (text[i] == '\r')
            continue;
        if (source->length == LINES_LENGTH)
            emit(queue, source);
        bool control = (unsigned char)text[i] < ' ' && text[i] != '\t';
        source->line[source->length++] = control || text[i] == 0x7f ? '?' : text[i];
    }
}

void lines_finish(struct lines_queue *queue, struct lines_source *source)
{
    if (source->length)
        emit(queue, source);
}

size_t lines_pending(const struct lines_queue *queue, const char **bytes)
{
    size_t to_end = LINES_QUEUE - queue->head;

    *bytes = &queue->bytes[queue->head];
    return queue->length < to_end ? queue->length : to_end;
}

void lines_sent(struct lines_queue *queue, size_t length)
{
    queue->head = (queue->head + length) % LINES_QUEUE;
    queue->length -= length;
}

/* Copies a piece out of the memory that core goes on writing; 0: nothing new. *skipped: bytes that came too late. */
static size_t core_read(const struct core_log *log, uint64_t *position, char *text, uint64_t *skipped)
{
    uint64_t written = __atomic_load_n(&log->written, __ATOMIC_ACQUIRE);
    size_t n = 0;

    *skipped = 0;
    if (written - *position > CORE_LOG_TEXT) {
        *skipped = written - CORE_LOG_TEXT / 2 - *position;
        *position += *skipped;
    }
    while (n < CORE_PIECE && *position + n < written) {
        text[n] = log->text[(*position + n) % CORE_LOG_TEXT];
        n++;
    }
    /* What was overwritten meanwhile is garbage: count it as skipped. */
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    if (__atomic_load_n(&log->written, __ATOMIC_RELAXED) - *position > CORE_LOG_TEXT) {
        *skipped += n;
        *position += n;
        return 0;
    }
    *position += n;
    return n;
}

void lines_add_core(struct lines_queue *queue, struct lines_source *source, const struct core_log *log,
                    uint64_t *position)
{
    char text[CORE_PIECE];
    uint64_t skipped = 0;
    size_t n;

    /* A piece adds at most its own bytes, the line begun before, and a note: less than lines_room asks for. */
    while (lines_room(queue)) {
        n = core_read(log, position, text, &skipped);
        if (skipped) {
            char note[LOST_NOTE];
            lines_finish(queue, source);
            size_t length =
                fmt_format(note, sizeof(note), "[log] %llu bytes lost\n", (unsigned long long)skipped);
            queue_put(queue, note, length < sizeof(note) ? length : sizeof(note) - 1);
        }
        if (n == 0 && !skipped)
            return;
        lines_add(queue, source, text, n);
    }
}
