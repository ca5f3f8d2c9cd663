/* SPDX-License-Identifier: MIT */
/*
 * Policy: which functions a session may be about, by its label. Hardware-free.
 *
 *     <policy label_prefix="ahci -> " class="0x010601"/>
 *     <policy label="nvme -> disk" vendor="0x1b36" device="0x0010"/>
 *     <policy label="test -> edu" address="00:04.0"/>
 *
 * The first policy whose label fits counts. Of the functions that have all its properties, the session's argument index=N
 * takes the N-th, in the order of addresses on each bus.
 */
#ifndef DRIVER_PLATFORM_POLICY_H
#define DRIVER_PLATFORM_POLICY_H

#include "contract/parent/wire.h"
#include "lib/base/status.h"
#include "lib/xml/xml.h"

#include <stdbool.h>
#include <stdint.h>

#define POLICY_ANY UINT64_MAX

struct policy {
    struct policy *next;
    bool prefix;
    char label[PARENT_LABEL_MAX];
    uint64_t class_code, vendor, device; /* POLICY_ANY: does not matter */
    uint64_t address;                    /* segment << 16 | bus << 8 | device << 3 | function */
};

/* What is wrong with a configuration. */
struct policy_error {
    struct xml_node node;
    const char *attribute_opt;
    const char *reason;
};

/* What a function is, as policies see it. */
struct policy_subject {
    uint16_t vendor, device;
    uint32_t class_code;
    uint16_t segment, address;
};

/* "bus:device.function" or "segment:bus:device.function", hexadecimal. ERR_INVALID. */
[[nodiscard]] enum status policy_parse_address(const char *text, uint64_t *out);

/* All <policy> nodes of the configuration, in memory of the heap. ERR_INVALID: *error says what. */
[[nodiscard]] enum status policy_read(struct xml_node config, struct policy **out,
                                      struct policy_error *error);

const struct policy *policy_find(const struct policy *first, const char *label);
bool policy_allows(const struct policy *policy, const struct policy_subject *subject);

#endif
