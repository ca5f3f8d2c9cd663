/* SPDX-License-Identifier: MIT */
/*
 * Confinement: the IOMMUs of the machine begin to work before any driver has a function, and their faults are told.
 *
 * Without one the log says so: a driver's device can then reach all memory.
 */
#ifndef DRIVER_PLATFORM_CONFINEMENT_H
#define DRIVER_PLATFORM_CONFINEMENT_H

#include "lib/base/entrypoint.h"

#include <stdbool.h>

/* After functions_find(). */
void confinement_start(struct entrypoint *entrypoint);

/* At least one IOMMU works. */
bool confinement_works(void);

#endif
