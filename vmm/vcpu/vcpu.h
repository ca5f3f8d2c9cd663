/* SPDX-License-Identifier: MIT */
/*
 * One virtual CPU: takes its exits, emulates what the guest tried, injects interrupts, and lets it go on.
 *
 * Each virtual CPU has an entry point, on the same processor, whose thread alone handles its exits, recalls and resumes it.
 * A virtual CPU is
 *   RUNNING  in guest mode, or about to be: events from outside (timer, terminal) reach it by recall
 *   EXITED   in the middle of an exit: its state is `state`, in the message; pending interrupts go out with the reply
 *   IDLE     parked after HLT, until an interrupt is pending
 *   WAITING  parked from power-up or INIT until STARTUP
 *   STOPPED  for good: power-off, reset, or a guest that cannot go on
 *
 * With several virtual CPUs, one lock (struct vcpu_set) covers the machine, the console, and of a virtual CPU what the
 * local APIC tells it: `nmi`, `waiting`, `startup`. An exit takes it with vcpu_devices(), before it looks at any of them, and
 * keeps it to its end. Whoever holds it may tell another virtual CPU of something (vcpu_notified): that sets `attention`
 * and sends its thread a signal, which kicks it. So nothing is lost: a thread that parks its virtual CPU has looked under
 * the lock, or finds the signal when it waits for work. An exit without devices and `attention` takes no lock.
 *
 * Where the processor does not tell an instruction's length, the instruction is fetched from guest RAM and decoded.
 *
 * An exit carries the parts of the state (groups) that its reason usually needs. Who finds that more is needed calls
 * vcpu_need() before anything has been done: from then on this reason brings that, too, and the guest goes on where it
 * was, so that its instruction exits a second time.
 */
#ifndef VMM_VCPU_VCPU_H
#define VMM_VCPU_VCPU_H

#include "lib/base/entrypoint.h"
#include "lib/base/lock.h"
#include "lib/base/status.h"
#include "lib/base/vcpu.h"
#include "vmm/cpu/cpuid.h"
#include "vmm/cpu/kvmclock.h"
#include "vmm/cpu/msr.h"
#include "vmm/decode/decode.h"
#include "vmm/decode/execute.h"
#include "vmm/image/guest_ram.h"
#include "vmm/machine/machine.h"
#include "vmm/memory/translate.h"

enum vcpu_run { VCPU_RUNNING, VCPU_EXITED, VCPU_IDLE, VCPU_WAITING, VCPU_STOPPED };

/* What the guest told about its paravirtual clock, and what that needs. */
struct vcpu_clock {
    struct kvmclock_scale scale;
    uint64_t system_time; /* the MSRs as written */
    uint64_t wall_clock;
    uint64_t boot_seconds; /* since 1970, when guest time was 0 */
};

/* Ends of interrupts that the guest tells in its memory (eoi.c). */
struct vcpu_eoi {
    uint64_t msr;   /* as written */
    uint32_t *flag; /* in guest RAM; NULL: not wanted */
    bool lent;      /* clearing the flag ends the interrupt in service */
};

/* A decoded instruction, found again by its bytes: a guest's few device accesses are executed over and over. */
struct vcpu_decoded {
    uint64_t bytes[2]; /* the rest is 0 */
    uint8_t count, mode;
    struct decoded_instruction instruction;
};

#define VCPU_DECODED 64u

/* An answer of CPUID with all that it depends on (but for leaf 0xd): asking the host costs more than looking here. */
struct vcpu_cpuid {
    uint64_t leaf, cr4; /* subleaf above bit 32 */
    struct cpuid_registers answer;
    bool valid;
};

#define VCPU_CPUID_KEPT 16u

/* What the virtual CPUs of a machine share. */
struct vcpu_set {
    struct lock lock;
    unsigned count;
    unsigned awake; /* those that run, or that an interrupt wakes: without one, the guest is dead */
};

struct vcpu {
    struct portal portal; /* all exits; first member */
    struct vcpu_set *set;
    struct entrypoint *entrypoint;
    struct deferred poke; /* another thread wants vcpu_kick() */
    unsigned index;       /* 0: the boot processor */
    uint32_t slot;
    enum vcpu_run run;
    bool recalled;              /* a recall is under way */
    bool awake;                 /* counted in the set */
    bool attention;             /* see vcpu_notified */
    bool nmi;                   /* an NMI waits for its injection */
    bool waiting;               /* for STARTUP */
    bool started;               /* STARTUP has come, */
    uint8_t startup;            /* with this vector */
    bool devices;               /* this exit has vcpu_devices() */
    uint32_t controls;          /* what the kernel was asked for: enum vcpu_control */
    unsigned notes;             /* lines that went to the log */
    struct vcpu_state *message; /* where exits arrive: the message words of the entry point's thread */
    struct vcpu_state *state;   /* while EXITED: */
    enum vcpu_exit reason;
    uint64_t have;                   /* groups in `state` */
    uint64_t bound[VCPU_EXIT_COUNT]; /* groups of each reason */
    struct vcpu_state halted;        /* what a resume after HLT writes */
    uint64_t tsc_offset;
    uint64_t tsc_adjust; /* IA32_TSC_ADJUST */
    struct machine *machine;
    struct lapic *lapic;
    const struct guest_ram *ram;
    struct cpuid_policy cpuid;
    struct vcpu_cpuid cpuid_kept[VCPU_CPUID_KEPT];
    struct msr_state msr;
    struct vcpu_clock clock;
    struct vcpu_eoi eoi;
    uint64_t exits[VCPU_EXIT_COUNT]; /* statistics */
    struct vcpu_decoded decoded[VCPU_DECODED];
    struct translate_page code;            /* where the last instruction was fetched */
    void (*after_exit)(struct vcpu *vcpu); /* an exit that may have changed devices */
    void (*stopped)(struct vcpu *vcpu);    /* told once, at STOPPED */
};

/*
 * Binds all exits of the kernel object in `slot`. Set, index, entry point, policies, clock and tsc_offset are the caller's to
 * set before, which is the entry point's thread. All but number 0 then wait for STARTUP.
 */
[[nodiscard]] enum status vcpu_init(struct vcpu *vcpu, uint32_t slot, struct machine *machine,
                                    const struct guest_ram *ram);

/* Where a guest begins, and what PVH (EBX) and Linux' protocol (ESI) want to be told; the other one is 0. */
struct vcpu_entry {
    uint32_t ip, bx, si;
};

/* Starts in 32-bit protected mode with flat segments and without paging, all other general registers 0. */
[[nodiscard]] enum status vcpu_start(struct vcpu *vcpu, const struct vcpu_entry *entry);

/*
 * Devices changed outside an exit: delivers what is pending, or the machine's end, by recall or resume. On the entry point's
 * thread, with the lock.
 */
void vcpu_kick(struct vcpu *vcpu);

/* The local APIC's `notify`, with the virtual CPU as context; on any thread, with the lock. */
void vcpu_notified(void *context, enum lapic_event event, uint8_t vector);

static inline void vcpu_set_lock(struct vcpu_set *set)
{
    if (set->count > 1)
        lock_take(&set->lock);
}

static inline void vcpu_set_unlock(struct vcpu_set *set)
{
    if (set->count > 1)
        lock_leave(&set->lock);
}

/* Stops for good, with a message that says what and where. Within an exit the reply parks it. */
void vcpu_fail(struct vcpu *vcpu, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A line for the log; the state of the exit under way survives. A guest that causes too many is not heard any more. */
void vcpu_note(struct vcpu *vcpu, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- between the files of this folder ---- */

/* The machine is this exit's, to its end. */
static inline void vcpu_devices(struct vcpu *vcpu)
{
    if (vcpu->devices)
        return;
    vcpu->devices = true;
    vcpu_set_lock(vcpu->set);
}

/* How the guest goes on after an exit, with the lock. True: parked. */
bool vcpu_settle(struct vcpu *vcpu);

/* Within an exit: the MSR's value is taken; false is the guest's #GP. */
[[nodiscard]] bool vcpu_eoi_write(struct vcpu *vcpu, uint64_t value);

/* Before an entry, with the lock: the guest may end the interrupt in service in memory, if nobody would notice when. */
void vcpu_eoi_lend(struct vcpu *vcpu);

/* Ends the interrupt if the guest has done so in memory, which from now on it cannot. With the lock, on the entry point's thread, if `lent`. */
void vcpu_eoi_take_back(struct vcpu *vcpu);

/* Are these groups in the state? If not: nothing must have been done yet, and the handler returns at once. */
[[nodiscard]] bool vcpu_need(struct vcpu *vcpu, uint64_t groups);

/* Injects an exception; the instruction is not completed. */
void vcpu_raise(struct vcpu *vcpu, unsigned vector, bool has_error, uint32_t error);

#define VCPU_RFLAGS_TF (1u << 8)
#define VCPU_RFLAGS_RF (1u << 16)

/* Single steps change DR6, and code at the end of 4 GiB may wrap around: both need more of the state than usual. */
static inline bool vcpu_usual(const struct vcpu_state *state)
{
    return !(state->rflags & VCPU_RFLAGS_TF) &&
           (state->rip > UINT32_MAX || state->rip < UINT32_MAX - DECODE_BYTES_MAX);
}

void vcpu_advance_unusual(struct vcpu *vcpu, unsigned length);

/* The instruction is complete: rip moves behind it, and the interrupt shadow ends. */
static inline void vcpu_advance(struct vcpu *vcpu, unsigned length)
{
    struct vcpu_state *state = vcpu->state;

    if (!vcpu_usual(state) || state->interruptibility) {
        vcpu_advance_unusual(vcpu, length);
        return;
    }
    state->rip += length;
    state->rflags &= ~(uint64_t)VCPU_RFLAGS_RF;
    state->groups |= VCPU_GROUP_IP;
}

#define VCPU_SEGMENT_LONG (1u << 9)

/* The DECODE_BYTES_MAX bytes at rip where they lie in guest RAM, in the usual case: 64-bit code, all in one page. NULL: fetch
   them in some other way. */
static inline const uint8_t *vcpu_code_opt(struct vcpu *vcpu, const struct vcpu_state *state)
{
    unsigned offset = state->rip & 0xfff;
    const uint8_t *page;

    if (state->instruction_valid || offset > 0x1000 - DECODE_BYTES_MAX ||
        !(state->cs.attributes & VCPU_SEGMENT_LONG))
        return NULL;
    page = translate_page_opt(&vcpu->code, vcpu->ram, state->cr0, state->cr3, state->cr4, state->efer,
                              state->rip);
    return page ? page + offset : NULL;
}

/* Length of the intercepted instruction: from the exit, or decoded. 0: could not be found out, the guest is stopped. */
unsigned vcpu_length(struct vcpu *vcpu, enum decode_intercept kind);

/* The same for one of two bytes, 0f `second`, which nearly always comes without prefixes. */
static inline unsigned vcpu_length_short(struct vcpu *vcpu, const struct vcpu_state *state, uint8_t second,
                                         enum decode_intercept kind)
{
    if (state->instruction_length)
        return state->instruction_length;
    const uint8_t *code = vcpu_code_opt(vcpu, state);
    return code && code[0] == 0x0f && code[1] == second ? 2 : vcpu_length(vcpu, kind);
}

/* General register of that number, but for rsp (4), which is in another group. */
static inline uint64_t *vcpu_general(struct vcpu_state *state, unsigned number)
{
    return number == 4 ? &state->rsp : &state->rax + (number < 4 ? number : number - 1);
}

/* Instruction bytes at rip, from the exit or from guest RAM; returns how many. */
size_t vcpu_fetch(struct vcpu *vcpu, uint8_t bytes[DECODE_BYTES_MAX]);

/* The instruction at rip, if it is one that reaches devices. Otherwise the guest is stopped. NULL then. */
const struct decoded_instruction *vcpu_decode_opt(struct vcpu *vcpu);

enum decode_mode vcpu_mode(const struct vcpu_state *state);
struct translate_mode vcpu_translation(const struct vcpu_state *state);
unsigned vcpu_privilege(const struct vcpu_state *state);

/* CPUID, if it was asked before and nothing else is to be done: no other exit is as frequent in a guest that starts. */
bool vcpu_quick_cpuid(struct vcpu *vcpu, struct vcpu_state *state);

void vcpu_exit_io(struct vcpu *vcpu);
void vcpu_exit_memory(struct vcpu *vcpu);
void vcpu_exit_cpuid(struct vcpu *vcpu);
void vcpu_exit_rdmsr(struct vcpu *vcpu);
void vcpu_exit_wrmsr(struct vcpu *vcpu);
void vcpu_exit_xsetbv(struct vcpu *vcpu);
void vcpu_exit_cr(struct vcpu *vcpu);

#endif
