/* SPDX-License-Identifier: MIT */
/*
 * What a client's capability denotes: core's own objects.
 *
 * Every object that a client can name has a portal of core's, created on core's own kernel account, whose id is the
 * object's address. The kernel hands that id back with each call and with cap_identify; a client can neither see nor
 * choose it, so an id needs no other check than that of the kind. The portal dies before the object does.
 */
#ifndef CORE_OBJECT_H
#define CORE_OBJECT_H

#include "core/account.h"

enum object_kind {
    KIND_NONE = 0,
    KIND_DATASPACE,
    KIND_REGION_MAP,
    KIND_THREAD,
    KIND_PD,
    KIND_ROM,
    KIND_LOG,
    KIND_IO_MEM,
    KIND_IO_PORT,
    KIND_IRQ,
    KIND_VM,
    KIND_ACCOUNTS,
    KIND_DMA,
    KIND_PARENT,
};

struct object {
    enum object_kind kind;
    uint32_t slot;           /* the portal, CAP_NONE while there is none */
    struct account *account; /* pays for the slot */
};

/* An id is the object's address, plus this for the portal that receives a thread's events. */
#define OBJECT_ID_EVENT 1u

#endif
