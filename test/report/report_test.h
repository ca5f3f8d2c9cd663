/* SPDX-License-Identifier: MIT */
/*
 * What the roles of report_test share.
 */
#ifndef TEST_REPORT_REPORT_TEST_H
#define TEST_REPORT_REPORT_TEST_H

#include <stdbool.h>

/* Says what is wrong, and counts it; says nothing of what is good. */
void expect(bool good, const char *what);

void role_hostile(void);

#endif
