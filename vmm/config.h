/* SPDX-License-Identifier: MIT */
/*
 * What a virtual machine is made of, read from the monitor's `config` ROM:
 *
 *     <config kernel="vmlinux" initramfs="initramfs.cpio" ram="512M" vcpus="1" command_line="console=ttyS0 quiet"/>
 *
 * `kernel` and `initramfs` are labels of ROM sessions, `initramfs` and `command_line` may be missing. `wall_clock` gives the
 * seconds since 1970 at start where no clock is connected. `statistics="yes"` prints the exits by reason at the end.
 */
#ifndef VMM_CONFIG_H
#define VMM_CONFIG_H

#include "lib/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_NAME_MAX         64u
#define CONFIG_COMMAND_LINE_MAX 1024u
#define CONFIG_RAM_MIN          (2ull << 20)
#define CONFIG_VCPUS_MAX        8u
#define CONFIG_ERROR_MAX        240u

struct vmm_config {
    char kernel[CONFIG_NAME_MAX];
    char initramfs[CONFIG_NAME_MAX]; /* empty: none */
    char command_line[CONFIG_COMMAND_LINE_MAX];
    uint64_t ram;
    uint64_t vcpus;
    uint64_t wall_clock;
    bool statistics;
};

/* ERR_INVALID: `error` says what is wrong and in which line. */
[[nodiscard]] enum status vmm_config_parse(const char *text, size_t length, struct vmm_config *out,
                                           char error[CONFIG_ERROR_MAX]);

#endif
