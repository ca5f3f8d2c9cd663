/* SPDX-License-Identifier: MIT */
/* The configuration: how sessions are opened, and the stages that they go through. */
#ifndef APP_BLOCK_TESTER_STAGE_H
#define APP_BLOCK_TESTER_STAGE_H

#include "contract/parent/wire.h"
#include "lib/base/status.h"
#include "lib/xml/xml.h"

#include <stdbool.h>
#include <stdint.h>

#define SESSIONS_MAX 16u
#define REQUEST_MAX  (1u << 20) /* bytes */
#define DEPTH_MAX    1024u
#define NAME_MAX     32u

struct settings {
    char label[PARENT_LABEL_MAX];
    uint64_t offset, size; /* of the view asked for; size 0: all of it */
    uint64_t sessions;
    uint64_t depth; /* of the queue; 0: what the server recommends */
    uint64_t bounce, seed;
    uint64_t memory, slots;                 /* the most of all stages: bytes of buffers, requests */
    bool retain, bounce_always, json, view; /* view: offset and size are given */
};

enum pattern { PATTERN_SEQUENTIAL, PATTERN_RANDOM, PATTERN_TRACE };

enum errors { ERRORS_NONE, ERRORS_ANY, ERRORS_SOME };

struct stage {
    char name[NAME_MAX], bench[NAME_MAX], trace[PARENT_LABEL_MAX];
    enum pattern pattern;
    enum errors errors;
    uint64_t block;                  /* bytes of a request */
    uint64_t depth;                  /* requests in flight */
    uint64_t requests;               /* of a session; 0: once over the view */
    uint64_t write, zeroes, discard; /* percent */
    uint64_t fua, barrier;           /* percent of the writes */
    uint64_t flush_every;            /* writes; 0: never */
    uint64_t restarts;               /* goes on until so many sessions were lost */
    uint64_t time_ms;                /* 0: as long as it takes */
    bool verify;                     /* stamps, and checks */
    bool latency;                    /* how long requests take is counted */
    bool lost;                       /* ERR_LOST is expected, at least once */
};

/* Complaints are logged. */
[[nodiscard]] enum status settings_read(struct xml_node config, struct settings *out);
[[nodiscard]] enum status stage_read(struct xml_node node, const struct settings *settings,
                                     struct stage *out);

#endif
