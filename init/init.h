/* SPDX-License-Identifier: MIT */
/*
 * Init's own state, and its children.
 *
 * A NEW child becomes STARTING: its PD session and its binary are asked for at the parent. When both are there it is built and
 * RUNNING. When it could not be built, has exited, has faulted or no longer answers, it is LEAVING: nothing of it runs any more, and its sessions
 * are closed; but its memory stays until those servers have answered that may still read or write it (a disk with writes
 * of it in flight must not write what comes in its place). Then it is taken apart wholly, and is RESTING, if its configuration says that it
 * shall start again, or ENDED. Its struct stays until a configuration comes that does not name it. Everything runs on init's one entry
 * point, so nothing here needs locks.
 */
#ifndef INIT_INIT_H
#define INIT_INIT_H

#include "init/affinity.h"
#include "init/config.h"
#include "init/difference.h"
#include "init/quota.h"
#include "init/upstream.h"
#include "lib/base/entrypoint.h"

enum init_child_state {
    CHILD_NEW,
    CHILD_STARTING,
    CHILD_RUNNING,
    CHILD_LEAVING,
    CHILD_RESTING,
    CHILD_ENDED,
};

/* What comes when a child has left. */
enum init_after {
    AFTER_END,   /* it rests or has ended: `returns` */
    AFTER_START, /* another life */
    AFTER_HOLD,  /* the configuration that is to come decides; it stays so until that is in force */
};

/* What a new configuration means for a child. */
struct init_decision {
    const struct config_child *after_opt; /* NULL: it goes */
    struct quota before;
    struct difference difference;
};

/* What the child still is to learn from CONTROL, and what it owes an answer to. */
struct init_control {
    uint32_t news;           /* enum parent_control_flag */
    struct quota asked;      /* by RESOURCE_REQUEST, while `pending` */
    bool pending, tried;     /* tried: others have been asked to give quota for it */
    struct quota yield;      /* asked back, while not 0 */
    struct quota keep;       /* with `shrinking`: all that it may have then */
    bool shrinking;          /* a new configuration gives it less: it restarts if it does not yield */
    struct timeout patience; /* for the yield */
    bool beat_asked;         /* a heartbeat waits for its answer */
    uint64_t beats_skipped;  /* in a row */
};

struct init_child {
    struct init_child *next;
    const struct config_child *config;
    enum init_child_state state;
    struct portal parent;      /* what the child calls */
    struct portal config_rom;  /* its ROM session `config` */
    uint32_t config_dataspace; /* the present text */
    uint32_t config_shown;     /* what it was given last; CAP_NONE, or config_dataspace, or the one before */
    uint32_t config_watch;     /* its notification for changes */
    uint64_t config_size, config_generation;
    struct upstream pd, binary;
    struct cpu_range cpus;
    struct quota quota; /* given by init, with what came at its request */
    uint32_t notifications[PARENT_NOTIFICATIONS];
    uint32_t announced; /* bit n: the n-th service of config->provides */
    struct init_control control;

    bool exited;
    int exit_code;       /* of its last end */
    struct deferred end; /* it cannot be taken apart inside its own call, nor inside another's */
    bool removed;        /* no longer in the list, freed when `end` has run */
    enum init_after after;
    bool returns;
    struct timeout patience; /* while LEAVING */
    uint64_t looked_at;      /* by session_client_held() */
    struct init_decision decision;

    uint64_t started; /* TSC */
    unsigned restarts, restarts_in_row;
    struct timeout again;

    unsigned messages, messages_left_out;
    uint64_t messages_since; /* TSC */
};

struct init {
    struct entrypoint *entrypoint;
    struct config config;
    struct config_report report;
    struct init_child *children; /* in the order of their appearance */
    bool any_has_run;
};

extern struct init init;

/* ---- child.c ---- */

/* The running state of a child of the model; NULL: there was no memory for it. */
struct init_child *init_child_of(const struct config_child *config);

/* Of its main thread, and the most that any of its threads can have. */
unsigned init_child_priority(const struct init_child *child);

/* Tells the child that something of place `place` has changed. */
void init_child_notify(const struct init_child *child, enum parent_notification place);

/* A child that is not started yet; NULL: no memory. */
struct init_child *init_child_create(const struct config_child *config);
void init_child_start(struct init_child *child);

/* What init has for others. */
struct quota init_slack(void);

/* Once, before any child is started. */
[[nodiscard]] enum status init_children_prepare(void);

/* A message about a child, at its instigation. How many there can be in a second is limited. */
void init_child_complain(struct init_child *child, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- child_end.c ---- */

/* It could not be built. */
void init_child_failed(struct init_child *child);

/* It has exited, faulted or does not answer: `cause` is what a restart must be allowed for. */
void init_child_ended(struct init_child *child, enum config_restart_on cause, int code);

/* It leaves, perhaps at once, whatever it does at present. */
void init_child_stop(struct init_child *child, enum init_after after);

/* It has left, and the configuration names it no longer. The struct is gone afterwards. */
void init_child_remove(struct init_child *child);

/* A server has let go of a session of the child's: who leaves may be done with that, others are told. */
void init_child_let_go(struct init_child *child, enum parent_notification place);

/* Runs `end`: the child has said that it exits, or may have left. */
void init_child_exits(struct deferred *deferred);

[[nodiscard]] enum status init_faults_watch(uint32_t *notification);

/* ---- one function or two of each ---- */

/* child_build.c: from a PD session and a binary to a running child. *what says what failed. */
[[nodiscard]] enum status init_child_build(struct init_child *child, uint32_t fault_notification,
                                           const char **what);

/* parent.c: the child's calls. */
enum status init_parent_dispatch(struct portal *portal, struct dispatch *d);

/* config_rom.c: the child's ROM `config`. */
[[nodiscard]] enum status init_config_rom_create(struct init_child *child);
void init_config_rom_destroy(struct init_child *child);
/* ERR_UNSUPPORTED: the child does not watch its configuration. */
[[nodiscard]] enum status init_config_rom_update(struct init_child *child);

/* own_config.c: opens init's configuration; what is in it is applied now and whenever it changes. */
[[nodiscard]] enum status init_config_open(void);

/* reconfigure.c: `config` and its text become init's own, at once or when those children have left that go or restart. */
void init_reconfigure(const struct config *config, char *text);
/* A child has left. */
void init_reconfigure_go_on(void);

/* resource.c: quota that children ask for, and are asked for. */
[[nodiscard]] enum status init_resource_request(struct init_child *child, uint64_t ram, uint32_t caps);
[[nodiscard]] enum status init_resource_yielded(struct init_child *child, uint64_t ram, uint32_t caps);
enum status init_resource_control(struct init_child *child, struct parent_control *out);
void init_resource_forget(struct init_child *child);
/* A new configuration gives the child another quota than before; less: it is asked to yield. */
void init_resource_change(struct init_child *child, struct quota before);
/* There may be more to give than before. */
void init_resource_settle(void);
void init_resource_watch(void);

/* heartbeat.c: by the present configuration. */
void init_heartbeat_apply(void);

/* report.c: something about the children has changed. */
void init_report_trigger(void);

/* offer.c: announces what the present configuration offers to the parent. */
void init_offers_apply(void);

#endif
