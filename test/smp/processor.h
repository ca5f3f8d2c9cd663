/* SPDX-License-Identifier: MIT */
/* On which processor a thread runs, by the number that the processor itself gives: the ID of its local APIC. */
#ifndef TEST_SMP_PROCESSOR_H
#define TEST_SMP_PROCESSOR_H

#include <stdint.h>

static inline unsigned processor_number(void)
{
    uint32_t eax = 1, ebx, ecx = 0, edx;

    __asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
    return ebx >> 24;
}

#endif
