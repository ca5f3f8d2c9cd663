/* SPDX-License-Identifier: MIT */
/*
 * The configuration of init: text becomes a checked model. Hardware-free.
 *
 * config_read takes the text of a configuration, validates it as XML, reads it by tables of the known nodes and
 * attributes, and then looks at it as a whole: names, quotas, routes. Every mistake is reported with its line, its node
 * and its reason, not only the first one; a text with any mistake gives no model.
 *
 * The model refers to the text (the children's <config> nodes are passed on as they stand), so the text must outlive
 * it. All its memory hangs in one chain that config_free gives back.
 */
#ifndef INIT_CONFIG_H
#define INIT_CONFIG_H

#include "contract/parent/wire.h"
#include "contract/pd/wire.h"
#include "lib/base/status.h"
#include "lib/xml/xml.h"

#include <stdbool.h>
#include <stdint.h>

#define CONFIG_NAME_MAX     PD_NAME_MAX /* of a child, with terminator */
#define CONFIG_BINARY_MAX   64u         /* of a ROM module */
#define CONFIG_PROVIDES_MAX 32u         /* services of one child: announcements are a word of bits */
#define CONFIG_PRIORITY_MAX 127u
#define CONFIG_SLICE_LEAST  100u /* microseconds; core takes no others */
#define CONFIG_SLICE_MOST   1000000u
#define CONFIG_SLICE_USUAL  10000u
#define CONFIG_MESSAGE_MAX  256u
#define CONFIG_DELAY_MAX    86400000u /* ms: a day */
#define CONFIG_AFFINITY_MAX 1024u

enum config_target_kind {
    CONFIG_TARGET_PARENT,
    CONFIG_TARGET_CHILD,
    CONFIG_TARGET_ANY_CHILD,
};

/* A possible server of a route; the first one that provides the service is taken. */
struct config_target {
    struct config_target *next;
    enum config_target_kind kind;
    struct config_child *child_opt; /* of CHILD */
    const char *name_opt;           /* as written, for CHILD */
    const char *label_opt;          /* replaces the label of the request */
    struct xml_node node;
};

/* <service> or <any-service>: which requests it is about, and its targets. Conditions not written are NULL. */
struct config_route {
    struct config_route *next;
    const char *service_opt; /* NULL: any */
    const char *label_opt, *prefix_opt, *suffix_opt, *last_opt, *unscoped_opt;
    struct config_target *targets;
    struct xml_node node;
};

struct config_service {
    struct config_service *next;
    const char *name;
};

/* After which ends a child is started again; each includes those before. */
enum config_restart_on {
    CONFIG_RESTART_NEVER,
    CONFIG_RESTART_FAULT,   /* a fault, heartbeats not answered, no start */
    CONFIG_RESTART_FAILURE, /* an exit value other than 0 */
    CONFIG_RESTART_ALWAYS,
};

struct config_restart {
    enum config_restart_on on;
    uint64_t delay_ms, max_delay_ms; /* doubles from the one to the other while the child does not stay */
    uint64_t limit;                  /* restarts in a row; 0: any number */
};

struct config_heartbeat {
    bool wanted, restart;
    uint64_t limit; /* beats that may stay unanswered */
};

/* Of the configuration's affinity space. */
struct config_affinity {
    bool given;
    uint64_t first, count;
};

struct config_child {
    struct config_child *next;
    struct xml_node node; /* <start> */
    char name[CONFIG_NAME_MAX];
    char binary[CONFIG_BINARY_MAX]; /* the name, if there is no <binary> */
    uint64_t ram, caps;
    uint64_t priority; /* 0: the default of lib/base */
    uint64_t slice_us; /* of a turn among equal priorities */
    bool exit_propagate;
    struct config_restart restart;
    struct config_heartbeat heartbeat;
    struct config_affinity affinity;
    uint64_t request_ram, request_caps; /* how far the quota may grow at its own request; 0: not at all */
    const char *version_opt;            /* another one: a restart */
    const char *config_file_opt;        /* the ROM that it gets as `config` */
    bool has_config;
    struct xml_node config; /* only if has_config */
    struct config_service *provides;
    bool has_routes; /* if not, the default routes hold */
    struct config_route *routes;
};

/* Another name of a child, for routes. */
struct config_alias {
    struct config_alias *next;
    const char *name, *child;
    struct xml_node node;
};

/* The report about the children's state. */
struct config_state {
    bool wanted;
    bool child_ram, child_caps;
    uint64_t delay_ms;
};

struct config_block;

struct config {
    bool verbose;
    uint64_t affinity_width; /* 0: none */
    uint64_t heartbeat_ms;   /* 0: none */
    struct config_state state;
    struct config_alias *aliases;
    struct config_route *services; /* what the parent can get from children; targets are children */
    unsigned child_count;
    struct config_child *children; /* in the order of the text */
    struct config_service *parent_provides;
    struct config_route *default_routes;
    uint64_t default_ram, default_caps; /* 0: none */
    struct config_block *blocks;        /* memory of it all */
};

/* Receives each mistake as one line: config:LINE: <NODE name="...">: REASON. */
struct config_report {
    void (*line)(struct config_report *report, const char *text);
    unsigned count;
};

/* ERR_INVALID: mistakes were reported. ERR_NO_RAM. */
[[nodiscard]] enum status config_read(const char *text, size_t length, struct config_report *report,
                                      struct config *out);
void config_free(struct config *config);

/* The same form for what is found out later: a missing module, too little memory. */
void config_complain(struct config_report *report, struct xml_node node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* True if the list names the service; *index_opt is its place. */
bool config_provides(const struct config_service *list, const char *service, unsigned *index_opt);

/* The text that a child gets as its ROM `config`. */
struct xml_slice config_of_child(const struct config_child *child);

/* Memory that lives as long as the model; NULL: none left. */
void *config_alloc(struct config *config, size_t size);

/* config_check.c: names, quotas and routes of a model that has been read. */
void config_check(struct config *config, struct config_report *report);

#endif
