/* SPDX-License-Identifier: MIT */
/*
 * What a new configuration changes for a child. Hardware-free.
 *
 * Routes are not compared as text: a child needs to start anew only if one of the sessions that it has would now go
 * elsewhere, which init/reconfigure.c asks for each of them.
 */
#ifndef INIT_DIFFERENCE_H
#define INIT_DIFFERENCE_H

#include "init/config.h"

struct difference {
    const char *restart_opt; /* what cannot change while the child runs; NULL: nothing of that kind */
    bool config;             /* another text for its ROM `config` */
    bool quota;
};

struct difference difference_find(const struct config *before, const struct config_child *old,
                                  const struct config *after, const struct config_child *new);

/* The child of this name; NULL: there is none. */
struct config_child *difference_counterpart(const struct config *config, const char *name);

#endif
