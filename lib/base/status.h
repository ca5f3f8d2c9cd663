/* SPDX-License-Identifier: MIT */
/*
 * Status codes for everything above lib/base: the kernel's, re-exported so that components stay independent of abi/.
 */
#ifndef LIB_BASE_STATUS_H
#define LIB_BASE_STATUS_H

#include "abi/status.h"

#endif
