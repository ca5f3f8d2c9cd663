/* SPDX-License-Identifier: MIT */
/*
 * What app/block_tester has left on a disk, seen from outside: stamps IMAGE OFFSET SIZE [SESSIONS]
 *
 * SIZE bytes from OFFSET on were divided among the sessions. Counts their sectors by what is in them. Exit status 1: a sector is
 * torn, foreign (no test data), belongs elsewhere, or to another session; or there is no test data at all.
 */
#include "app/block_tester/stamp.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum { WHOLE, ZERO, TORN, FOREIGN, MISPLACED, KINDS };

struct counts {
    uint64_t of[KINDS];
    uint64_t first_bad; /* sector; UINT64_MAX: none */
};

/* The sector at this place of a session's part. */
static unsigned judge(const void *bytes, uint64_t sector, int64_t *writer)
{
    struct stamp stamp;
    enum stamp_kind kind = stamp_read(bytes, &stamp);

    if (kind != STAMP_WHOLE)
        return kind == STAMP_ZERO ? ZERO : kind == STAMP_TORN ? TORN : FOREIGN;
    if (*writer < 0)
        *writer = stamp.writer;
    return stamp.sector == sector && stamp.writer == *writer ? WHOLE : MISPLACED;
}

static bool count_part(FILE *image, uint64_t sectors, struct counts *counts)
{
    static _Alignas(8) unsigned char bytes[SECTOR_SIZE];
    int64_t writer = -1;

    for (uint64_t i = 0; i < sectors; i++) {
        if (fread(bytes, SECTOR_SIZE, 1, image) != 1)
            return false;
        unsigned kind = judge(bytes, i, &writer);
        counts->of[kind]++;
        if (kind > ZERO && counts->first_bad == UINT64_MAX)
            counts->first_bad = (uint64_t)ftell(image) / SECTOR_SIZE - 1;
    }
    return true;
}

int main(int count, char **arguments)
{
    struct counts counts = {.first_bad = UINT64_MAX};
    FILE *image = count >= 4 ? fopen(arguments[1], "rb") : NULL;

    if (!image || count > 5) {
        fprintf(stderr, "usage: stamps IMAGE OFFSET SIZE [SESSIONS]\n");
        return 2;
    }
    uint64_t sessions = count == 5 ? strtoull(arguments[4], NULL, 0) : 1;
    uint64_t sectors = strtoull(arguments[3], NULL, 0) / (sessions ? sessions : 1) / SECTOR_SIZE;
    if (fseek(image, strtol(arguments[2], NULL, 0), SEEK_SET) != 0)
        return 2;
    for (uint64_t i = 0; i < sessions; i++)
        if (!count_part(image, sectors, &counts)) {
            fprintf(stderr, "%s is too short\n", arguments[1]);
            return 2;
        }
    printf("%s: sectors: %llu whole, %llu zeroes, %llu torn, %llu foreign, %llu misplaced\n", arguments[1],
           (unsigned long long)counts.of[WHOLE], (unsigned long long)counts.of[ZERO],
           (unsigned long long)counts.of[TORN], (unsigned long long)counts.of[FOREIGN],
           (unsigned long long)counts.of[MISPLACED]);
    if (counts.first_bad != UINT64_MAX)
        printf("the first bad one is sector %llu of the image\n", (unsigned long long)counts.first_bad);
    return counts.first_bad == UINT64_MAX && counts.of[WHOLE] > 0 ? 0 : 1;
}
