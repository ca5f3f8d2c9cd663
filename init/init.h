/* SPDX-License-Identifier: MIT */
/*
 * Init's own state, and its children.
 *
 * A child begins STARTING: its PD session and its binary are asked for at the parent. When both are there it is built and
 * RUNNING. It ENDED if it could not be built, has exited or has faulted; its struct stays, so that sessions may go on
 * referring to it. Everything runs on init's one entry point, so nothing here needs locks.
 */
#ifndef INIT_INIT_H
#define INIT_INIT_H

#include "init/config.h"
#include "init/upstream.h"
#include "lib/base/entrypoint.h"

enum init_child_state {
    CHILD_IDLE,
    CHILD_STARTING,
    CHILD_RUNNING,
    CHILD_ENDED,
};

struct init_child {
    const struct config_child *config;
    enum init_child_state state;
    struct portal parent;     /* what the child calls */
    struct portal config_rom; /* its ROM session `config` */
    uint32_t config_dataspace;
    uint64_t config_size;
    struct upstream pd, binary;
    uint32_t notifications[PARENT_NOTIFICATIONS];
    uint32_t announced; /* bit n: the n-th service of config->provides */

    bool exited;
    int exit_code;
    struct deferred end; /* it cannot be taken apart inside its own call */
};

struct init {
    struct entrypoint *entrypoint;
    struct config config;
    struct config_report report;
    struct init_child *children; /* config.child_count of them, in that order */
    bool any_has_run;
};

extern struct init init;

/* The running state of a child of the model. */
struct init_child *init_child_of(const struct config_child *config);

/* Of its main thread, and the most that any of its threads can have. */
unsigned init_child_priority(const struct init_child *child);

/* Starts all that can be started, and reports the others. Not OK: init itself lacks something. */
[[nodiscard]] enum status init_children_start(void);

/* Tells the child that something of place `place` has changed. */
void init_child_notify(const struct init_child *child, enum parent_notification place);

/* child_build.c: from a PD session and a binary to a running child. *what says what failed. */
[[nodiscard]] enum status init_child_build(struct init_child *child, uint32_t fault_notification,
                                           const char **what);

/* parent.c: the child's calls. */
enum status init_parent_dispatch(struct portal *portal, struct dispatch *d);

/* config_rom.c: the child's ROM `config`. */
[[nodiscard]] enum status init_config_rom_create(struct init_child *child);

#endif
