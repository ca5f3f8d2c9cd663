/* SPDX-License-Identifier: MIT */
/* See confusion.h. */
#include "test/fuzz/confusion.h"

#define BIT(type) (1u << OBJECT_##type)
#define ANY_TYPE  (((1u << OBJECT_TYPE_COUNT) - 1) & ~(1u << OBJECT_NONE))
#define CONTEXT   (BIT(THREAD) | BIT(VCPU))

/* Arguments that are filled in: slot of an object, the free slot. */
#define SLOT_OF(type) (0x7e55ull << 48 | OBJECT_##type)
#define FREE          (0x7e55ull << 48 | 0x100)
#define IS_FILLED(v)  ((v) >> 48 == 0x7e55)

/* Pass-through results other than CAP and DENIED do not matter here; so arguments are such that nothing happens. */
static const struct row {
    const char *name;
    uint8_t number, position;
    uint16_t types;
    uint16_t rights;
    bool none; /* slot 0 stands for something */
    uint64_t argument[6];
} rows[] = {
    {"call", HYPERCALL_CALL, 0, BIT(PORTAL), RIGHT_PORTAL_CALL, false, {0}},
    {"reply_wait", HYPERCALL_REPLY_WAIT, 2, BIT(NOTIFICATION), RIGHT_NOTIFICATION_WAIT, true, {0}},
    {"notification_wait",
     HYPERCALL_NOTIFICATION_WAIT,
     0,
     BIT(NOTIFICATION),
     RIGHT_NOTIFICATION_WAIT,
     true,
     {0}},
    {"notification_signal",
     HYPERCALL_NOTIFICATION_SIGNAL,
     0,
     BIT(NOTIFICATION),
     RIGHT_NOTIFICATION_SIGNAL,
     false,
     {0}},
    {"create PD", HYPERCALL_CREATE, 1, BIT(PD), RIGHT_PD_CREATE_ANY, false, {OBJECT_PD, 0, FREE}},
    {"create capability space",
     HYPERCALL_CREATE,
     1,
     BIT(PD),
     RIGHT_PD_CREATE_ANY,
     false,
     {OBJECT_CAP_SPACE, 0, FREE, 1}},
    {"create host space",
     HYPERCALL_CREATE,
     1,
     BIT(PD),
     RIGHT_PD_CREATE_ANY,
     false,
     {OBJECT_HOST_SPACE, 0, FREE}},
    {"create port space",
     HYPERCALL_CREATE,
     1,
     BIT(PD),
     RIGHT_PD_CREATE_ANY,
     false,
     {OBJECT_PORT_SPACE, 0, FREE}},
    {"create guest space",
     HYPERCALL_CREATE,
     1,
     BIT(PD),
     RIGHT_PD_CREATE_ANY,
     false,
     {OBJECT_GUEST_SPACE, 0, FREE}},
    {"create notification",
     HYPERCALL_CREATE,
     1,
     BIT(PD),
     RIGHT_PD_CREATE_IPC,
     false,
     {OBJECT_NOTIFICATION, 0, FREE}},
    {"create thread",
     HYPERCALL_CREATE,
     1,
     BIT(PD),
     RIGHT_PD_CREATE_ANY,
     false,
     {OBJECT_THREAD, 0, FREE, 8, 0, SLOT_OF(MACHINE)}},
    {"thread's machine",
     HYPERCALL_CREATE,
     5,
     BIT(MACHINE),
     0,
     false,
     {OBJECT_THREAD, SLOT_OF(PD), FREE, 8, 0, 0}},
    {"create vCPU",
     HYPERCALL_CREATE,
     1,
     BIT(PD),
     RIGHT_PD_CREATE_ANY,
     false,
     {OBJECT_VCPU, 0, FREE, SLOT_OF(GUEST_SPACE)}},
    {"vCPU's space", HYPERCALL_CREATE, 3, BIT(GUEST_SPACE), 0, false, {OBJECT_VCPU, SLOT_OF(PD), FREE, 0}},
    {"create SC",
     HYPERCALL_CREATE,
     1,
     BIT(PD),
     RIGHT_PD_CREATE_ANY,
     false,
     {OBJECT_SC, 0, FREE, SLOT_OF(THREAD), 200, 0}},
    {"SC's context",
     HYPERCALL_CREATE,
     3,
     CONTEXT,
     RIGHT_EC_BIND,
     false,
     {OBJECT_SC, SLOT_OF(PD), FREE, 0, 200, 0}},
    {"create portal",
     HYPERCALL_CREATE,
     1,
     BIT(PD),
     RIGHT_PD_CREATE_IPC,
     false,
     {OBJECT_PORTAL, 0, FREE, SLOT_OF(THREAD)}},
    {"portal's handler",
     HYPERCALL_CREATE,
     3,
     BIT(THREAD),
     RIGHT_EC_BIND,
     false,
     {OBJECT_PORTAL, SLOT_OF(PD), FREE, 0}},
    {"create interrupt",
     HYPERCALL_CREATE,
     1,
     BIT(PD),
     RIGHT_PD_CREATE_ANY,
     false,
     {OBJECT_INTERRUPT, 0, FREE, SLOT_OF(MACHINE), 999, SLOT_OF(NOTIFICATION)}},
    {"interrupt's machine",
     HYPERCALL_CREATE,
     3,
     BIT(MACHINE),
     0,
     false,
     {OBJECT_INTERRUPT, SLOT_OF(PD), FREE, 0, 999, SLOT_OF(NOTIFICATION)}},
    {"interrupt's notification",
     HYPERCALL_CREATE,
     5,
     BIT(NOTIFICATION),
     RIGHT_NOTIFICATION_SIGNAL,
     false,
     {OBJECT_INTERRUPT, SLOT_OF(PD), FREE, SLOT_OF(MACHINE), 999, 0}},
    {"fault's IOMMU",
     HYPERCALL_CREATE,
     3,
     BIT(IOMMU),
     RIGHT_IOMMU_CONTROL,
     false,
     {OBJECT_INTERRUPT, SLOT_OF(PD), FREE, 0, (uint64_t)INTERRUPT_FAULT << 32, SLOT_OF(NOTIFICATION)}},
    {"create IOMMU",
     HYPERCALL_CREATE,
     1,
     BIT(PD),
     RIGHT_PD_CREATE_ANY,
     false,
     {OBJECT_IOMMU, 0, FREE, SLOT_OF(MACHINE), 8}},
    {"IOMMU's machine",
     HYPERCALL_CREATE,
     3,
     BIT(MACHINE),
     RIGHT_ALL,
     false,
     {OBJECT_IOMMU, SLOT_OF(PD), FREE, 0, 8}},
    {"create DMA space",
     HYPERCALL_CREATE,
     1,
     BIT(PD),
     RIGHT_PD_CREATE_ANY,
     false,
     {OBJECT_DMA_SPACE, 0, FREE, SLOT_OF(IOMMU)}},
    {"DMA space's IOMMU",
     HYPERCALL_CREATE,
     3,
     BIT(IOMMU),
     RIGHT_IOMMU_CONTROL,
     false,
     {OBJECT_DMA_SPACE, SLOT_OF(PD), FREE, 0}},
    {"destroy", HYPERCALL_DESTROY, 0, ANY_TYPE, RIGHT_DESTROY, false, {0}},
    {"cap_copy's space",
     HYPERCALL_CAP_COPY,
     0,
     BIT(CAP_SPACE),
     RIGHT_SPACE_UPDATE,
     true,
     {0, 1u << 20, SLOT_OF(NOTIFICATION), 0, 0}},
    {"cap_copy's source", HYPERCALL_CAP_COPY, 2, ANY_TYPE, 0, false, {CAP_NONE, 1u << 20, 0, 0, 0}},
    {"cap_drop's space", HYPERCALL_CAP_DROP, 0, BIT(CAP_SPACE), RIGHT_SPACE_UPDATE, true, {0, 1u << 20}},
    {"cap_identify's PD", HYPERCALL_CAP_IDENTIFY, 0, BIT(PD), RIGHT_PD_IDENTIFY, false, {0, SLOT_OF(PORTAL)}},
    {"cap_identify's portal", HYPERCALL_CAP_IDENTIFY, 1, BIT(PORTAL), 0, false, {SLOT_OF(PD), 0}},
    {"pd_give_frames",
     HYPERCALL_PD_GIVE_FRAMES,
     0,
     BIT(PD),
     RIGHT_PD_ACCOUNT,
     false,
     {0, 0, 0, SLOT_OF(MACHINE)}},
    {"pd_give_frames' machine", HYPERCALL_PD_GIVE_FRAMES, 3, BIT(MACHINE), 0, false, {SLOT_OF(PD), 0, 0, 0}},
    {"pd_take_frames", HYPERCALL_PD_TAKE_FRAMES, 0, BIT(PD), RIGHT_PD_ACCOUNT, false, {0}},
    {"pd_info", HYPERCALL_PD_INFO, 0, BIT(PD), RIGHT_PD_ACCOUNT, false, {0}},
    {"space_update",
     HYPERCALL_SPACE_UPDATE,
     0,
     BIT(HOST_SPACE) | BIT(GUEST_SPACE) | BIT(DMA_SPACE),
     RIGHT_SPACE_UPDATE,
     false,
     {0}},
    {"port_update", HYPERCALL_PORT_UPDATE, 0, BIT(PORT_SPACE), RIGHT_SPACE_UPDATE, false, {0}},
    {"cap_space_grow", HYPERCALL_CAP_SPACE_GROW, 0, BIT(CAP_SPACE), RIGHT_SPACE_UPDATE, false, {0}},
    {"ec_bind", HYPERCALL_EC_BIND, 0, CONTEXT, RIGHT_EC_BIND, false, {0, 99, SLOT_OF(PORTAL), 0}},
    {"ec_bind's portal",
     HYPERCALL_EC_BIND,
     2,
     BIT(PORTAL),
     RIGHT_PORTAL_CALL,
     false,
     {SLOT_OF(THREAD), 99, 0, 0}},
    {"ec_control", HYPERCALL_EC_CONTROL, 0, CONTEXT, RIGHT_EC_CONTROL, false, {0, 99}},
    {"state_read", HYPERCALL_STATE_READ, 0, CONTEXT, RIGHT_EC_CONTROL, false, {0, 1ull << 40}},
    {"state_write", HYPERCALL_STATE_WRITE, 0, CONTEXT, RIGHT_EC_CONTROL, false, {0, 1ull << 40}},
    {"interrupt_ack", HYPERCALL_INTERRUPT_ACK, 0, BIT(INTERRUPT), RIGHT_INTERRUPT_ACK, false, {0}},
    {"sc_control", HYPERCALL_SC_CONTROL, 0, BIT(SC), RIGHT_EC_CONTROL, false, {0, 200, 0}},
    {"machine_control", HYPERCALL_MACHINE_CONTROL, 0, BIT(MACHINE), RIGHT_ALL, false, {0, 99}},
    {"iommu_control", HYPERCALL_IOMMU_CONTROL, 0, BIT(IOMMU), RIGHT_IOMMU_CONTROL, false, {0, 99}},
    {"iommu_control's space",
     HYPERCALL_IOMMU_CONTROL,
     3,
     BIT(DMA_SPACE),
     RIGHT_SPACE_UPDATE,
     false,
     {SLOT_OF(IOMMU), IOMMU_ATTACH, 0xf8, 0}},
};

static enum status invoke(struct confusion *c, uint64_t number, const uint64_t argument[6])
{
    c->tried++;
    return c->invoke(c->context, number, argument);
}

static void drop(struct confusion *c, uint32_t slot)
{
    (void)c->invoke(c->context, HYPERCALL_CAP_DROP, (const uint64_t[6]){CAP_NONE, slot});
}

/* What a row's PD, which is not its subject, must allow. */
static bool pd_allows(const struct confusion *c, const struct row *row)
{
    uint64_t type = row->argument[0];
    bool ipc = type == OBJECT_PORTAL || type == OBJECT_NOTIFICATION;
    uint32_t held = c->rights[OBJECT_PD] ? c->rights[OBJECT_PD] : RIGHT_ALL;

    if (row->number == HYPERCALL_PD_GIVE_FRAMES && row->position != 0)
        return held & RIGHT_PD_ACCOUNT;
    return row->number != HYPERCALL_CREATE || row->position == 1 ||
           held & (ipc ? RIGHT_PD_CREATE_IPC : RIGHT_PD_CREATE_ANY);
}

/* The row's arguments; false if this program lacks an object that they need. */
static bool fill(const struct confusion *c, const struct row *row, uint64_t subject, uint64_t argument[6])
{
    if (!pd_allows(c, row))
        return false;
    for (unsigned i = 0; i < 6; i++) {
        uint64_t value = row->argument[i];

        if (value == FREE)
            value = c->free;
        else if (IS_FILLED(value) && i != row->position) {
            value = c->object[value & 0xff];
            if (value == CAP_NONE)
                return false;
        }
        argument[i] = i == row->position ? subject : value;
    }
    return true;
}

static enum status try(struct confusion *c, const struct row *row, uint64_t subject, bool *possible)
{
    uint64_t argument[6];

    *possible = fill(c, row, subject, argument);
    if (!*possible)
        return OK;
    enum status status = invoke(c, row->number, argument);

    if (row->number == HYPERCALL_CREATE && status == OK) {
        (void)c->invoke(c->context, HYPERCALL_DESTROY, (const uint64_t[6]){c->free});
        drop(c, c->free);
    }
    return status;
}

static void judge(struct confusion *c, const struct row *row, unsigned type, uint32_t rights)
{
    bool possible;
    enum status status = try(c, row, c->scratch, &possible);

    if (!possible)
        return;
    if (!(row->types >> type & 1)) {
        if (status != ERR_CAP)
            c->wrong(c->context, row->name, type, rights, status, "ERR_CAP");
    } else if ((rights & row->rights) != row->rights) {
        if (status != ERR_DENIED)
            c->wrong(c->context, row->name, type, rights, status, "ERR_DENIED");
    } else if (status == ERR_CAP || status == ERR_DENIED) {
        c->wrong(c->context, row->name, type, rights, status, "neither ERR_CAP nor ERR_DENIED");
    }
}

/* All, none, exactly what is needed, each bit alone missing. */
static void try_rights(struct confusion *c, const struct row *row, unsigned type)
{
    for (unsigned variant = 0; variant < 11; variant++) {
        uint32_t rights = variant == 0   ? RIGHT_ALL
                          : variant == 1 ? 0
                          : variant == 2 ? row->rights
                                         : RIGHT_ALL & ~(1u << (variant - 3));

        uint32_t held = c->rights[type] ? rights & c->rights[type] : rights;

        if (row->number == HYPERCALL_DESTROY && held & RIGHT_DESTROY)
            continue; /* that would be the end of it */
        if (c->invoke(c->context, HYPERCALL_CAP_COPY,
                      (const uint64_t[6]){CAP_NONE, c->scratch, c->object[type], rights, 0}) != OK)
            c->wrong(c->context, "copy", type, rights, ERR_INVALID, "OK");
        judge(c, row, type, held);
        drop(c, c->scratch);
    }
}

static void try_dead(struct confusion *c, const struct row *row, uint64_t subject, unsigned type)
{
    bool possible;
    enum status status = try(c, row, subject, &possible);
    /* A call cannot tell what a stale slot was. */
    enum status expected = row->number == HYPERCALL_CALL && type != OBJECT_NONE ? ERR_PEER_GONE : ERR_CAP;

    if (possible && status != expected)
        c->wrong(c->context, row->name, type, 0, status, "ERR_CAP (stale or empty)");
}

void confusion_run(struct confusion *c)
{
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *row = &rows[i];

        for (unsigned type = 1; type < OBJECT_TYPE_COUNT; type++) {
            if (c->object[type] != CAP_NONE)
                try_rights(c, row, type);
            if (c->stale[type] != CAP_NONE)
                try_dead(c, row, c->stale[type], type);
        }
        try_dead(c, row, c->empty, OBJECT_NONE);
        try_dead(c, row, c->slots, OBJECT_NONE);
        try_dead(c, row, UINT64_MAX, OBJECT_NONE);
        for (unsigned type = 1; type < OBJECT_TYPE_COUNT; type++)
            if (c->object[type] != CAP_NONE)
                try_dead(c, row, c->object[type] | 1ull << 32, OBJECT_NONE);
        if (!row->none)
            try_dead(c, row, CAP_NONE, OBJECT_NONE);
    }
}
