/* SPDX-License-Identifier: MIT */
/*
 * Calls end (ipc.pml), when a turn is long enough for one request and nobody is more urgent. Without that a client whose turns
 * always begin and end in the middle of somebody else's request could be passed by for ever.
 */
#define CONTROLS 1
#define FULL_TURNS
#define SLICE    6
#include "ipc.pml"
