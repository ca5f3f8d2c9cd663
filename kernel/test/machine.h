/* SPDX-License-Identifier: MIT */
/*
 * A machine for the generic kernel under test.
 *
 * machine_start() gives it memory, a CPU and a root PD with a capability space. A test sets the registers of a context as
 * a program would and calls run_hypercall(); it comes back when the kernel would enter user or guest mode, or idle, and
 * returns the context that would run (NULL: idle).
 */
#ifndef KERNEL_TEST_MACHINE_H
#define KERNEL_TEST_MACHINE_H

#include <setjmp.h>

#include "abi/hypercall.h"
#include "kernel/object/cap_space.h"
#include "kernel/object/ec.h"
#include "kernel/object/ipc_objects.h"
#include "kernel/object/pd.h"

#define HOST_LINES    24u
#define HOST_MESSAGES 8u
#define HOST_FRAMES   4096u
#define HOST_CPUS     4u
#define HOST_BAD_RIP  0xbadbadbadull

/* How setjmp() on `back` returns: at first, when the kernel went to user level or idle, when it wants an empty stack. */
enum machine_return {
    MACHINE_BEGIN = 0,
    MACHINE_ENTERED = 1,
    MACHINE_RESTART = 2,
};

/* One processor. */
struct host_machine {
    jmp_buf back;
    struct ec *entered; /* what runs, NULL: idle */
    uint64_t random;    /* of its programs (program.h) */
    void (*restart)(struct ec *);
    struct ec *restart_argument;
    uint64_t restarts; /* since the machine began */
    uint64_t tsc;
    uint64_t timer;
    bool unmasked[HOST_LINES];
};

/* The processor on which the test runs now. */
extern _Thread_local struct host_machine *host_machine;
#define processor (*host_machine)

/* What a test does for several CPUs. */
struct host_hooks {
    void (*ipi_opt)(struct cpu *target);
    void (*pause_opt)(void);             /* in loops that wait for another CPU */
    void (*in_kernel_opt)(bool entered); /* the kernel begins to run, or went to user mode or idle */
};

extern struct host_hooks host_hooks;

/* Everything fresh; earlier objects are forgotten. One CPU, HOST_FRAMES frames. */
void machine_start(void);
/* The same with several CPUs; the test goes on as the first of them, see machine_switch(). */
void machine_start_cpus(unsigned count, uint64_t frames);
/* Goes on as another CPU. */
void machine_switch(unsigned cpu);
void machine_stop(void);

/* A PD with `frames` frames, a capability space of 128 slots and a host space. */
struct pd *machine_pd(unsigned frames);

/* A READY thread with a scheduling context of the priority, or passive and waiting if priority < 0. */
struct ec *machine_thread(struct pd *pd, int priority);
struct ec *machine_thread_on(struct pd *pd, int priority, unsigned cpu, uint64_t area);

/* Puts a capability with all rights into a slot. */
void machine_cap(struct pd *pd, uint64_t slot, void *object);

/* A portal into `handler`, in the given slot of `holder`; charged to the handler's PD. */
struct portal *machine_portal(struct ec *handler, uint64_t id, struct pd *holder, uint64_t slot);

/* Goes on after MACHINE_RESTART. */
_Noreturn void machine_restart(void);

struct ec *run_dispatch(void);
struct ec *run_hypercall(struct ec *context, uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2,
                         uint64_t a3, uint64_t a4, uint64_t a5);
struct ec *run_exception(struct ec *context, uint64_t vector, uint64_t address);
struct ec *run_vcpu_exit(struct ec *vcpu, unsigned reason);
/* An entry in which the kernel does something and looks for whom to run. */
struct ec *run_function(void (*function)(uint64_t), uint64_t argument);
/* Advances time and delivers the timer interrupt if it is due. */
struct ec *run_time(uint64_t tsc);

#define CALL(context, portal, tag) run_hypercall(context, HYPERCALL_CALL, portal, tag, 0, 0, 0, 0)
#define REPLY_WAIT(context, tag, flags, notification, deadline) \
    run_hypercall(context, HYPERCALL_REPLY_WAIT, tag, flags, notification, deadline, 0, 0)

#endif
