/* SPDX-License-Identifier: MIT */
/*
 * PD, the client's half: it is lib/base's own, since lib/base itself makes these calls and may not lean on contract/.
 */
#ifndef CONTRACT_PD_CLIENT_H
#define CONTRACT_PD_CLIENT_H

#include "lib/base/pd_session.h"

#endif
