/* SPDX-License-Identifier: MIT */
/*
 * A virtual CPU starts, sleeps, is woken, reset and started again by another one, and stops; see vcpu.h for who may do what.
 */
#include "vmm/vcpu/vcpu.h"

#include "lib/base/thread.h"
#include "lib/string/string.h"
#include "vmm/vcpu/interrupt.h"

#define CR0_PE       1u
#define CR0_ET       (1u << 4)
#define CR0_NE       (1u << 5)
#define RFLAGS_FIXED 2u
#define RFLAGS_IF    (1u << 9)

static void stop(struct vcpu *vcpu)
{
    vcpu->run = VCPU_STOPPED;
    vcpu->stopped(vcpu);
}

static void set_awake(struct vcpu *vcpu, bool awake)
{
    if (vcpu->awake != awake)
        vcpu->set->awake += awake ? 1u : UINT32_MAX;
    vcpu->awake = awake;
}

/* ---- sleep ---- */

/* Parks: for an interrupt, or, with interrupts off, for an NMI or INIT that another virtual CPU may send. */
static void sleep(struct vcpu *vcpu)
{
    memcpy(&vcpu->halted, vcpu->state, offsetof(struct vcpu_state, fpu));
    if (vcpu->state->rflags & RFLAGS_IF)
        return;
    set_awake(vcpu, false);
    if (vcpu->set->awake)
        return;
    vcpu_fail(vcpu, vcpu->set->count == 1 ? "HLT with interrupts off: nothing can wake this processor"
                                          : "HLT with interrupts off on the last processor that ran");
    stop(vcpu);
}

static bool wake_up_due(const struct vcpu *vcpu, const struct vcpu_state *state)
{
    return vcpu->nmi || (state->rflags & RFLAGS_IF && irq_pending(vcpu->lapic));
}

bool vcpu_settle(struct vcpu *vcpu)
{
    vcpu->attention = false;
    if (vcpu->run == VCPU_STOPPED || vcpu->machine->stop != MACHINE_RUNNING) {
        stop(vcpu);
        return true;
    }
    if (vcpu->waiting) {
        vcpu->run = VCPU_WAITING;
        set_awake(vcpu, false);
        entrypoint_defer(vcpu->entrypoint, &vcpu->poke); /* STARTUP may be here already */
        return true;
    }
    if (vcpu->run == VCPU_IDLE && !wake_up_due(vcpu, vcpu->state)) {
        sleep(vcpu);
        return true;
    }
    interrupt_before_entry(vcpu, vcpu->state);
    vcpu->run = VCPU_RUNNING;
    return false;
}

static void go_on(struct vcpu *vcpu, const struct vcpu_state *state, const char *after)
{
    vcpu->run = VCPU_RUNNING;
    set_awake(vcpu, true);
    if (vcpu_state_write(vcpu->slot, state) == OK && vcpu_resume(vcpu->slot) == OK)
        return;
    vcpu_fail(vcpu, "cannot resume after %s", after);
    stop(vcpu);
}

static void wake(struct vcpu *vcpu)
{
    struct vcpu_state *state = &vcpu->halted;

    state->event_info = 0;
    interrupt_before_entry(vcpu, state);
    go_on(vcpu, state, "HLT");
}

/* ---- start ---- */

/* What both kinds of start have in common; code and data segments are the caller's. */
static struct vcpu_state *state_begin(struct vcpu *vcpu)
{
    struct vcpu_state *state = &vcpu->halted;

    memset(state, 0, sizeof(*state));
    state->groups = VCPU_GROUP_ALL & ~(unsigned)(VCPU_GROUP_EXIT | VCPU_GROUP_FPU | VCPU_GROUP_XCR);
    state->rflags = RFLAGS_FIXED;
    state->dr6 = 0xffff0ff0;
    state->dr7 = 0x400;
    state->pat = 0x0007040600070406;
    state->tsc_offset = vcpu->tsc_offset;
    vcpu->controls = 0;
    vcpu->eoi = (struct vcpu_eoi){0};
    return state;
}

static struct vcpu_segment segment(uint16_t selector, uint16_t attributes, uint32_t limit)
{
    return (struct vcpu_segment){.selector = selector, .attributes = attributes, .limit = limit};
}

/* Attributes 0xc9b: present, DPL 0, code, read, accessed, 32-bit, 4 KiB granularity; data 0xc93 likewise. */
enum status vcpu_start(struct vcpu *vcpu, const struct vcpu_entry *entry)
{
    struct vcpu_state *state = state_begin(vcpu);

    state->rip = entry->ip;
    state->rbx = entry->bx;
    state->rsi = entry->si;
    state->cr0 = CR0_PE | CR0_ET | CR0_NE;
    state->cs = segment(0x10, 0xc9b, UINT32_MAX);
    state->ds = state->es = state->ss = state->fs = state->gs = segment(0x18, 0xc93, UINT32_MAX);
    state->tr = segment(0x20, 0x8b, 0x67);
    state->ldtr = segment(0, 0x82 | VCPU_SEGMENT_UNUSABLE, 0);
    vcpu->run = VCPU_RUNNING;
    set_awake(vcpu, true);
    enum status status = vcpu_state_write(vcpu->slot, state);
    return status == OK ? vcpu_resume(vcpu->slot) : status;
}

/* As after INIT and STARTUP (SDM vol. 3, 9.1.1 and 8.4.3): real mode, at page `startup` of the first MiB. */
static void start_up(struct vcpu *vcpu)
{
    struct vcpu_state *state = state_begin(vcpu);

    state->cr0 = CR0_ET;
    state->cs = segment((uint16_t)(vcpu->startup << 8), 0x9b, 0xffff);
    state->cs.base = (uint64_t)vcpu->startup << 12;
    state->ds = state->es = state->ss = state->fs = state->gs = segment(0, 0x93, 0xffff);
    state->tr = segment(0, 0x8b, 0xffff);
    state->ldtr = segment(0, 0x82, 0xffff);
    state->gdtr.limit = state->idtr.limit = 0xffff;
    vcpu->waiting = vcpu->started = vcpu->nmi = false;
    go_on(vcpu, state, "STARTUP");
}

/* ---- from outside ---- */

static void kick_parked(struct vcpu *vcpu)
{
    if (vcpu->machine->stop != MACHINE_RUNNING) {
        stop(vcpu);
        return;
    }
    if (vcpu->waiting) {
        vcpu->run = VCPU_WAITING;
        set_awake(vcpu, false);
        if (vcpu->started)
            start_up(vcpu);
        return;
    }
    if (wake_up_due(vcpu, &vcpu->halted))
        wake(vcpu);
}

void vcpu_kick(struct vcpu *vcpu)
{
    bool at_once = vcpu->machine->stop != MACHINE_RUNNING || vcpu->nmi || vcpu->waiting;

    if (vcpu->eoi.lent && lapic_requested(vcpu->lapic))
        vcpu_eoi_take_back(vcpu);
    if (vcpu->run == VCPU_IDLE || vcpu->run == VCPU_WAITING)
        kick_parked(vcpu);
    else if (vcpu->run == VCPU_RUNNING && !vcpu->recalled &&
             (at_once || (irq_pending(vcpu->lapic) && !(vcpu->controls & VCPU_CONTROL_INTERRUPT_WINDOW))))
        vcpu->recalled = vcpu_recall(vcpu->slot) == OK;
}

/* There is no SMM, and STARTUP means nothing to a processor that runs (SDM vol. 3, 9.4.4). */
void vcpu_notified(void *context, enum lapic_event event, uint8_t vector)
{
    struct vcpu *vcpu = context;

    if (event == LAPIC_NMI) {
        vcpu->nmi = true;
    } else if (event == LAPIC_INIT && vcpu->index == 0) {
        vcpu->machine->stop =
            MACHINE_RESET_REQUESTED; /* it would begin at the firmware, which does not exist */
    } else if (event == LAPIC_INIT) {
        vcpu->waiting = true;
        vcpu->started = false;
    } else if (event == LAPIC_STARTUP && vcpu->waiting) {
        vcpu->started = true;
        vcpu->startup = vector;
    }
    __atomic_store_n(&vcpu->attention, true, __ATOMIC_RELEASE);
    if (vcpu->entrypoint->thread != thread_self())
        entrypoint_defer(vcpu->entrypoint, &vcpu->poke);
}
