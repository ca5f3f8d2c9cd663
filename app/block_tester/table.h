/* SPDX-License-Identifier: MIT */
/* What the stages have brought: a table for people, JSON for programs, BENCH lines for tool/bench. */
#ifndef APP_BLOCK_TESTER_TABLE_H
#define APP_BLOCK_TESTER_TABLE_H

#include "app/block_tester/load.h"

struct table_row {
    uint64_t start; /* ticks */
    uint64_t notifications, checked;
};

void table_head(const struct block_info *info, const struct settings *settings);
void table_begin(struct table_row *row, const struct load *loads, unsigned count);
/* True: the stage went as it must. */
bool table_end(const struct table_row *row, const struct settings *settings, const struct stage *stage,
               const struct load *loads, unsigned count);

#endif
