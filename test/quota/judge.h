/* SPDX-License-Identifier: MIT */
/*
 * The judge's children: a hog each, with the judge as its parent.
 */
#ifndef TEST_QUOTA_JUDGE_H
#define TEST_QUOTA_JUDGE_H

#include <stdbool.h>

struct entrypoint;

bool hog_prepare(struct entrypoint *entrypoint);

/* Starts a hog, serves it until it ends, and takes everything back. False: it failed, or could not be started. */
bool hog_run(const char *name);

#endif
