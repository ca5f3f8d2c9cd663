/* SPDX-License-Identifier: MIT */
/*
 * What the children of inits have and use, by the inits' state reports; compared with what it was after the first round.
 *
 * Of each child that lives on, the use may not have grown. The quotas of all, taken together, must be the same, however they are
 * shared out at the moment: what is lent, yielded or given back only moves. Reports are made at different moments, so a
 * difference counts only if it stays.
 */
#ifndef TEST_KILLER_ACCOUNTS_H
#define TEST_KILLER_ACCOUNTS_H

#include "lib/base/status.h"
#include "lib/xml/xml.h"

#include <stdbool.h>

/* Opens the ROMs of <account> nodes; complaints are logged. */
[[nodiscard]] enum status accounts_open(struct xml_node config);

/* Reads all of them. `is_victim`: children that are built anew, whose use is not compared. `tell`: says what differs. Value: how many
   values do; the first time, of the reading before. */
unsigned accounts_compare(bool (*is_victim)(const char *name), bool tell);

/* From now on this is what others are compared with, and is told. */
void accounts_settle(void);

#endif
