/* SPDX-License-Identifier: MIT */
/* See vcpu.h. */
#include "vmm/vcpu/vcpu.h"

#include "lib/base/env.h"
#include "lib/base/log.h"
#include "lib/base/time.h"
#include "lib/fmt/fmt.h"
#include "lib/string/string.h"
#include "vmm/vcpu/interrupt.h"

#define CR0_PE       1u
#define CR0_ET       (1u << 4)
#define CR0_NE       (1u << 5)
#define RFLAGS_FIXED 2u
#define RFLAGS_IF    (1u << 9)
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
    case VCPU_EXIT_CPUID: return GROUPS_INSTRUCTION | GROUPS_CODE | VCPU_GROUP_XCR;
    case VCPU_EXIT_MEMORY:
    case VCPU_EXIT_RDMSR:
    case VCPU_EXIT_WRMSR:
    case VCPU_EXIT_HLT: return GROUPS_INSTRUCTION | GROUPS_CODE;
    default: return GROUPS_EVERYTHING;
    }
}

static bool is_instruction(enum vcpu_exit reason)
{
    return reason != VCPU_EXIT_RECALL && reason != VCPU_EXIT_INTERRUPT_WINDOW &&
           reason != VCPU_EXIT_NMI_WINDOW;
}

bool vcpu_need(struct vcpu *vcpu, uint64_t groups)
{
    if ((vcpu->have & groups) == groups)
        return true;
    if (vcpu_bind(vcpu->slot, vcpu->reason, &vcpu->portal, GROUPS_EVERYTHING) == OK)
        vcpu->bound[vcpu->reason] = GROUPS_EVERYTHING;
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

/* The processor sleeps. A wake-up by vcpu_kick() continues behind the HLT. */
static void exit_hlt(struct vcpu *vcpu)
{
    struct vcpu_state *state = vcpu->state;
    unsigned length = vcpu_length(vcpu, DECODE_INTERCEPT_HLT);
    bool interrupts = state->rflags & RFLAGS_IF;

    if (!length)
        return;
    vcpu_advance(vcpu, length);
    if (state->inject_info & VCPU_EVENT_VALID || vcpu->nmi ||
        (interrupts && irq_pending(&vcpu->machine->lapic)))
        return;
    if (interrupts)
        vcpu->run = VCPU_IDLE;
    else
        vcpu_fail(vcpu, "HLT with interrupts off: nothing can wake this processor");
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

/* INVD and WBINVD: there is no cache to write back that the host does not keep coherent. */
static void exit_invd(struct vcpu *vcpu)
{
    uint8_t bytes[DECODE_BYTES_MAX];
    uint8_t length;
    size_t count = vcpu_fetch(vcpu, bytes);

    if (decode_length(bytes, count, vcpu_mode(vcpu->state), DECODE_INTERCEPT_INVD, &length) == OK)
        vcpu_advance(vcpu, length);
    else
        exit_skip(vcpu, DECODE_INTERCEPT_WBINVD);
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
    case VCPU_EXIT_INVD: exit_invd(vcpu); break;
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

static void stop(struct vcpu *vcpu)
{
    vcpu->run = VCPU_STOPPED;
    vcpu->stopped(vcpu);
}

/* How the guest goes on. True: parked. */
static bool finish(struct vcpu *vcpu)
{
    struct vcpu_state *state = vcpu->state;

    if (vcpu->run == VCPU_STOPPED || vcpu->machine->stop != MACHINE_RUNNING) {
        stop(vcpu);
        return true;
    }
    if (vcpu->run == VCPU_IDLE && !vcpu->nmi && !irq_pending(&vcpu->machine->lapic)) {
        memcpy(&vcpu->halted, state, offsetof(struct vcpu_state, fpu));
        return true;
    }
    interrupt_before_entry(vcpu, state);
    vcpu->run = VCPU_RUNNING;
    return false;
}

/* Every exit comes here. The reply edits the state in place. */
static message_tag exited(struct portal *portal, message_tag tag, bool *park)
{
    struct vcpu *vcpu = (struct vcpu *)portal;
    struct vcpu_state *state = vcpu_message();
    enum vcpu_exit reason = vcpu_exit_of(tag);

    if (reason >= VCPU_EXIT_COUNT)
        reason = VCPU_EXIT_OTHER;
    vcpu->exits[reason]++;
    vcpu->state = state;
    vcpu->reason = reason;
    vcpu->have = vcpu->bound[reason];
    vcpu->run = VCPU_EXITED;
    state->groups = 0;
    state->inject_info = 0;
    if (!is_instruction(reason)) {
        dispatch(vcpu, reason);
    } else if (vcpu_usual(state) || vcpu_need(vcpu, GROUPS_EVERYTHING)) {
        dispatch(vcpu, reason);
        if (reason != VCPU_EXIT_CPUID)
            vcpu->after_exit(vcpu);
    }
    *park = finish(vcpu);
    vcpu->state = NULL;
    return vcpu_reply(state);
}

static void wake(struct vcpu *vcpu)
{
    struct vcpu_state *state = &vcpu->halted;

    state->event_info = 0;
    interrupt_before_entry(vcpu, state);
    vcpu->run = VCPU_RUNNING;
    if (vcpu_state_write(vcpu->slot, state) == OK && vcpu_resume(vcpu->slot) == OK)
        return;
    vcpu_fail(vcpu, "cannot resume after HLT");
    stop(vcpu);
}

void vcpu_kick(struct vcpu *vcpu)
{
    bool ends = vcpu->machine->stop != MACHINE_RUNNING;
    bool at_once = ends || vcpu->nmi;

    if (!at_once && !irq_pending(&vcpu->machine->lapic))
        return;
    if (vcpu->run == VCPU_IDLE && ends)
        stop(vcpu);
    else if (vcpu->run == VCPU_IDLE)
        wake(vcpu);
    else if (vcpu->run == VCPU_RUNNING && !vcpu->recalled &&
             (at_once || !(vcpu->controls & VCPU_CONTROL_INTERRUPT_WINDOW)))
        vcpu->recalled = vcpu_recall(vcpu->slot) == OK;
}

enum status vcpu_init(struct vcpu *vcpu, uint32_t slot, struct machine *machine, const struct guest_ram *ram)
{
    enum status status = portal_create(&env.entrypoint, &vcpu->portal);

    vcpu->slot = slot;
    vcpu->machine = machine;
    vcpu->ram = ram;
    vcpu->portal.raw = exited;
    msr_state_reset(&vcpu->msr);
    for (unsigned exit = 0; status == OK && exit < VCPU_EXIT_COUNT; exit++) {
        vcpu->bound[exit] = usual_groups((enum vcpu_exit)exit);
        status = vcpu_bind(slot, (enum vcpu_exit)exit, &vcpu->portal, vcpu->bound[exit]);
    }
    return status;
}

/* Code 0xc9b: present, DPL 0, code, read, accessed, 32-bit, 4 KiB granularity; data 0xc93 likewise. */
static struct vcpu_segment flat(uint16_t selector, uint16_t attributes)
{
    return (struct vcpu_segment){.selector = selector, .attributes = attributes, .limit = 0xffffffff};
}

enum status vcpu_start(struct vcpu *vcpu, const struct vcpu_entry *entry)
{
    struct vcpu_state *state = &vcpu->halted;
    enum status status;

    memset(state, 0, sizeof(*state));
    state->groups = VCPU_GROUP_ALL & ~(unsigned)(VCPU_GROUP_EXIT | VCPU_GROUP_FPU | VCPU_GROUP_XCR);
    state->rip = entry->ip;
    state->rbx = entry->bx;
    state->rsi = entry->si;
    state->rflags = RFLAGS_FIXED;
    state->cr0 = CR0_PE | CR0_ET | CR0_NE;
    state->cs = flat(0x10, 0xc9b);
    state->ds = state->es = state->ss = state->fs = state->gs = flat(0x18, 0xc93);
    state->tr = (struct vcpu_segment){.selector = 0x20, .attributes = 0x8b, .limit = 0x67};
    state->ldtr = (struct vcpu_segment){.attributes = 0x82 | VCPU_SEGMENT_UNUSABLE};
    state->dr6 = 0xffff0ff0;
    state->dr7 = 0x400;
    state->pat = 0x0007040600070406;
    state->tsc_offset = vcpu->tsc_offset;
    status = vcpu_state_write(vcpu->slot, state);
    if (status == OK)
        status = vcpu_resume(vcpu->slot);
    if (status == OK)
        vcpu->run = VCPU_RUNNING;
    return status;
}
