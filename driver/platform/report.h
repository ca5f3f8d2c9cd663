/* SPDX-License-Identifier: MIT */
/*
 * The report `devices`: what was found, for whoever policy lets read it.
 */
#ifndef DRIVER_PLATFORM_REPORT_H
#define DRIVER_PLATFORM_REPORT_H

#include "lib/base/status.h"

[[nodiscard]] enum status report_devices(void);

#endif
