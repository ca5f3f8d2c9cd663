/* SPDX-License-Identifier: MIT */
/*
 * core, the root task: one thread that answers everybody's calls and everybody's faults, one after the other, on the
 * time of whoever called. It never waits for anyone.
 */
#include "core/core.h"
#include "core/parent.h"
#include "core/pd.h"

void core_main(const struct boot_info *boot);

static enum status dispatch_object(struct object *object, struct dispatch *d)
{
    switch (object->kind) {
    case KIND_PARENT: return parent_core_dispatch(d);
    case KIND_PD:
    case KIND_ROM:
    case KIND_LOG:
    case KIND_IO_MEM:
    case KIND_IO_PORT:
    case KIND_IRQ:
    case KIND_VM:
    case KIND_ACCOUNTS:
    case KIND_DMA: {
        struct session *session = (struct session *)object;

        return session->service->dispatch(session, d);
    }
    default: return ERR_UNSUPPORTED; /* dataspaces and region maps are names, not services */
    }
}

static void drop_received(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        (void)(kernel_cap_drop(CAP_NONE, ROOT_SLOT_FREE + i) == OK);
}

static message_tag serve(struct object *object, message_tag tag)
{
    struct dispatch d;

    dispatch_begin(&d, tag, core_area());
    enum status status = dispatch_object(object, &d);

    drop_received(tag_caps(tag));
    return dispatch_finish(&d, status, core_area());
}

/* Fills in the answer and returns the flag that says how it is given. */
static unsigned handle(const struct kernel_wake *wake, message_tag *reply)
{
    struct object *object = (struct object *)(wake->value & ~(uint64_t)OBJECT_ID_EVENT);

    if (!(wake->value & OBJECT_ID_EVENT)) {
        *reply = serve(object, wake->tag);
        return REPLY_SEND;
    }
    bool resume = thread_event((struct core_thread *)object, tag_label(wake->tag));

    core_area()->words[0] = 0; /* no group of the state changes */
    *reply = tag_make(OK, 0, 0);
    return resume ? REPLY_SEND : REPLY_PARK;
}

/*
 * An answer that the kernel refuses: a capability in it died under us, or a client had an event of its own sent to a
 * session and the reply makes no sense as state. The first way out is an answer that says nothing, the last one is to
 * leave the caller parked.
 */
static unsigned answer_less(enum status status, unsigned flags, message_tag *reply)
{
    bool was_empty = tag_words(*reply) == 0 && tag_caps(*reply) == 0;

    core_area()->words[0] = 0;
    *reply = tag_make(status, 0, 0);
    return flags == REPLY_SEND && !was_empty ? REPLY_SEND : REPLY_PARK;
}

void core_main(const struct boot_info *boot)
{
    message_tag reply = 0;
    unsigned flags = 0;

    boot_core(boot);
    init_start();
    for (;;) {
        struct kernel_wake wake;
        enum status status = kernel_reply_wait(reply, flags, CAP_NONE, DEADLINE_NEVER, &wake);

        if (status == OK)
            flags = handle(&wake, &reply);
        else
            flags = answer_less(status, flags, &reply);
    }
}
