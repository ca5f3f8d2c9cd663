/* SPDX-License-Identifier: MIT */
/*
 * The kernel's hypercalls as typed functions: one inline function an operation, nothing else.
 *
 * Header only and without state, so that core, which has a start-up of its own, uses the same stubs as lib/base. A
 * function that moves words takes the calling thread's message area from its caller. Names, arguments, rights and
 * errors are those of abi/hypercall.h; only destroy hides something, the ERR_AGAIN of a large object.
 */
#ifndef LIB_BASE_KERNEL_H
#define LIB_BASE_KERNEL_H

#include "abi/capability.h"
#include "abi/hypercall.h"
#include "abi/message.h"
#include "abi/status.h"

/* Arguments in, results out: r0..r2 come back in the first three. */
struct kernel_registers {
    uint64_t a0, a1, a2, a3, a4, a5;
};

static inline enum status kernel_enter(enum hypercall number, struct kernel_registers *r)
{
    uint64_t rax = number;
    register uint64_t r10 __asm__("r10");
    register uint64_t r8 __asm__("r8");
    register uint64_t r9 __asm__("r9");

    r10 = r->a3;
    r8 = r->a4;
    r9 = r->a5;
    __asm__ volatile("syscall"
                     : "+a"(rax), "+D"(r->a0), "+S"(r->a1), "+d"(r->a2)
                     : "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return (enum status)rax;
}

static inline enum status kernel_operation(enum hypercall number, uint64_t a0, uint64_t a1, uint64_t a2,
                                           uint64_t a3, uint64_t a4, uint64_t a5)
{
    struct kernel_registers r = {a0, a1, a2, a3, a4, a5};

    return kernel_enter(number, &r);
}

/* ---- communication: with no more registers than they have arguments, since they are what runs all the time ---- */

/* The message is in the thread's message area; *tag is the request's and becomes the reply's. */
[[nodiscard]] static inline enum status kernel_call(uint32_t portal, message_tag *tag)
{
    uint64_t rax = HYPERCALL_CALL, rdi = portal;

    __asm__ volatile("syscall" : "+a"(rax), "+D"(rdi) : "S"(*tag) : "rcx", "r8", "r9", "r11", "memory");
    if ((enum status)rax == OK)
        *tag = rdi;
    return (enum status)rax;
}

struct kernel_wake {
    uint64_t value; /* portal id or badge bits */
    message_tag tag;
    enum wake kind;
};

[[nodiscard]] static inline enum status kernel_reply_wait(message_tag tag, unsigned flags,
                                                          uint32_t notification, uint64_t deadline,
                                                          struct kernel_wake *out)
{
    uint64_t rax = HYPERCALL_REPLY_WAIT, rdi = tag, rsi = flags, rdx = notification;
    register uint64_t r10 __asm__("r10") = deadline;

    __asm__ volatile("syscall"
                     : "+a"(rax), "+D"(rdi), "+S"(rsi), "+d"(rdx)
                     : "r"(r10)
                     : "rcx", "r8", "r9", "r11", "memory");
    if ((enum status)rax == OK)
        *out = (struct kernel_wake){rdi, rsi, (enum wake)rdx};
    return (enum status)rax;
}

[[nodiscard]] static inline enum status kernel_notification_wait(uint32_t notification, uint64_t deadline,
                                                                 uint64_t *bits)
{
    uint64_t rax = HYPERCALL_NOTIFICATION_WAIT, rdi = notification;

    __asm__ volatile("syscall" : "+a"(rax), "+D"(rdi) : "S"(deadline) : "rcx", "r11", "memory");
    if ((enum status)rax == OK)
        *bits = rdi;
    return (enum status)rax;
}

[[nodiscard]] static inline enum status kernel_notification_signal(uint32_t notification)
{
    uint64_t rax = HYPERCALL_NOTIFICATION_SIGNAL;

    __asm__ volatile("syscall" : "+a"(rax) : "D"((uint64_t)notification) : "rcx", "r11", "memory");
    return (enum status)rax;
}

/* ---- objects; `pd` pays, `slot` receives the capability ---- */

[[nodiscard]] static inline enum status kernel_create_pd(uint32_t pd, uint32_t slot)
{
    return kernel_operation(HYPERCALL_CREATE, OBJECT_PD, pd, slot, 0, 0, 0);
}

[[nodiscard]] static inline enum status kernel_create_cap_space(uint32_t pd, uint32_t slot, uint32_t slots)
{
    return kernel_operation(HYPERCALL_CREATE, OBJECT_CAP_SPACE, pd, slot, slots, 0, 0);
}

[[nodiscard]] static inline enum status kernel_create_host_space(uint32_t pd, uint32_t slot)
{
    return kernel_operation(HYPERCALL_CREATE, OBJECT_HOST_SPACE, pd, slot, 0, 0, 0);
}

[[nodiscard]] static inline enum status kernel_create_port_space(uint32_t pd, uint32_t slot)
{
    return kernel_operation(HYPERCALL_CREATE, OBJECT_PORT_SPACE, pd, slot, 0, 0, 0);
}

[[nodiscard]] static inline enum status kernel_create_guest_space(uint32_t pd, uint32_t slot)
{
    return kernel_operation(HYPERCALL_CREATE, OBJECT_GUEST_SPACE, pd, slot, 0, 0, 0);
}

/* `flags`: enum thread_flag. */
[[nodiscard]] static inline enum status kernel_create_thread(uint32_t pd, uint32_t slot,
                                                             uint64_t area_physical, unsigned flags,
                                                             uint32_t cpu, uint32_t machine)
{
    return kernel_operation(HYPERCALL_CREATE, OBJECT_THREAD, pd, slot, area_physical,
                            flags | (uint64_t)cpu << 32, machine);
}

[[nodiscard]] static inline enum status kernel_create_vcpu(uint32_t pd, uint32_t slot, uint32_t guest_space,
                                                           uint32_t cpu)
{
    return kernel_operation(HYPERCALL_CREATE, OBJECT_VCPU, pd, slot, guest_space, cpu, 0);
}

[[nodiscard]] static inline enum status kernel_create_sc(uint32_t pd, uint32_t slot, uint32_t context,
                                                         unsigned priority, unsigned cpu,
                                                         uint64_t budget_ticks)
{
    return kernel_operation(HYPERCALL_CREATE, OBJECT_SC, pd, slot, context, priority | (uint64_t)cpu << 32,
                            budget_ticks);
}

[[nodiscard]] static inline enum status kernel_create_portal(uint32_t pd, uint32_t slot, uint32_t thread,
                                                             uint64_t id)
{
    return kernel_operation(HYPERCALL_CREATE, OBJECT_PORTAL, pd, slot, thread, id, 0);
}

[[nodiscard]] static inline enum status kernel_create_notification(uint32_t pd, uint32_t slot)
{
    return kernel_operation(HYPERCALL_CREATE, OBJECT_NOTIFICATION, pd, slot, 0, 0, 0);
}

/* `flags`: enum interrupt_flag. */
[[nodiscard]] static inline enum status kernel_create_interrupt(uint32_t pd, uint32_t slot, uint32_t machine,
                                                                uint32_t gsi, unsigned flags,
                                                                uint32_t notification)
{
    return kernel_operation(HYPERCALL_CREATE, OBJECT_INTERRUPT, pd, slot, machine,
                            gsi | (uint64_t)flags << 32, notification);
}

/* What a device must write, and where, to raise it. */
struct kernel_message {
    uint64_t address;
    uint32_t data;
};

/* `origin`: the machine, or the IOMMU of the device with this requester id. */
[[nodiscard]] static inline enum status kernel_create_message_interrupt(uint32_t pd, uint32_t slot,
                                                                        uint32_t origin, uint16_t device,
                                                                        uint32_t notification,
                                                                        struct kernel_message *out)
{
    struct kernel_registers r = {
        OBJECT_INTERRUPT, pd, slot, origin, device | (uint64_t)INTERRUPT_MESSAGE << 32, notification};
    enum status status = kernel_enter(HYPERCALL_CREATE, &r);

    if (status == OK)
        *out = (struct kernel_message){r.a0, (uint32_t)r.a1};
    return status;
}

/* *features: enum iommu_feature. */
[[nodiscard]] static inline enum status kernel_create_iommu(uint32_t pd, uint32_t slot, uint32_t machine,
                                                            uint64_t registers, uint64_t *features)
{
    struct kernel_registers r = {OBJECT_IOMMU, pd, slot, machine, registers, 0};
    enum status status = kernel_enter(HYPERCALL_CREATE, &r);

    if (status == OK)
        *features = r.a0;
    return status;
}

[[nodiscard]] static inline enum status kernel_create_dma_space(uint32_t pd, uint32_t slot, uint32_t iommu)
{
    return kernel_operation(HYPERCALL_CREATE, OBJECT_DMA_SPACE, pd, slot, iommu, 0, 0);
}

/* Goes on until the object is gone. */
[[nodiscard]] static inline enum status kernel_destroy(uint32_t slot)
{
    enum status status;

    do
        status = kernel_operation(HYPERCALL_DESTROY, slot, 0, 0, 0, 0, 0);
    while (status == ERR_AGAIN);
    return status;
}

/* ---- capabilities; `space` CAP_NONE is the own one, `badge` 0 sets none ---- */

[[nodiscard]] static inline enum status kernel_cap_copy(uint32_t space, uint32_t destination, uint32_t source,
                                                        unsigned rights, uint64_t badge)
{
    return kernel_operation(HYPERCALL_CAP_COPY, space, destination, source, rights, badge, 0);
}

[[nodiscard]] static inline enum status kernel_cap_drop(uint32_t space, uint32_t slot)
{
    return kernel_operation(HYPERCALL_CAP_DROP, space, slot, 0, 0, 0, 0);
}

[[nodiscard]] static inline enum status kernel_cap_identify(uint32_t pd, uint32_t slot, uint64_t *id)
{
    struct kernel_registers r = {pd, slot, 0, 0, 0, 0};
    enum status status = kernel_enter(HYPERCALL_CAP_IDENTIFY, &r);

    if (status == OK)
        *id = r.a0;
    return status;
}

[[nodiscard]] static inline enum status kernel_cap_space_grow(uint32_t space, uint32_t slots)
{
    return kernel_operation(HYPERCALL_CAP_SPACE_GROW, space, slots, 0, 0, 0, 0);
}

/* ---- accounts ---- */

[[nodiscard]] static inline enum status kernel_pd_give_frames(uint32_t pd, uint64_t physical, uint64_t frames,
                                                              uint32_t machine)
{
    return kernel_operation(HYPERCALL_PD_GIVE_FRAMES, pd, physical, frames, machine, 0, 0);
}

/* The addresses of the *taken frames are in the message words afterwards. */
[[nodiscard]] static inline enum status kernel_pd_take_frames(uint32_t pd, uint64_t most, uint64_t *taken)
{
    struct kernel_registers r = {pd, most, 0, 0, 0, 0};
    enum status status = kernel_enter(HYPERCALL_PD_TAKE_FRAMES, &r);

    if (status == OK)
        *taken = r.a0;
    return status;
}

struct kernel_account {
    uint64_t frames, frames_used, objects;
};

[[nodiscard]] static inline enum status kernel_pd_info(uint32_t pd, struct kernel_account *out)
{
    struct kernel_registers r = {pd, 0, 0, 0, 0, 0};
    enum status status = kernel_enter(HYPERCALL_PD_INFO, &r);

    if (status == OK)
        *out = (struct kernel_account){r.a0, r.a1, r.a2};
    return status;
}

/* ---- spaces ---- */

#define KERNEL_SPACE_ENTRIES_MAX (MESSAGE_WORDS * 8 / sizeof(struct space_entry))

/* The entries lie in the message words already. Also on an error, *done tells how many were carried out whole, and *pages
   how many pages of the next one. */
[[nodiscard]] static inline enum status kernel_space_update(uint32_t space, uint64_t entries, uint64_t *done,
                                                            uint64_t *pages)
{
    struct kernel_registers r = {space, entries, 0, 0, 0, 0};
    enum status status = kernel_enter(HYPERCALL_SPACE_UPDATE, &r);

    *done = r.a0;
    *pages = status == OK ? 0 : r.a1;
    return status;
}

[[nodiscard]] static inline enum status kernel_port_update(uint32_t space, unsigned first, unsigned number,
                                                           int allow)
{
    return kernel_operation(HYPERCALL_PORT_UPDATE, space, first, number, allow != 0, 0, 0);
}

/* ---- execution contexts: threads and virtual CPUs ---- */

[[nodiscard]] static inline enum status kernel_ec_bind(uint32_t context, unsigned event, uint32_t portal,
                                                       uint64_t groups)
{
    return kernel_operation(HYPERCALL_EC_BIND, context, event, portal, groups, 0, 0);
}

[[nodiscard]] static inline enum status kernel_ec_control(uint32_t context, enum ec_operation operation)
{
    return kernel_operation(HYPERCALL_EC_CONTROL, context, operation, 0, 0, 0, 0);
}

/* State into or out of the message words (struct thread_state, struct vcpu_state). */
[[nodiscard]] static inline enum status kernel_state_read(uint32_t context, uint64_t groups)
{
    return kernel_operation(HYPERCALL_STATE_READ, context, groups, 0, 0, 0, 0);
}

[[nodiscard]] static inline enum status kernel_state_write(uint32_t context, uint64_t groups)
{
    return kernel_operation(HYPERCALL_STATE_WRITE, context, groups, 0, 0, 0, 0);
}

[[nodiscard]] static inline enum status kernel_interrupt_ack(uint32_t interrupt)
{
    return kernel_operation(HYPERCALL_INTERRUPT_ACK, interrupt, 0, 0, 0, 0, 0);
}

[[nodiscard]] static inline enum status kernel_sc_control(uint32_t sc, unsigned priority,
                                                          uint64_t budget_ticks)
{
    return kernel_operation(HYPERCALL_SC_CONTROL, sc, priority, budget_ticks, 0, 0, 0);
}

[[nodiscard]] static inline enum status kernel_machine_control(uint32_t machine,
                                                               enum machine_operation operation,
                                                               uint64_t argument)
{
    return kernel_operation(HYPERCALL_MACHINE_CONTROL, machine, operation, argument, 0, 0, 0);
}

/* ---- IOMMUs ---- */

[[nodiscard]] static inline enum status kernel_iommu_control(uint32_t iommu, enum iommu_operation operation,
                                                             uint64_t argument, uint32_t dma_space)
{
    return kernel_operation(HYPERCALL_IOMMU_CONTROL, iommu, operation, argument, dma_space, 0, 0);
}

/* *info: enum iommu_fault. */
[[nodiscard]] static inline enum status kernel_iommu_fault(uint32_t iommu, uint64_t *address, uint64_t *info)
{
    struct kernel_registers r = {iommu, IOMMU_FAULT, 0, 0, 0, 0};
    enum status status = kernel_enter(HYPERCALL_IOMMU_CONTROL, &r);

    if (status == OK) {
        *address = r.a0;
        *info = r.a1;
    }
    return status;
}

static inline uint64_t kernel_tsc(void)
{
    uint32_t low, high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

#endif
