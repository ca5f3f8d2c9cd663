/* SPDX-License-Identifier: MIT */
/* See vcpu.h. */
#include "vmm/vcpu/vcpu.h"

#include "lib/base/log.h"
#include "lib/fmt/fmt.h"
#include "lib/string/string.h"

#define DR6_BS       (1u << 14)
#define VECTOR_DEBUG 1u
#define NOTES_MAX    100u

#define GROUPS_CODE        (VCPU_GROUP_CR | VCPU_GROUP_CODE)
#define GROUPS_EVENTS      (VCPU_GROUP_IP | VCPU_GROUP_EVENT | VCPU_GROUP_INTERRUPT)
#define GROUPS_INSTRUCTION (GROUPS_EVENTS | VCPU_GROUP_GPR | VCPU_GROUP_EXIT)
#define GROUPS_EVERYTHING  (VCPU_GROUP_ALL & ~(uint64_t)(VCPU_GROUP_CONTROL | VCPU_GROUP_FPU))

/* Enough for the usual case of each reason; copying them is a good part of what an exit costs. */
static uint64_t usual_groups(enum vcpu_exit reason)
{
    switch (reason) {
    case VCPU_EXIT_RECALL:
    case VCPU_EXIT_INTERRUPT_WINDOW:
    case VCPU_EXIT_NMI_WINDOW: return GROUPS_EVENTS;
    case VCPU_EXIT_IO: /* the processor tells length and width */ return GROUPS_INSTRUCTION;
    case VCPU_EXIT_CPUID:
    case VCPU_EXIT_MEMORY:
    case VCPU_EXIT_RDMSR:
    case VCPU_EXIT_WRMSR:
    case VCPU_EXIT_HLT: return GROUPS_INSTRUCTION | GROUPS_CODE;
    default: return GROUPS_EVERYTHING;
    }
}

_Static_assert(VCPU_EXIT_RECALL < VCPU_EXIT_NMI_WINDOW && VCPU_EXIT_INTERRUPT_WINDOW < VCPU_EXIT_NMI_WINDOW,
               "the events come first");

static bool is_instruction(enum vcpu_exit reason)
{
    return reason > VCPU_EXIT_NMI_WINDOW;
}

bool vcpu_need(struct vcpu *vcpu, uint64_t groups)
{
    if ((vcpu->have & groups) == groups)
        return true;
    groups |= vcpu->have;
    if (vcpu_bind(vcpu->slot, vcpu->reason, &vcpu->portal, groups) == OK)
        vcpu->bound[vcpu->reason] = groups;
    else
        vcpu_fail(vcpu, "cannot ask the kernel for more of the state");
    return false;
}

void vcpu_fail(struct vcpu *vcpu, const char *format, ...)
{
    const struct vcpu_state *state = vcpu->state;
    char text[160];
    va_list arguments;

    va_start(arguments, format);
    fmt_vformat(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (state && (vcpu->have & GROUPS_CODE) == GROUPS_CODE)
        log_error("guest stopped: %s (cs %x rip %lx rsp %lx rflags %lx cr0 %lx cr3 %lx)", text,
                  (unsigned)state->cs.selector, state->rip, state->rsp, state->rflags, state->cr0,
                  state->cr3);
    else if (state)
        log_error("guest stopped: %s (rip %lx rsp %lx rflags %lx)", text, state->rip, state->rsp,
                  state->rflags);
    else
        log_error("guest stopped: %s", text);
    vcpu->run = VCPU_STOPPED;
}

/* A message to the log travels in the same words as the exit's state, which is therefore kept aside meanwhile. */
void vcpu_note(struct vcpu *vcpu, const char *format, ...)
{
    struct vcpu_state kept;
    va_list arguments;

    if (vcpu->notes == NOTES_MAX)
        return;
    if (vcpu->state)
        memcpy(&kept, vcpu->state, offsetof(struct vcpu_state, fpu));
    va_start(arguments, format);
    log_vinfo(format, arguments);
    va_end(arguments);
    if (++vcpu->notes == NOTES_MAX)
        log_info("guest: no more of such lines");
    if (vcpu->state)
        memcpy(vcpu->state, &kept, offsetof(struct vcpu_state, fpu));
}

void vcpu_advance_unusual(struct vcpu *vcpu, unsigned length)
{
    struct vcpu_state *state = vcpu->state;
    uint64_t next = state->rip + length;

    if (next >> 32 && !(state->rip >> 32) && vcpu_mode(state) != DECODE_LONG)
        next = (uint32_t)next;
    state->rip = next;
    state->rflags &= ~(uint64_t)VCPU_RFLAGS_RF;
    state->groups |= VCPU_GROUP_IP;
    if (state->interruptibility & (VCPU_BLOCKED_BY_STI | VCPU_BLOCKED_BY_MOV_SS)) {
        state->interruptibility &= ~(uint32_t)(VCPU_BLOCKED_BY_STI | VCPU_BLOCKED_BY_MOV_SS);
        state->groups |= VCPU_GROUP_INTERRUPT;
    }
    if (state->rflags & VCPU_RFLAGS_TF) { /* the single-step trap of the instruction that was skipped */
        state->dr6 |= DR6_BS;
        state->groups |= VCPU_GROUP_DR;
        vcpu_raise(vcpu, VECTOR_DEBUG, false, 0);
    }
}

/* The processor sleeps, unless vcpu_settle() finds something for it. A wake-up continues behind the HLT. */
static void exit_hlt(struct vcpu *vcpu)
{
    unsigned length = vcpu_length(vcpu, DECODE_INTERCEPT_HLT);

    if (!length)
        return;
    vcpu_advance(vcpu, length);
    if (!(vcpu->state->inject_info & VCPU_EVENT_VALID)) /* a single step's trap wakes at once */
        vcpu->run = VCPU_IDLE;
}

static void exit_skip(struct vcpu *vcpu, enum decode_intercept kind)
{
    unsigned length = vcpu_length(vcpu, kind);

    if (length)
        vcpu_advance(vcpu, length);
}

#define VECTOR_INVALID_OPCODE     6u
#define VECTOR_GENERAL_PROTECTION 13u
#define KVM_ENOSYS                1000u

/* No hypercall is offered: KVM's convention is -KVM_ENOSYS in RAX. */
static void exit_hypercall(struct vcpu *vcpu)
{
    unsigned length = vcpu_length(vcpu, DECODE_INTERCEPT_HYPERCALL);

    if (!length)
        return;
    vcpu->state->rax = (uint64_t) - (int64_t)KVM_ENOSYS;
    vcpu->state->groups |= VCPU_GROUP_GPR;
    vcpu_advance(vcpu, length);
}

static void dispatch(struct vcpu *vcpu, enum vcpu_exit reason)
{
    switch (reason) {
    case VCPU_EXIT_RECALL: vcpu->recalled = false; break;
    case VCPU_EXIT_INTERRUPT_WINDOW:
    case VCPU_EXIT_NMI_WINDOW: break;
    case VCPU_EXIT_IO: vcpu_exit_io(vcpu); break;
    case VCPU_EXIT_MEMORY: vcpu_exit_memory(vcpu); break;
    case VCPU_EXIT_CPUID: vcpu_exit_cpuid(vcpu); break;
    case VCPU_EXIT_RDMSR: vcpu_exit_rdmsr(vcpu); break;
    case VCPU_EXIT_WRMSR: vcpu_exit_wrmsr(vcpu); break;
    case VCPU_EXIT_HLT: exit_hlt(vcpu); break;
    case VCPU_EXIT_XSETBV: vcpu_exit_xsetbv(vcpu); break;
    case VCPU_EXIT_CR: vcpu_exit_cr(vcpu); break;
    case VCPU_EXIT_INVD: /* there is no cache that the host does not keep coherent */
        exit_skip(vcpu, DECODE_INTERCEPT_INVD);
        break;
    case VCPU_EXIT_PAUSE: exit_skip(vcpu, DECODE_INTERCEPT_PAUSE); break;
    case VCPU_EXIT_HYPERCALL: exit_hypercall(vcpu); break;
    case VCPU_EXIT_RDPMC: vcpu_raise(vcpu, VECTOR_GENERAL_PROTECTION, true, 0); break;
    case VCPU_EXIT_VIRTUALIZATION:
    case VCPU_EXIT_MONITOR: vcpu_raise(vcpu, VECTOR_INVALID_OPCODE, false, 0); break;
    case VCPU_EXIT_TRIPLE_FAULT: vcpu_fail(vcpu, "triple fault"); break;
    case VCPU_EXIT_INVALID_STATE:
        vcpu_fail(vcpu, "invalid state, entry rule %lu", vcpu->state->qualification);
        break;
    default:
        vcpu_fail(vcpu, "unexpected exit %u, qualification %lx", reason, vcpu->state->qualification);
        break;
    }
}

/* Nothing to be injected, waited for, or ended: the guest just goes on. */
static bool uneventful(const struct vcpu *vcpu)
{
    const struct vcpu_state *state = vcpu->state;

    return vcpu->run == VCPU_EXITED && !__atomic_load_n(&vcpu->attention, __ATOMIC_ACQUIRE) &&
           !vcpu->controls && !(state->groups & VCPU_GROUP_EVENT) &&
           !(state->event_info & VCPU_EVENT_VALID) && vcpu->machine->stop == MACHINE_RUNNING;
}

/* True: parked. */
static bool finish(struct vcpu *vcpu)
{
    bool park = false;

    if (vcpu->devices)
        vcpu->after_exit(vcpu);
    if (uneventful(vcpu)) {
        vcpu->run = VCPU_RUNNING;
    } else {
        vcpu_devices(vcpu);
        park = vcpu_settle(vcpu);
    }
    if (vcpu->devices)
        vcpu_set_unlock(vcpu->set);
    vcpu->devices = false;
    return park;
}

/* Every exit comes here. The reply edits the state in place. */
static message_tag exited(struct portal *portal, message_tag tag, bool *park)
{
    struct vcpu *vcpu = (struct vcpu *)portal;
    struct vcpu_state *state = vcpu->message;
    enum vcpu_exit reason = vcpu_exit_of(tag);

    if (reason >= VCPU_EXIT_COUNT)
        reason = VCPU_EXIT_OTHER;
    vcpu->exits[reason]++;
    if (reason == VCPU_EXIT_CPUID && vcpu_quick_cpuid(vcpu, state))
        return vcpu_reply(state);
    vcpu->state = state;
    vcpu->reason = reason;
    vcpu->have = vcpu->bound[reason];
    vcpu->run = VCPU_EXITED;
    state->groups = 0;
    state->inject_info = 0;
    if (!(vcpu->have & VCPU_GROUP_EVENT))
        state->event_info = state->inject_length = 0;
    if (vcpu->eoi.lent) {
        vcpu_devices(vcpu);
        vcpu_eoi_take_back(vcpu);
    }
    if (!is_instruction(reason) || vcpu_usual(state) || vcpu_need(vcpu, GROUPS_EVERYTHING))
        dispatch(vcpu, reason);
    *park = finish(vcpu);
    vcpu->state = NULL;
    return vcpu_reply(state);
}

/* Another thread has told of something that concerns the virtual CPU. */
static void poked(struct deferred *poke)
{
    struct vcpu *vcpu = (struct vcpu *)((char *)poke - offsetof(struct vcpu, poke));

    vcpu_set_lock(vcpu->set);
    vcpu_kick(vcpu);
    vcpu_set_unlock(vcpu->set);
}

enum status vcpu_init(struct vcpu *vcpu, uint32_t slot, struct machine *machine, const struct guest_ram *ram)
{
    enum status status = portal_create(vcpu->entrypoint, &vcpu->portal);

    vcpu->slot = slot;
    vcpu->machine = machine;
    vcpu->lapic = &machine->lapic[vcpu->index];
    vcpu->message = vcpu_message();
    vcpu->waiting = vcpu->index != 0;
    vcpu->run = VCPU_WAITING;
    vcpu->poke.run = poked;
    vcpu->ram = ram;
    vcpu->portal.raw = exited;
    msr_state_reset(&vcpu->msr);
    for (unsigned exit = 0; status == OK && exit < VCPU_EXIT_COUNT; exit++) {
        vcpu->bound[exit] = usual_groups((enum vcpu_exit)exit);
        status = vcpu_bind(slot, (enum vcpu_exit)exit, &vcpu->portal, vcpu->bound[exit]);
    }
    return status;
}
