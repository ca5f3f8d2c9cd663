/* SPDX-License-Identifier: MIT */
/* See measure.h. */
#include "test/bench/ipc/measure.h"

#include "lib/base/log.h"

uint64_t measure_samples[MEASURE_SAMPLES];

static uint64_t overhead;
static bool failed;

static void sort(void)
{
    for (unsigned gap = MEASURE_SAMPLES / 2; gap > 0; gap /= 2)
        for (unsigned i = gap; i < MEASURE_SAMPLES; i++)
            for (unsigned j = i; j >= gap && measure_samples[j - gap] > measure_samples[j]; j -= gap) {
                uint64_t larger = measure_samples[j - gap];

                measure_samples[j - gap] = measure_samples[j];
                measure_samples[j] = larger;
            }
}

void measure_calibrate(void)
{
    for (unsigned i = 0; i < MEASURE_SAMPLES; i++)
        MEASURE_SAMPLE(i, );
    sort();
    overhead = measure_samples[MEASURE_SAMPLES / 2];
    log_info("two readings of the counter: %lu", overhead);
}

void measure_report(const char *name)
{
    sort();
    log_info("BENCH %s %lu instructions", name, measure_samples[MEASURE_SAMPLES / 2] - overhead);
    log_info("%s: least %lu, most %lu of %u", name, measure_samples[0] - overhead,
             measure_samples[MEASURE_SAMPLES - 1] - overhead, MEASURE_SAMPLES);
}

void measure_check(bool right, const char *text)
{
    if (right || failed)
        return;
    failed = true;
    log_error("FAIL %s", text);
}

bool measure_failed(void)
{
    return failed;
}
