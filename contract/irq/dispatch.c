/* SPDX-License-Identifier: MIT */
/*
 * IRQ requests: nothing but their form to check.
 */
#include "contract/irq/dispatch.h"

static const struct dispatch_rule rules[IRQ_OPCODE_COUNT] = {
    [IRQ_BIND] = DISPATCH_RULE_EMPTY(1),
    [IRQ_MSI] = DISPATCH_RULE_EMPTY(0),
};

static enum status serve_bind(const struct irq_handlers *handlers, void *session, struct dispatch *d)
{
    struct irq_line out = {0};
    struct message_cap interrupt = {0};
    enum status status = handlers->bind(session, dispatch_cap(d, 0), &out, &interrupt);

    if (status == OK) {
        dispatch_reply(d, &out, sizeof(out));
        dispatch_reply_cap(d, interrupt);
    }
    return status;
}

static enum status serve_msi(const struct irq_handlers *handlers, void *session, struct dispatch *d)
{
    struct irq_msi out = {0};
    enum status status = handlers->msi(session, &out);

    if (status == OK)
        dispatch_reply(d, &out, sizeof(out));
    return status;
}

enum status irq_dispatch(const struct irq_handlers *handlers, void *session, struct dispatch *d)
{
    enum status status = dispatch_check(d, rules, IRQ_OPCODE_COUNT);

    if (status != OK)
        return status;
    return d->opcode == IRQ_BIND ? serve_bind(handlers, session, d) : serve_msi(handlers, session, d);
}
