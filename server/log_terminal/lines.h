/* SPDX-License-Identifier: MIT */
/*
 * Log text on its way to a terminal, hardware-free: chunks become whole lines, lines wait in a queue.
 *
 * A source (a LOG session, or core's log) collects a line; when it is complete it goes into the queue in one piece, with
 * the source's label before it. A queue without room drops the whole line and counts it; as soon as there is room again
 * it says how many are missing. So a terminal that stands still stops nobody, and nobody sees half a line.
 */
#ifndef SERVER_LOG_TERMINAL_LINES_H
#define SERVER_LOG_TERMINAL_LINES_H

#include "contract/log/core_log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINES_QUEUE    (32u << 10)
#define LINES_LENGTH   240u
#define LINES_LABEL    160u
#define LINES_LINE_MAX (LINES_LABEL + LINES_LENGTH + 8u) /* a line in the queue */

struct lines_queue {
    char bytes[LINES_QUEUE];
    size_t head, length;
    uint64_t lost; /* lines, not yet told */
};

struct lines_source {
    const char *label; /* "": no prefix */
    char line[LINES_LENGTH];
    size_t length;
};

/* Adds text to the source's line. Control characters other than tab become '?'. */
void lines_add(struct lines_queue *queue, struct lines_source *source, const char *text, size_t length);

/* Ends an unfinished line. */
void lines_finish(struct lines_queue *queue, struct lines_source *source);

/* The oldest bytes that lie in one piece, and taking them away. */
size_t lines_pending(const struct lines_queue *queue, const char **bytes);
void lines_sent(struct lines_queue *queue, size_t length);

/* Room for a piece of core's log, whatever lines it holds. */
static inline bool lines_room(const struct lines_queue *queue)
{
    return LINES_QUEUE - queue->length >= 3 * LINES_LINE_MAX;
}

/* Core's log as a source: reads on from *position, at most while the queue has room. */
void lines_add_core(struct lines_queue *queue, struct lines_source *source, const struct core_log *log,
                    uint64_t *position);

#endif
