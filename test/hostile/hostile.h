/* SPDX-License-Identifier: MIT */
#ifndef TEST_HOSTILE_HOSTILE_H
#define TEST_HOSTILE_HOSTILE_H

#include <stdbool.h>

/* Random messages, then a crash. `all`: also to servers that most scenarios do not have. */
int noise(bool all);

#endif
