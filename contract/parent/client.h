/* SPDX-License-Identifier: MIT */
/*
 * PARENT, the client's half: it is lib/base's own, since lib/base itself makes these calls and may not lean on contract/.
 */
#ifndef CONTRACT_PARENT_CLIENT_H
#define CONTRACT_PARENT_CLIENT_H

#include "lib/base/parent_session.h"

#endif
