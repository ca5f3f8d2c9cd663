/* SPDX-License-Identifier: MIT */
/*
 * The firmware's ACPI tables, from the address that the ROM platform_info tells. They lie in reserved memory; each is
 * copied once, then checked.
 */
#ifndef DRIVER_PLATFORM_FIRMWARE_H
#define DRIVER_PLATFORM_FIRMWARE_H

#include "lib/base/status.h"

/* Once, first. */
void firmware_start(void);

/* A table, checked, in memory of the heap that is never freed. ERR_NOT_FOUND: there is none, or no ACPI at all. */
[[nodiscard]] enum status firmware_table(const char *signature, const void **out);

#endif
