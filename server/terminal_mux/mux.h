/* SPDX-License-Identifier: MIT */
/*
 * Several consoles on one screen, hardware-free: who may print when, and what it looks like.
 *
 * One client has the focus. Its bytes go to the screen as they come, so that prompts and editors work. Everybody else's
 * output is collected into lines; a complete one is shown as "[name] text". If the focused client is in the middle of a
 * line then, that line is ended first, and printed again after the others' lines. So no line ever contains bytes of two
 * clients, and a prompt is always the last thing on the screen.
 *
 * Each client has one line buffer. For the focused one it holds what stands on the screen's last line, for the others
 * what has not been shown yet; so a change of the focus only changes what the buffer means.
 *
 * Invariants: `shown` is true exactly if the last line on the screen is non-empty and is the focused client's buffer (its
 * end, if it is very long). Whoever calls mux_output has made sure of MUX_ROOM in the sink, so nothing is ever cut.
 */
#ifndef SERVER_TERMINAL_MUX_MUX_H
#define SERVER_TERMINAL_MUX_MUX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUX_NAME_MAX 32u
#define MUX_LINE_MAX 512u
#define MUX_CHUNK    64u            /* bytes a mux_output */
#define MUX_ROOM     (8u << 10)     /* what a chunk can become: each byte a line with a prefix */
#define MUX_SINK     (4 * MUX_ROOM) /* a power of two */

enum mux_escape {
    MUX_ESCAPE_NONE,
    MUX_ESCAPE_STARTED, /* after ESC */
    MUX_ESCAPE_CONTROL, /* after ESC [ */
};

struct mux_client {
    char name[MUX_NAME_MAX];
    bool plain;       /* its lines carry names already: no prefix */
    bool output_only; /* takes no input, so it never has the focus */
    struct mux_client *next;
    uint8_t line[MUX_LINE_MAX];
    size_t length;
    bool returned; /* the last byte was a carriage return */
    enum mux_escape escape;
};

struct mux {
    uint8_t key; /* cycles the focus */
    struct mux_client *clients;
    struct mux_client *focus_opt;
    bool shown;
    uint8_t sink[MUX_SINK]; /* to the screen */
    size_t sink_head, sink_length;
};

void mux_init(struct mux *mux, uint8_t key);

/* The first client that takes input gets the focus; `client` has name, plain and output_only set, the rest zeroed. */
void mux_add(struct mux *mux, struct mux_client *client);

/* What it had not finished is shown; its focus goes to the next one. */
void mux_remove(struct mux *mux, struct mux_client *client);

/* Gives the focus, and says so. */
void mux_focus(struct mux *mux, struct mux_client *client);

/* At most MUX_CHUNK bytes, and only with MUX_ROOM in the sink. */
void mux_output(struct mux *mux, struct mux_client *client, const uint8_t *bytes, size_t length);

/* A byte typed: who gets it. NULL: it was the key, or nobody is there. Needs MUX_ROOM. */
struct mux_client *mux_input(struct mux *mux, uint8_t byte);

/* A line of the multiplexer itself. Needs MUX_ROOM. */
void mux_say(struct mux *mux, const char *text);

size_t mux_room(const struct mux *mux);

/* The oldest bytes for the screen, as many as lie in one piece. */
size_t mux_pending(const struct mux *mux, const uint8_t **bytes);
void mux_sent(struct mux *mux, size_t length);

/* "ctrl-a" .. "ctrl-z", "ctrl-\", "ctrl-^", "ctrl-_": a control character; false: no such key. `length` of text. */
bool mux_key_parse(const char *text, size_t length, uint8_t *key);

#endif
