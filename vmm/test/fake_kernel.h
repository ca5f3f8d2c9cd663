/* SPDX-License-Identifier: MIT */
/*
 * A kernel for the monitor's host tests: one virtual CPU, whose exits a test makes.
 *
 * fake_exit() hands over the groups that are bound for the reason, as the kernel does; all other words of the message are
 * garbage, so that a handler that looks at what it did not ask for is found. Log calls overwrite the message, as real
 * ones do. The reply's groups come back into fake.state.
 */
#ifndef VMM_TEST_FAKE_KERNEL_H
#define VMM_TEST_FAKE_KERNEL_H

#include "lib/base/entrypoint.h"
#include "lib/base/vcpu.h"
#include "lib/terminal/client.h"

struct fake {
    struct vcpu_state state; /* the virtual CPU */
    uint64_t bound[VCPU_EXIT_COUNT];
    bool parked, running, recalled;
    unsigned resumes, recalls;
    char error[512], info[512]; /* the last lines */
    unsigned errors, infos;
    char output[8192]; /* the terminal */
    size_t output_length, output_room;
    const char *input_opt;
    size_t input_length;
    enum status terminal_status;
    bool terminal_gone;
    unsigned terminal_closes;
    struct thread *thread_opt; /* that runs */
    enum status write_status;  /* of vcpu_state_write */
    uint64_t random;           /* never 0 */
};

extern struct fake fake;

uint64_t fake_random(void);

/* A virtual CPU as after creation. */
void fake_reset(void);

/* Leaves guest mode. True: the virtual CPU goes on. */
bool fake_exit(struct portal *portal, enum vcpu_exit reason);

#endif
