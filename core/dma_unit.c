/* SPDX-License-Identifier: MIT */
/* IOMMUs: the kernel can drive none yet. */
#include "core/dma.h"

bool dma_unit_in(uint64_t start, uint64_t end)
{
    (void)start;
    (void)end;
    return false;
}

enum status dma_unit_add(void *session, const struct dma_unit *in)
{
    (void)session;
    (void)in;
    return ERR_UNSUPPORTED;
}

enum status dma_unit_interrupts(void *session, const struct dma_interrupts *in)
{
    (void)session;
    (void)in;
    return ERR_UNSUPPORTED;
}

enum status dma_fault_read(void *session, struct dma_fault *out)
{
    (void)session;
    (void)out;
    return ERR_NOT_FOUND;
}

enum status dma_fault_notify(void *session, uint32_t notification)
{
    (void)session;
    (void)notification;
    return OK;
}
