/* SPDX-License-Identifier: MIT */
/*
 * A PLATFORM session: one function, and what its driver has of it.
 *
 * What core gives for the session (I/O memory, interrupts, a DMA space) is opened when it is asked for, and paid from what
 * the driver has lent. A driver that has lent too little is told so and repeats.
 *
 * Invariants:
 * S1  What the session holds at core, it has paid for: ram_spent <= base.ram, caps_spent <= base.caps.
 * S2  The table of MSI-X messages is written here only: no driver can attach its pages for writing.
 * S3  A session that ends leaves the function without bus mastering, attached to no DMA space, its interrupts unbound and its
 *     registers unmapped, in this order; only then another may have it.
 */
#ifndef DRIVER_PLATFORM_SESSION_H
#define DRIVER_PLATFORM_SESSION_H

#include "contract/irq/wire.h"
#include "contract/platform/dispatch.h"
#include "driver/platform/function.h"
#include "lib/base/service.h"
#include "lib/base/session.h"

/* The range of a base address register. */
struct window {
    struct connection io_mem; /* id 0: not open */
    uint32_t dataspace;       /* all of it */
    uint32_t map;             /* the same with the MSI-X table read-only; CAP_NONE: not made, or not needed */
    uint64_t page_offset;
};

struct vector {
    struct vector *next;
    unsigned index;
    struct connection irq;
    uint32_t interrupt; /* CAP_NONE: not bound */
    struct irq_msi message;
};

struct platform_session {
    struct service_session base;
    struct function *function;
    uint64_t ram_spent;
    uint32_t caps_spent;
    struct connection dma;
    bool confined;
    bool prepared; /* the function is not in a reset, and knows its interrupts */
    struct window window[PCI_BARS];
    volatile uint32_t *msix_table_opt; /* attached with the first vector */
    struct vector *vectors;
};

/* Takes this from what the driver has lent. ERR_NO_RAM, ERR_NO_CAPS: it is not there. */
[[nodiscard]] enum status session_pay(struct platform_session *session, uint64_t ram, uint32_t caps);
void session_refund(struct platform_session *session, uint64_t ram, uint32_t caps);

/* Opens one of core's services for the session, and pays. */
[[nodiscard]] enum status session_resource_open(struct platform_session *session,
                                                const struct session_options *options,
                                                struct connection *out);
void session_resource_close(struct platform_session *session, const struct session_options *options,
                            struct connection *connection);

/* ---- registers (window.c) ---- */

[[nodiscard]] enum status window_open(struct platform_session *session, unsigned bar);
[[nodiscard]] enum status window_give(struct platform_session *session, unsigned bar,
                                      struct platform_bar_range *out, struct message_cap *dataspace);
void windows_close(struct platform_session *session);

/* ---- interrupts (vector.c) ---- */

[[nodiscard]] enum status vector_bind(struct platform_session *session, uint32_t index, uint32_t notification,
                                      struct platform_interrupt *out, struct message_cap *interrupt);

/* At the beginning and after a reset: tells the device all messages there are. */
void vectors_restore(struct platform_session *session);
void vectors_close(struct platform_session *session);

/* ---- DMA (space.c) ---- */

[[nodiscard]] enum status space_open(struct platform_session *session);
void space_close(struct platform_session *session);
[[nodiscard]] enum status space_map(struct platform_session *session, const struct platform_dma_map *in,
                                    uint32_t dataspace, struct platform_dma_mapping *out);

/* ---- the service (session.c) ---- */

[[nodiscard]] enum status sessions_start(struct entrypoint *entrypoint, const struct policy *policies);

#endif
