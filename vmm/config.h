/* SPDX-License-Identifier: MIT */
/*
 * What a virtual machine is made of, read from the monitor's `config` ROM:
 *
 *     <config kernel="vmlinux" initramfs="initramfs.cpio" ram="512M" vcpus="1" command_line="console=ttyS0 quiet">
 *         <disk name="root" label="disk" read_only="no" bounce="no" queues="1"/>
 *     </config>
 *
 * `kernel` and `initramfs` are labels of ROM sessions, `initramfs` and `command_line` may be missing. `wall_clock` gives the
 * seconds since 1970 at start where no clock is connected. `statistics="yes"` prints the exits by reason at the end. Each <disk> is a
 * BLOCK session with this label (its name by default); the guest finds the disks in their order.
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
#define CONFIG_DISKS_MAX        8u
#define CONFIG_QUEUES_MAX       8u
#define CONFIG_LABEL_MAX        64u
#define CONFIG_ERROR_MAX        240u

struct config_disk {
    char name[CONFIG_NAME_MAX]; /* for the log, and what the guest is told as its serial number */
    char label[CONFIG_LABEL_MAX];
    uint64_t queues;
    bool read_only, bounce;
};

struct vmm_config {
    char kernel[CONFIG_NAME_MAX];
    char initramfs[CONFIG_NAME_MAX]; /* empty: none */
    char command_line[CONFIG_COMMAND_LINE_MAX];
    uint64_t ram;
    uint64_t vcpus;
    uint64_t wall_clock;
    bool statistics;
    struct config_disk disk[CONFIG_DISKS_MAX];
    unsigned disks;
};

/* ERR_INVALID: `error` says what is wrong and in which line. */
[[nodiscard]] enum status vmm_config_parse(const char *text, size_t length, struct vmm_config *out,
                                           char error[CONFIG_ERROR_MAX]);

#endif
