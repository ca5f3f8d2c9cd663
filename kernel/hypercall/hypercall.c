/* SPDX-License-Identifier: MIT */
/*
 * Entry points from user mode: hypercalls, foreign system calls, exceptions.
 */
#include "kernel/hypercall/hypercall.h"

#include "kernel/arch/thread_switch.h"

#include "kernel/ipc/ipc.h"
#include "kernel/object/ipc_objects.h"
#include "kernel/sched/sched.h"
#include "kernel/smp.h"

typedef enum status (*hypercall_function)(struct ec *caller);

static const hypercall_function functions[HYPERCALL_COUNT] = {
    [HYPERCALL_CREATE] = hypercall_create,
    [HYPERCALL_DESTROY] = hypercall_destroy,
    [HYPERCALL_CAP_COPY] = hypercall_cap_copy,
    [HYPERCALL_CAP_DROP] = hypercall_cap_drop,
    [HYPERCALL_CAP_IDENTIFY] = hypercall_cap_identify,
    [HYPERCALL_PD_GIVE_FRAMES] = hypercall_pd_give_frames,
    [HYPERCALL_PD_TAKE_FRAMES] = hypercall_pd_take_frames,
    [HYPERCALL_PD_INFO] = hypercall_pd_info,
    [HYPERCALL_SPACE_UPDATE] = hypercall_space_update,
    [HYPERCALL_PORT_UPDATE] = hypercall_port_update,
    [HYPERCALL_CAP_SPACE_GROW] = hypercall_cap_space_grow,
    [HYPERCALL_EC_BIND] = hypercall_ec_bind,
    [HYPERCALL_EC_CONTROL] = hypercall_ec_control,
    [HYPERCALL_STATE_READ] = hypercall_state_read,
    [HYPERCALL_STATE_WRITE] = hypercall_state_write,
    [HYPERCALL_INTERRUPT_ACK] = hypercall_interrupt_ack,
    [HYPERCALL_SC_CONTROL] = hypercall_sc_control,
    [HYPERCALL_MACHINE_CONTROL] = hypercall_machine_control,
    [HYPERCALL_IOMMU_CONTROL] = hypercall_iommu_control,
};

/* The caller may have ended itself, or waits no longer on this CPU's current scheduling context. */
_Noreturn static void finish(struct ec *caller, enum status status)
{
    if (cpu_self()->ec != caller)
        sched_dispatch();
    caller->regs.rax = status;
    sched_continue_thread(caller);
}

/* For hypercalls that leave the caller current. */
_Noreturn OBJECT_FAST void finish_current(struct ec *caller, enum status status)
{
    caller->regs.rax = status;
    sched_continue_thread(caller);
}

/* Somebody waits, or the capability is not one to signal, or is being written just now. */
static _Noreturn __attribute__((noinline)) void signal_rest(struct ec *caller)
{
    const struct slot *place = cap_space_slot(caller->cap_space, argument(caller, 0));
    struct slot slot;

    if (!place)
        finish_current(caller, ERR_CAP);
    slot = slot_read(place);
    if (!slot_live(&slot) || slot.target.object_opt->type != OBJECT_NOTIFICATION)
        finish_current(caller, ERR_CAP);
    if (!(slot.rights & RIGHT_NOTIFICATION_SIGNAL))
        finish_current(caller, ERR_DENIED);
    notification_signal((struct notification *)slot.target.object_opt, slot_signal_bits(&slot));
    finish_current(caller, OK);
}

static bool waits(const struct notification *notification)
{
    const struct ec *waiter = __atomic_load_n(&notification->waiter, __ATOMIC_SEQ_CST);

    return waiter && __atomic_load_n(&waiter->state, __ATOMIC_SEQ_CST) == EC_WAIT;
}

/* Nobody waits. If a thread of another CPU begins to just now, that CPU is told. */
FAST_PATH int notification_signal_light(struct ec *caller, uint64_t unused1, uint64_t unused2, uint64_t index)
{
    const struct slot *slot;
    struct notification *notification;
    uint64_t badge, version;

    (void)unused1;
    (void)unused2;
    if (!cap_space_has(caller->cap_space, index))
        return ERR_CAP;
    slot = cap_space_look(caller->cap_space, index);
    if (!slot->target.object_opt)
        return ERR_CAP;
    version = slot_version(slot);
    notification = (struct notification *)reference_get_kind(&slot->target, NOTIFICATION_KIND);
    badge = slot_signal_bits(slot);
    if (!notification || notification->object.type != OBJECT_NOTIFICATION ||
        !(version & RIGHT_NOTIFICATION_SIGNAL) || !slot_unchanged(slot, version) || waits(notification))
        return -HYPERCALL_NOTIFICATION_SIGNAL;
    __atomic_fetch_or(&notification->pending, badge, __ATOMIC_SEQ_CST);
    if (waits(notification))
        notification_arrived(notification);
    return OK;
}

_Noreturn static void notification_signal_call(struct ec *caller)
{
    int status = notification_signal_light(caller, 0, 0, argument(caller, 0));

    if (status < 0)
        signal_rest(caller);
    finish_current(caller, (enum status)status);
}

static _Noreturn __attribute__((noinline)) void entry_rest(struct ec *context, uint64_t number)
{
    enum status status;

    if (number >= HYPERCALL_COUNT) /* all numbers above those of communication have a function */
        finish(context, ERR_UNSUPPORTED);
    ipc_lock(context);
    status = functions[number](context);
    kernel_unlock();
    finish(context, status);
}

void hypercall_entry(struct ec *context)
{
    uint64_t number = context->regs.rax;

    if (number > HYPERCALL_NOTIFICATION_SIGNAL)
        entry_rest(context, number);
    if (number == HYPERCALL_NOTIFICATION_SIGNAL)
        notification_signal_call(context);
    if (number == HYPERCALL_NOTIFICATION_WAIT)
        ipc_notification_wait(context);
    if (number == HYPERCALL_CALL)
        ipc_call(context, context->regs.rsi, 0, context->regs.rdi);
    ipc_reply_wait(context, context->regs.rsi, context->regs.rdx, context->regs.rdi, context->regs.r10);
}

void foreign_syscall_entry(struct ec *context)
{
    context->full_restore = true;
    ipc_send_event(context, THREAD_EVENT_SYSCALL);
}

#define VECTOR_PAGE_FAULT 14u

/* Nobody is above the root task: its fault is the system's end, and must say where it was. */
_Noreturn static void root_fault(const struct ec *context)
{
    panic("root task: exception %lu, error code %lx, address %lx, rip %lx, rsp %lx", context->vector,
          context->error_code, context->fault_address, context->regs.rip, context->regs.rsp);
}

/* True for the threads of the root task: their PD is paid for by nobody but the kernel's seed account. */
static bool is_root(const struct ec *context)
{
    return context->pd->object.account->object.serial == 0;
}

void exception_entry(struct ec *context, uint64_t vector, uint64_t error_code, uint64_t fault_address)
{
    unsigned event = vector == VECTOR_PAGE_FAULT ? THREAD_EVENT_PAGE_FAULT : THREAD_EVENT_EXCEPTION;

    context->full_restore = true;
    context->vector = vector;
    context->error_code = error_code;
    context->fault_address = fault_address;
    if (is_root(context) && !reference_get(&context->events[event].portal))
        root_fault(context);
    ipc_send_event(context, event);
}

void vcpu_exit(struct ec *vcpu, unsigned reason)
{
    ipc_send_event(vcpu, reason);
}
