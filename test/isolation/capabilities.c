/* SPDX-License-Identifier: MIT */
/*
 * Capabilities that were never given: forged slot numbers, stale slots, more rights than a capability has.
 */
#include "test/isolation/isolation.h"

#include "lib/base/cap.h"
#include "lib/base/env.h"
#include "lib/base/kernel.h"
#include "lib/base/notification.h"
#include "lib/fmt/fmt.h"

#define FRAME 0x200000ull /* physical memory of somebody */

/* Calls of every kind with a slot that holds nothing; OK if one of them worked. */
static enum status use(uint32_t slot)
{
    message_tag tag = tag_make(1, 0, 0);
    uint64_t value;

    if (kernel_call(slot, &tag) == OK || kernel_notification_signal(slot) == OK ||
        kernel_notification_wait(slot, 0, &value) == OK || kernel_destroy(slot) == OK ||
        kernel_ec_control(slot, EC_ABORT) == OK || kernel_interrupt_ack(slot) == OK ||
        kernel_machine_control(slot, MACHINE_CONSOLE_WRITE, '!') == OK ||
        kernel_port_update(slot, 0, 65536, 1) == OK || kernel_state_read(slot, 0) == OK ||
        kernel_cap_space_grow(slot, 65536) == OK)
        return OK;
    return ERR_CAP;
}

static void forged_try(void)
{
    static const uint32_t slots[] = {0, 5, 15, 30000, 65535, 65536, 0x80000000, 0xffffffff};
    uint64_t state = 7;
    char what[64];
    bool held = true;

    attempts_of("forged capabilities");
    for (unsigned i = 0; i < sizeof(slots) / sizeof(slots[0]); i++) {
        fmt_format(what, sizeof(what), "slot number %u", slots[i]);
        attempt(what, use(slots[i]));
    }
    for (unsigned i = 0; i < 10000; i++) {
        state = state * 6364136223846793005ull + 1442695040888963407ull;
        held &= use((uint32_t)(state >> 32) | 0x10000) != OK;
    }
    attempt_end(held, "10000 random slot numbers", "invalid, all of them");
}

static void stale_try(void)
{
    uint32_t object, copy, successor;
    uint64_t bits;

    need(notification_create(&object), "notification");
    need(cap_keep(object, &copy), "copy");
    need(kernel_destroy(object), "destroy");
    attempts_of("stale capabilities");
    attempt("signal of a destroyed notification", kernel_notification_signal(object));
    attempt("signal through a copy of its capability", kernel_notification_signal(copy));
    /* The new object very likely takes the place of the old one. */
    need(notification_create(&successor), "notification");
    attempt("signal of its successor through the old copy", kernel_notification_signal(copy));
    attempt("wait for its successor through the old copy", kernel_notification_wait(copy, 0, &bits));
    attempt("copy of a stale capability", kernel_cap_copy(CAP_NONE, object, copy, RIGHT_ALL, 0));
    notification_destroy(successor);
    cap_free(copy);
    cap_free(object);
}

static void rights_try(void)
{
    uint32_t object, signal_only, again;
    uint64_t bits, id;

    need(notification_create(&object), "notification");
    need(cap_copy(object, RIGHT_NOTIFICATION_SIGNAL, 4, &signal_only), "copy");
    need(cap_alloc(&again), "slot");
    attempts_of("more rights than were given");
    attempt("wait with a capability for signalling", kernel_notification_wait(signal_only, 0, &bits));
    attempt("destroy with it", kernel_destroy(signal_only));
    need(kernel_cap_copy(CAP_NONE, again, signal_only, RIGHT_ALL, 0), "copy");
    attempt("copy it with all rights, then wait", kernel_notification_wait(again, 0, &bits));
    (void)kernel_cap_drop(CAP_NONE, again);
    attempt("change its badge", kernel_cap_copy(CAP_NONE, again, signal_only, RIGHT_ALL, 8));
    attempt("destroy the parent's portal", kernel_destroy(ENV_SLOT_PARENT));
    attempt("destroy the portal of core", kernel_destroy(ENV_SLOT_PD_SESSION));
    attempt("destroy own protection domain", kernel_destroy(ENV_SLOT_PD));
    attempt("ask what object of core is behind its portal",
            kernel_cap_identify(ENV_SLOT_PD, ENV_SLOT_PD_SESSION, &id));
    notification_destroy(object);
    cap_free(signal_only);
    cap_free(again);
}

/* The domain may create portals and notifications; everything else is core's. */
static void domain_try(void)
{
    struct space_entry *entry = (struct space_entry *)message_words();
    uint32_t slot;
    uint64_t done, pages;

    need(cap_alloc(&slot), "slot");
    attempts_of("what only core may do");
    attempt("create a protection domain", kernel_create_pd(ENV_SLOT_PD, slot));
    attempt("create a thread on a frame of choice",
            kernel_create_thread(ENV_SLOT_PD, slot, FRAME, 0, 0, ENV_SLOT_PD));
    attempt("create an address space", kernel_create_host_space(ENV_SLOT_PD, slot));
    attempt("create a guest address space", kernel_create_guest_space(ENV_SLOT_PD, slot));
    attempt("create a port space", kernel_create_port_space(ENV_SLOT_PD, slot));
    attempt("create an interrupt", kernel_create_interrupt(ENV_SLOT_PD, slot, ENV_SLOT_PD, 4, 0, slot));
    attempt("give a frame to the kernel", kernel_pd_give_frames(ENV_SLOT_PD, FRAME, 1, ENV_SLOT_PD));
    attempt("take frames of the kernel", kernel_pd_take_frames(ENV_SLOT_PD, 1, &done));
    *entry = (struct space_entry){FRAME, FRAME, 1, SPACE_MAP, SPACE_WRITE};
    attempt("map a frame with the domain's capability", kernel_space_update(ENV_SLOT_PD, 1, &done, &pages));
    *entry = (struct space_entry){FRAME, FRAME, 1, SPACE_MAP, SPACE_WRITE};
    attempt("map a frame with the session's", kernel_space_update(ENV_SLOT_PD_SESSION, 1, &done, &pages));
    attempt("allow all ports", kernel_port_update(ENV_SLOT_PD, 0, 65536, 1));
    attempt("reset the machine", kernel_machine_control(ENV_SLOT_PD, MACHINE_RESET, 0));
    attempt("a hypercall that does not exist",
            kernel_operation((enum hypercall)HYPERCALL_COUNT, 1, 2, 3, 4, 5, 6));
    attempt("another one", kernel_operation((enum hypercall)0x7fffffff, 1, 2, 3, 4, 5, 6));
    cap_free(slot);
}

void capabilities_try(void)
{
    forged_try();
    stale_try();
    rights_try();
    domain_try();
}
