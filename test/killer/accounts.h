/* SPDX-License-Identifier: MIT */
/*
 * What the children of an init have and use, by the init's state report; compared with what it was after the first round.
 *
 * Whoever has ended, or is not there at the moment, is left out. A difference is told with both values.
 */
#ifndef TEST_KILLER_ACCOUNTS_H
#define TEST_KILLER_ACCOUNTS_H

#include "lib/base/status.h"
#include "lib/xml/xml.h"

#include <stdbool.h>

/* Opens the ROMs of <account> nodes; complaints are logged. */
[[nodiscard]] enum status accounts_open(struct xml_node config);

/* Reads all of them. The first time everything is noted, and printed; later, differences are. Value: how many. */
unsigned accounts_compare(void);

#endif
