/* SPDX-License-Identifier: MIT */
/*
 * The text that is handed out: an init's configuration, in which some children have a `version` of eight digits. A child dies
 * by getting another one, and init builds it anew.
 */
#ifndef TEST_KILLER_VICTIMS_H
#define TEST_KILLER_VICTIMS_H

#include "lib/base/status.h"
#include "lib/xml/xml.h"

#include <stddef.h>
#include <stdint.h>

#define VICTIMS_MAX  8u
#define VICTIM_NAME  64u
#define VERSION_SIZE 8u

struct victim {
    char name[VICTIM_NAME];
    char *version; /* in the text */
    uint64_t share;
    uint32_t deaths;
};

struct victims {
    struct victim all[VICTIMS_MAX];
    unsigned count;
    uint64_t random, shares;
    char *text;
    size_t size;
};

/* Of <victim> and <content> in the configuration; complaints are logged. */
[[nodiscard]] enum status victims_read(struct xml_node config, uint64_t seed, struct victims *out);

uint64_t victims_random(struct victims *victims, uint64_t limit);

/* By the shares: one, and with `together` percent a second one. Bits of `all`. */
unsigned victims_choose(struct victims *victims, uint64_t together);

/* They get their next version; `names`, of `size` bytes, says who. */
void victims_kill(struct victims *victims, unsigned chosen, char *names, size_t size);

#endif
