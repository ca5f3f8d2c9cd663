/* SPDX-License-Identifier: MIT */
/*
 * The parent's wishes, see resource.h.
 *
 * They reach the main entry point by a signal. A thread that waits for the answer to a request takes the signals over
 * until it has it, since the main thread may be the one that waits; it then serves the other wishes, too.
 */
#include "lib/base/resource.h"

#include "lib/base/entrypoint.h"
#include "lib/base/env.h"
#include "lib/base/lock.h"
#include "lib/base/notification.h"
#include "lib/base/parent_session.h"

static struct signal wishes;
static struct lock lock; /* of requests */
static void (*give_back_opt)(uint64_t *ram, uint32_t *caps);
static void (*answered_opt)(bool granted);

void resource_on_yield(void (*give_back)(uint64_t *ram, uint32_t *caps))
{
    give_back_opt = give_back;
}

void resource_on_answer(void (*answered)(bool granted))
{
    answered_opt = answered;
}

/* What is unused, spare memory of the kernel included, is taken by the parent itself: this only says how much it may. */
static void yield(const struct parent_control *control)
{
    uint64_t ram = control->ram;
    uint32_t caps = control->caps;

    if (give_back_opt)
        give_back_opt(&ram, &caps);
    if (ram != RESOURCE_LATER)
        (void)parent_yielded(ram, caps);
}

/* The flags that are an answer to a request. */
static uint32_t serve(void)
{
    struct parent_control control;

    if (parent_control(&control) != OK)
        return 0;
    if (control.flags & PARENT_CONTROL_YIELD)
        yield(&control);
    return control.flags & (PARENT_CONTROL_GRANTED | PARENT_CONTROL_REFUSED);
}

static void wishes_received(struct signal *signal)
{
    (void)signal;
    uint32_t answer = serve();

    if (answer && answered_opt)
        answered_opt(answer & PARENT_CONTROL_GRANTED);
}

void resource_watch(struct entrypoint *entrypoint)
{
    if (wishes.slot != CAP_NONE || signal_create(entrypoint, &wishes, wishes_received) != OK)
        return;
    /* Without it the component only gets no heartbeats. */
    if (parent_set_notification(PARENT_NOTIFY_CONTROL, wishes.slot) != OK)
        signal_destroy(entrypoint, &wishes);
}

static enum status await_answer(uint32_t notification)
{
    enum status status = OK;
    uint32_t answer;
    uint64_t bits;

    while (!(answer = serve()) && status == OK)
        status = notification_wait(notification, UINT64_MAX, &bits);
    if (!answer)
        return status;
    return answer & PARENT_CONTROL_GRANTED ? OK : ERR_DENIED;
}

static enum status ask(uint64_t ram, uint32_t caps)
{
    uint32_t notification;
    enum status status = notification_create(&notification);

    if (status != OK)
        return status;
    status = parent_set_notification(PARENT_NOTIFY_CONTROL, notification);
    if (status == OK)
        status = parent_resource_request(ram, caps);
    if (status == OK)
        status = await_answer(notification);
    if (wishes.slot != CAP_NONE) {
        (void)parent_set_notification(PARENT_NOTIFY_CONTROL, wishes.slot);
        notification_signal(wishes.slot); /* for what came in between */
    }
    notification_destroy(notification);
    return status;
}

enum status resource_request(uint64_t ram, uint32_t caps)
{
    if (!lock_try(&lock))
        return ERR_BUSY;
    enum status status = ask(ram, caps);

    lock_leave(&lock);
    return status;
}
