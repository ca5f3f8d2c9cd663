/* SPDX-License-Identifier: MIT */
/*
 * Status codes as text for people: the one place that turns the codes of abi/status.h into words.
 */
#ifndef LIB_FMT_STATUS_TEXT_H
#define LIB_FMT_STATUS_TEXT_H

#include "lib/base/status.h"

/* A few words in lower case, to stand behind "name: "; never NULL, also for codes that do not exist. */
const char *status_text(enum status status);

#endif
