/* SPDX-License-Identifier: MIT */
/*
 * The generic kernel on several virtual CPUs whose interleaving is chosen by a seed.
 *
 * Each virtual CPU is a coroutine with a stack of its own. At every point of the kernel's code (a basic block or an atomic
 * operation, see yield.h) another one may go on; how often that happens differs from schedule to schedule. Between two
 * entries into the kernel a CPU takes an interrupt from another one at once, or later, as hardware may. A CPU that waits for
 * another one in a loop always lets others go on, and if that happens all too often, nobody can: the schedule has failed.
 *
 * At the end of each schedule all CPUs come to rest; then the invariants of invariants.c must hold, and when everything has
 * been destroyed, every account must be where it began. A failure names the seed, which alone makes the schedule:
 *
 *     interleave [FIRST [COUNT]]     numbers of hypercalls with COUNTS=1, each one with TRACE=1
 */
#include <stdlib.h>

#include "kernel/object/cap_space.h"
#include "kernel/smp.h"
#include "kernel/test/invariants.h"
#include "kernel/test/machine.h"
#include "kernel/test/population.h"
#include "kernel/test/program.h"
#include "test/check.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define FIBER_LEAVE(save, bottom, size) __sanitizer_start_switch_fiber(save, bottom, size)
#define FIBER_ENTER(save)               __sanitizer_finish_switch_fiber(save, NULL, NULL)
/* The first one who begins comes from main's stack. */
#define FIBER_BEGIN()                                                                          \
    __sanitizer_finish_switch_fiber(NULL, scheduler.main_stack ? NULL : &scheduler.main_stack, \
                                    scheduler.main_stack ? NULL : &scheduler.main_stack_size)
#define FIBER_NEW(stack) __asan_unpoison_memory_region(stack, STACK_SIZE)
#else
#define FIBER_LEAVE(save, bottom, size) (void)(save), (void)(bottom), (void)(size)
#define FIBER_ENTER(save)               (void)(save)
#define FIBER_NEW(stack)                (void)(stack)
#define FIBER_BEGIN()                   (void)0
#endif

/* ThreadSanitizer takes each virtual CPU for a thread; what happens outside the kernel is none of its business. */
#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
void AnnotateIgnoreReadsBegin(const char *file, int line);
void AnnotateIgnoreReadsEnd(const char *file, int line);
void AnnotateIgnoreWritesBegin(const char *file, int line);
void AnnotateIgnoreWritesEnd(const char *file, int line);
#define FIBER_SWITCH(to) __tsan_switch_to_fiber(to, 1)
#define FIBER_MAIN()     __tsan_get_current_fiber()
#define FIBER_CREATE()   __tsan_create_fiber(0)
#define FIBER_DESTROY(f) __tsan_destroy_fiber(f)
#define FIBER_GIVE()     __tsan_release(&scheduler)
#define FIBER_TAKE()     __tsan_acquire(&scheduler)

/*
 * Who looks at another CPU's state without the lock, on purpose: each takes one word, and what it concludes from that is
 * checked again, or harmless if it is old (doc/decision/0010-smp.md). Everything else must be ordered.
 */
const char *__tsan_default_suppressions(void);
__attribute__((no_sanitize("thread"))) const char *__tsan_default_suppressions(void)
{
    return "race:^ec_accepts_here$\n"         /* on another CPU it is never true, whatever the state */
           "race:^ec_reaches$\n"              /* circles over several CPUs may go unnoticed */
           "race:^waits$\n"                   /* see wait_fence() */
           "race:^notification_wait_light$\n" /* whether there are bits; they are taken atomically */
           "race:^notification_signal_light$\n"
           "race:^notification_signal$\n"
           "race:^notification_arrived$\n"
           "race:^cap_space_has$\n"      /* the number of slots only grows, after the slots are there */
           "race:^reference_get_kind$\n" /* a dead object's serial is never the same again */
           "race:^reference_get$\n"
           "race:^sched_enter$\n" /* `recall`; who sets it sends an interrupt as well */
           "race:^sched_continue_thread$\n"
           "race:^interrupt_raised$\n" /* interrupts are complete before they are published */
           "race:^parked$\n"           /* who is not yet parked is busy */
           "race:^release_any$\n";     /* REMOTE becomes PARKED: neither runs */
}

/* The kernel's code is looked at, the test's is not. */
static void watch_kernel(bool entered)
{
    if (entered) {
        AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
        AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
    } else {
        AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
        AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
    }
}
#else
#define FIBER_SWITCH(to)      (void)(to)
#define FIBER_MAIN()          NULL
#define FIBER_CREATE()        NULL
#define FIBER_DESTROY(f)      (void)(f)
#define FIBER_GIVE()          (void)0
#define FIBER_TAKE()          (void)0
#define watch_kernel(entered) (void)(entered)
#endif

#ifdef __clang__
#define NO_POINTS __attribute__((no_sanitize("coverage", "thread")))
#else
#define NO_POINTS __attribute__((no_sanitize_coverage, no_sanitize("thread")))
#endif

#if defined(__SANITIZE_THREAD__)
#define SCHEDULES 4000u
#else
#define SCHEDULES 30000u
#endif
#define STEPS      24u /* of each CPU */
#define STACK_SIZE (256u * 1024)
#define WAITS_MAX  1000000u

struct virtual_cpu {
    void *sp; /* while another one runs */
    uint8_t *stack;
    void *fake_stack;
    void *fiber;
    unsigned steps; /* that are left */
    bool begun;
    bool interrupted;
    bool at_rest; /* out of the kernel, nothing left to do */
};

static struct {
    struct virtual_cpu cpu[HOST_CPUS];
    void *main_sp;
    void *main_fake_stack;
    void *main_fiber;
    const void *main_stack;
    size_t main_stack_size;
    unsigned current;
    bool in_kernel; /* of the current CPU: points count */
    uint64_t random;
    unsigned one_in; /* points after which another one goes on, on average */
    unsigned left;   /* points until then */
    unsigned waits;  /* since somebody came out of the kernel */
    uint64_t seed, switches, schedules;
} scheduler;

void random_failed(const char *file, int line, const char *condition)
{
    printf("%s:%d: %s; CPU %u, seed %lu\n", file, line, condition, scheduler.current,
           (unsigned long)scheduler.seed);
    exit(1);
}

NO_POINTS static uint64_t choose(uint64_t end)
{
    scheduler.random ^= scheduler.random << 13;
    scheduler.random ^= scheduler.random >> 7;
    scheduler.random ^= scheduler.random << 17;
    return (scheduler.random >> 11) % end;
}

/* ---- coroutines ---- */

/* Leaves the registers that a function must keep on this stack, and goes on with another one that was left so. */
void coroutine_switch(void **save_sp, void *sp);
__asm__("coroutine_switch:\n"
        "    push %rbx\n    push %rbp\n    push %r12\n    push %r13\n    push %r14\n    push %r15\n"
        "    mov %rsp, (%rdi)\n"
        "    mov %rsi, %rsp\n"
        "    pop %r15\n    pop %r14\n    pop %r13\n    pop %r12\n    pop %rbp\n    pop %rbx\n"
        "    ret\n");

/* A stack that begins with `function`, which does not return. */
static void *coroutine_new(uint8_t *stack, void (*function)(void))
{
    void **sp = (void **)(stack + STACK_SIZE);

    *--sp = NULL; /* a return address, below which the stack is aligned as the ABI wants it */
    *--sp = (void *)function;
    for (unsigned i = 0; i < 6; i++)
        *--sp = NULL;
    return sp;
}

NO_POINTS static void switch_to(unsigned next)
{
    struct virtual_cpu *from = &scheduler.cpu[scheduler.current], *to = &scheduler.cpu[next];
    bool in_kernel = scheduler.in_kernel;

    scheduler.left = 1 + (unsigned)choose(2 * scheduler.one_in);
    if (to == from)
        return;
    scheduler.in_kernel = false;
    scheduler.switches++;
    scheduler.current = next;
    machine_switch(next);
    FIBER_LEAVE(&from->fake_stack, to->stack, STACK_SIZE);
    FIBER_SWITCH(to->fiber);
    coroutine_switch(&from->sp, to->sp);
    FIBER_ENTER(from->fake_stack);
    scheduler.in_kernel = in_kernel;
}

NO_POINTS static void switch_to_any(void)
{
    switch_to((scheduler.current + 1 + (unsigned)choose(cpu_count - 1)) % cpu_count);
}

NO_POINTS static void leave(void)
{
    struct virtual_cpu *from = &scheduler.cpu[scheduler.current];

    scheduler.in_kernel = false;
    FIBER_LEAVE(&from->fake_stack, scheduler.main_stack, scheduler.main_stack_size);
    FIBER_SWITCH(scheduler.main_fiber);
    coroutine_switch(&from->sp, scheduler.main_sp);
    FIBER_ENTER(from->fake_stack);
}

void interleave_point(void);
void __sanitizer_cov_trace_pc(void);

NO_POINTS void interleave_point(void)
{
    if (scheduler.in_kernel && --scheduler.left == 0)
        switch_to_any();
}

NO_POINTS void __sanitizer_cov_trace_pc(void)
{
    if (scheduler.in_kernel && --scheduler.left == 0)
        switch_to_any();
}

/* ---- what the processor does ---- */

NO_POINTS static void hook_ipi(struct cpu *target)
{
    scheduler.cpu[target->id].interrupted = true;
}

NO_POINTS static void hook_pause(void)
{
    if (++scheduler.waits > WAITS_MAX)
        random_failed(__FILE__, __LINE__, "CPUs wait for each other");
    switch_to_any();
}

NO_POINTS static void hook_in_kernel(bool entered)
{
    scheduler.in_kernel = entered;
    scheduler.waits = 0;
    watch_kernel(entered);
}

static void take_interrupt(uint64_t unused)
{
    (void)unused;
    cpu_interrupted();
}

NO_POINTS static bool all_at_rest(void)
{
    for (unsigned i = 0; i < cpu_count; i++)
        if (!scheduler.cpu[i].at_rest || scheduler.cpu[i].interrupted)
            return false;
    return true;
}

NO_POINTS static void run_cpu(void)
{
    struct virtual_cpu *self = &scheduler.cpu[scheduler.current];

    (void)run_dispatch();
    for (;;) {
        bool idle = !processor.entered;

        self->at_rest = false;
        if (self->interrupted && (idle || !self->steps || choose(2))) {
            self->interrupted = false;
            (void)run_function(take_interrupt, 0);
            program_check_entered();
        } else if (self->steps && (!idle || choose(4) == 0)) {
            self->steps--;
            population_step();
        } else {
            self->at_rest = !self->steps;
            FIBER_GIVE();
            if (all_at_rest())
                leave();
            switch_to_any();
        }
        if (choose(2))
            switch_to_any();
    }
}

/* ---- a schedule ---- */

static void (*program_of_cpu)(void);

NO_POINTS static void begin_cpu(void)
{
    FIBER_BEGIN();
    FIBER_TAKE();
    watch_kernel(false);
    scheduler.cpu[scheduler.current].begun = true;
    program_of_cpu();
}

NO_POINTS static void end_fiber(const struct virtual_cpu *cpu)
{
    if (cpu->begun) {
        FIBER_SWITCH(cpu->fiber);
        watch_kernel(true);
        FIBER_SWITCH(scheduler.main_fiber);
    }
    FIBER_DESTROY(cpu->fiber);
}

/* Each CPU runs the function until somebody leaves. */
NO_POINTS static void run_cpus(void (*function)(void))
{
    program_of_cpu = function;
    for (unsigned i = 0; i < cpu_count; i++) {
        struct virtual_cpu *cpu = &scheduler.cpu[i];

        cpu->steps = STEPS;
        cpu->begun = cpu->at_rest = cpu->interrupted = false;
        FIBER_NEW(cpu->stack);
        cpu->fiber = FIBER_CREATE();
        cpu->sp = coroutine_new(cpu->stack, begin_cpu);
    }
    scheduler.current = 0;
    machine_switch(0);
    FIBER_GIVE();
    FIBER_LEAVE(&scheduler.main_fake_stack, scheduler.cpu[0].stack, STACK_SIZE);
    FIBER_SWITCH(scheduler.cpu[0].fiber);
    coroutine_switch(&scheduler.main_sp, scheduler.cpu[0].sp);
    FIBER_ENTER(scheduler.main_fake_stack);
    FIBER_TAKE();
    for (unsigned i = 0; i < cpu_count; i++)
        end_fiber(&scheduler.cpu[i]);
    machine_switch(0);
    scheduler.schedules++;
}

static void choose_schedule(uint64_t seed)
{
    static const unsigned one_in[] = {2, 8, 30, 120, 500};

    scheduler.seed = seed;
    scheduler.random = (seed + 1) * 0xd1342543de82ef95ull;
    scheduler.one_in = one_in[seed / 2 % 5];
    scheduler.left = scheduler.one_in;
}

static void run_schedule(uint64_t seed)
{
    choose_schedule(seed);
    population_start(seed, seed % 2 ? 4 : 2);
    run_cpus(run_cpu);
    invariants_check(true);
    population_end();
}

/* ---- a slot that is written while others read it ---- */

static struct slot shared_slot;

/* What belongs together has the same number. */
NO_POINTS static void write_slot(void)
{
    for (uint64_t i = 1; i <= 20; i++) {
        scheduler.in_kernel = true;
        slot_write(&shared_slot, (struct reference){(struct object *)i, i}, (uint32_t)i, i);
        scheduler.in_kernel = false;
    }
    leave();
}

NO_POINTS static void read_slot(void)
{
    for (;;) {
        scheduler.in_kernel = true;
        struct slot slot = slot_read(&shared_slot);

        scheduler.in_kernel = false;
        MUST((uint64_t)slot.target.object_opt == slot.target.serial && slot.target.serial == slot.badge &&
             slot.badge == slot.rights);
        switch_to_any();
    }
}

NO_POINTS static void use_slot(void)
{
    if (scheduler.current == 0)
        write_slot();
    read_slot();
}

static void run_slot_schedule(uint64_t seed)
{
    choose_schedule(seed);
    machine_start_cpus(2, 16);
    shared_slot = (struct slot){0};
    run_cpus(use_slot);
    machine_stop();
}

int main(int arguments, char **argument)
{
    uint64_t first = arguments > 1 ? strtoull(argument[1], NULL, 0) : 0;
    uint64_t count = arguments > 2 ? strtoull(argument[2], NULL, 0) : arguments > 1 ? 1 : SCHEDULES;

    program.trace = getenv("TRACE");
    host_hooks = (struct host_hooks){hook_ipi, hook_pause, hook_in_kernel};
    scheduler.main_fiber = FIBER_MAIN();
    for (unsigned i = 0; i < HOST_CPUS; i++)
        scheduler.cpu[i].stack = malloc(STACK_SIZE);
    CASE("a slot that is being written is never read in parts");
    for (uint64_t seed = first; seed < first + count / 10; seed++)
        run_slot_schedule(seed);
    CASE("random programs on two and four CPUs keep the invariants, and every account comes back");
    for (uint64_t seed = first; seed < first + count; seed++)
        run_schedule(seed);
    for (unsigned i = 0; getenv("COUNTS") && i < HYPERCALL_COUNT; i++)
        printf("hypercall %2u: %lu, of these OK %lu\n", i, (unsigned long)program.calls[i],
               (unsigned long)program.good[i]);
    printf("%lu schedules, %lu switches\n", (unsigned long)scheduler.schedules,
           (unsigned long)scheduler.switches);
    return check_finish();
}
