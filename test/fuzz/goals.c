/* SPDX-License-Identifier: MIT */
/*
 * For each operation that any component may use, a way to each of its results. Wrong capabilities are confusion.c's. Each
 * function leaves the stage as it found it: temporary slots empty, puppets idle.
 */
#include "test/fuzz/fuzz.h"

#define T(n)         slot(stage, SLOT_TEMP + (n))
#define EMPTY        T(TEMPS - 1)
#define NOTE         slot(stage, SLOT_NOTE)
#define ECHO         slot(stage, SLOT_PORTAL_ECHO)
#define PUPPET_OF(n) slot(stage, SLOT_PUPPET + (n))
#define PORTAL_OF(n) slot(stage, SLOT_PORTAL_PUPPET + (n))
#define NOT_A_SLOT   (1u << 20)

static void drop(struct stage *stage, uint32_t which)
{
    MEET(stage, OK, CAP_DROP, CAP_NONE, which);
}

static void copy(struct stage *stage, uint32_t to, uint32_t from, uint64_t rights)
{
    MEET(stage, OK, CAP_COPY, CAP_NONE, to, from, rights, 0);
}

static void call_simple(struct stage *stage)
{
    struct message_area *area = stage->driver.area;

    area->words[0] = 0x1234;
    area->words[2] = stage->progress;
    MEET(stage, OK, CALL, ECHO, tag_make(3, 3, 0));
    MUST(stage, stage->driver.result[0] == tag_make(7, 3, 0) && area->words[0] == 0x1234);
    MEET(stage, ERR_INVALID, CALL, ECHO, tag_make(3, MESSAGE_WORDS + 1, 0));
    MEET(stage, ERR_INVALID, CALL, ECHO, tag_make(3, 0, MESSAGE_CAPS + 1));
    MEET(stage, ERR_DEADLOCK, CALL, slot(stage, SLOT_PORTAL_DRIVER), 0);
    MEET(stage, OK, CREATE, OBJECT_PORTAL, stage->pd, T(0), slot(stage, SLOT_ECHO), 5, 0);
    MEET(stage, OK, DESTROY, T(0));
    MEET(stage, ERR_PEER_GONE, CALL, T(0), 0);
    drop(stage, T(0));
}

static void call_capabilities(struct stage *stage)
{
    struct message_area *area = stage->driver.area;
    struct message_area *other = stage->echo.area;

    area->send[0] = (struct message_cap){NOTE, RIGHT_NOTIFICATION_SIGNAL};
    other->receive_base = T(1);
    other->receive_count = 0;
    MEET(stage, ERR_OVERFLOW, CALL, ECHO, tag_make(0, 0, 1));
    other->receive_count = 1;
    MEET(stage, OK, CALL, ECHO, tag_make(0, 0, 1));
    MEET(stage, ERR_OVERFLOW, CALL, ECHO, tag_make(0, 0, 1)); /* the slot is occupied */
    MEET(stage, ERR_DENIED, NOTIFICATION_WAIT, T(1), 0);
    MEET(stage, OK, NOTIFICATION_SIGNAL, T(1));
    drop(stage, T(1));
    area->send[0].slot = EMPTY;
    MEET(stage, ERR_CAP, CALL, ECHO, tag_make(0, 0, 1));
    MEET(stage, OK, NOTIFICATION_WAIT, NOTE, 0);
    other->receive_count = 0;
}

/* Calls that end otherwise than by a reply, seen from both sides. */
static void call_ended(struct stage *stage)
{
    PUPPET(stage, 0, CALL, PORTAL_OF(1), tag_make(1, 2, 0)); /* puppet 1 is busy: 0 helps it */
    MEET(stage, OK, EC_CONTROL, PUPPET_OF(0), EC_ABORT);
    PUPPET_END(stage, 0, ERR_ABORTED);

    PUPPET(stage, 1, REPLY_WAIT, 0, 0, CAP_NONE, DEADLINE_NEVER);
    PUPPET(stage, 0, CALL, PORTAL_OF(1), tag_make(1, 2, 0));
    PUPPET_END(stage, 1, OK);
    MUST(stage, stage->puppet[1].result[2] == WAKE_CALL);
    PUPPET(stage, 1, REPLY_WAIT, 0, 0, CAP_NONE, 0); /* a caller waits */
    PUPPET_END(stage, 1, ERR_INVALID);
    PUPPET(stage, 1, REPLY_WAIT, tag_make(0, MESSAGE_WORDS + 1, 0), REPLY_SEND, CAP_NONE, 0);
    PUPPET_END(stage, 1, ERR_INVALID);
    stage->puppet[0].area->receive_base = T(2);
    stage->puppet[0].area->receive_count = 1;
    stage->puppet[1].area->send[0] = (struct message_cap){EMPTY, RIGHT_ALL};
    PUPPET(stage, 1, REPLY_WAIT, tag_make(0, 0, 1), REPLY_SEND, CAP_NONE, 0);
    PUPPET_END(stage, 1, ERR_CAP);
    stage->puppet[0].area->receive_count = 0;
    PUPPET(stage, 1, CALL, PORTAL_OF(0), 0); /* who waits for it */
    PUPPET_END(stage, 1, ERR_DEADLOCK);
    PUPPET(stage, 1, REPLY_WAIT, 0, REPLY_PARK, CAP_NONE, 0);
    PUPPET_END(stage, 1, OK);
    MUST(stage, stage->puppet[1].result[2] == WAKE_TIMEOUT && stage->puppet[0].busy);
    MEET(stage, OK, EC_CONTROL, PUPPET_OF(0), EC_RESUME);
    PUPPET_END(stage, 0, ERR_ABORTED);
}

static void reply_wait_errors(struct stage *stage)
{
    MEET(stage, ERR_INVALID, REPLY_WAIT, 0, 4, CAP_NONE, 0);
    MEET(stage, ERR_INVALID, REPLY_WAIT, 0, REPLY_SEND | REPLY_PARK, CAP_NONE, 0);
    PUPPET(stage, 0, NOTIFICATION_WAIT, NOTE, DEADLINE_NEVER);
    MEET(stage, ERR_BUSY, REPLY_WAIT, 0, 0, NOTE, 0);
    MEET(stage, ERR_BUSY, NOTIFICATION_WAIT, NOTE, DEADLINE_NEVER);
    MEET(stage, OK, NOTIFICATION_SIGNAL, NOTE);
    PUPPET_END(stage, 0, OK);
    MUST(stage, stage->puppet[0].result[0] == 1);
    MEET(stage, ERR_TIMEOUT, NOTIFICATION_WAIT, NOTE, 0);
    MEET(stage, OK, REPLY_WAIT, 0, 0, NOTE, 0);
    MUST(stage, stage->driver.result[2] == WAKE_TIMEOUT);
}

static void waits_that_lose(struct stage *stage)
{
    MEET(stage, OK, CREATE, OBJECT_NOTIFICATION, stage->pd, T(0), 0, 0, 0);
    MEET(stage, OK, CREATE, OBJECT_NOTIFICATION, stage->pd, T(1), 0, 0, 0);
    PUPPET(stage, 0, REPLY_WAIT, 0, 0, T(0), DEADLINE_NEVER);
    PUPPET(stage, 1, NOTIFICATION_WAIT, T(1), DEADLINE_NEVER);
    MEET(stage, OK, DESTROY, T(0));
    MEET(stage, OK, DESTROY, T(1));
    PUPPET_END(stage, 0, ERR_PEER_GONE);
    PUPPET_END(stage, 1, ERR_PEER_GONE);
    drop(stage, T(0));
    drop(stage, T(1));
}

static void badges(struct stage *stage)
{
    MEET(stage, OK, CAP_COPY, CAP_NONE, T(0), NOTE, RIGHT_ALL, 0x50);
    MEET(stage, ERR_DENIED, CAP_COPY, CAP_NONE, T(1), T(0), RIGHT_ALL, 0x60);
    MEET(stage, ERR_INVALID, CAP_COPY, CAP_NONE, T(1), ECHO, RIGHT_ALL, 0x60);
    MEET(stage, ERR_EXISTS, CAP_COPY, CAP_NONE, T(0), ECHO, RIGHT_ALL, 0);
    MEET(stage, ERR_RANGE, CAP_COPY, CAP_NONE, NOT_A_SLOT, ECHO, RIGHT_ALL, 0);
    MEET(stage, ERR_RANGE, CAP_COPY, CAP_NONE, CAP_NONE, ECHO, RIGHT_ALL, 0);
    MEET(stage, ERR_RANGE, CAP_DROP, CAP_NONE, NOT_A_SLOT);
    MEET(stage, OK, NOTIFICATION_SIGNAL, T(0));
    MEET(stage, OK, NOTIFICATION_WAIT, NOTE, 0);
    MUST(stage, stage->driver.result[0] == 0x50);
    drop(stage, T(0));
    copy(stage, T(0), NOTE, RIGHT_NOTIFICATION_WAIT);
    MEET(stage, ERR_DENIED, CAP_COPY, CAP_NONE, T(1), T(0), RIGHT_ALL, 1);
    drop(stage, T(0));
}

static void create_errors(struct stage *stage)
{
    MEET(stage, ERR_UNSUPPORTED, CREATE, OBJECT_MACHINE, stage->pd, T(0), 0, 0, 0);
    MEET(stage, ERR_UNSUPPORTED, CREATE, UINT64_MAX, stage->pd, T(0), 0, 0, 0);
    MEET(stage, ERR_RANGE, CREATE, OBJECT_NOTIFICATION, stage->pd, NOT_A_SLOT, 0, 0, 0);
    MEET(stage, ERR_EXISTS, CREATE, OBJECT_NOTIFICATION, stage->pd, NOTE, 0, 0, 0);
    MEET(stage, ERR_NOT_FOUND, CAP_IDENTIFY, stage->pd, slot(stage, SLOT_PORTAL_FOREIGN));
    MEET(stage, OK, CAP_IDENTIFY, stage->pd, slot(stage, SLOT_PORTAL_PARK));
    MUST(stage, stage->driver.result[0] == PORTAL_ID_PARK);
    meet_at(stage, __LINE__, ERR_UNSUPPORTED, HYPERCALL_COUNT, 0, 0, 0, 0, 0, 0);
    meet_at(stage, __LINE__, ERR_UNSUPPORTED, UINT64_MAX, 0, 0, 0, 0, 0, 0);
    meet_at(stage, __LINE__, ERR_UNSUPPORTED, 1ull << 32, ECHO, 0, 0, 0, 0, 0);
}

static void contexts(struct stage *stage)
{
    uint32_t still = slot(stage, SLOT_STILL), park = slot(stage, SLOT_PORTAL_PARK);

    MEET(stage, OK, EC_BIND, still, 0, park, 1);
    MEET(stage, OK, EC_BIND, still, 1, park, 0);
    MEET(stage, ERR_RANGE, EC_BIND, still, 4, ECHO, 0);
    MEET(stage, ERR_RANGE, EC_BIND, still, UINT64_MAX, ECHO, 0);
    MEET(stage, ERR_INVALID, EC_BIND, still, 0, ECHO, 1ull << 40);
    MEET(stage, OK, EC_CONTROL, still, EC_ABORT);
    MEET(stage, ERR_BUSY, EC_CONTROL, PUPPET_OF(0), EC_RESUME);
    MEET(stage, ERR_INVALID, EC_CONTROL, still, 3);
    MEET(stage, OK, STATE_READ, still, 1);
    MEET(stage, OK, STATE_WRITE, still, 0);
    MEET(stage, ERR_BUSY, STATE_READ, PUPPET_OF(0), 1);
    MEET(stage, ERR_BUSY, STATE_WRITE, PUPPET_OF(0), 0);
    MEET(stage, ERR_INVALID, STATE_READ, still, 1ull << 40);
    MEET(stage, ERR_INVALID, STATE_WRITE, still, 1ull << 40);
}

static void across(struct stage *stage)
{
    if (stage->peer_echo == CAP_NONE)
        return;
    stage->driver.area->words[0] = stage->progress;
    MEET(stage, OK, CALL, stage->peer_echo, tag_make(3, 1, 0));
    MUST(stage, stage->driver.result[0] == tag_make(7, 1, 0));
    PUPPET(stage, 0, CALL, stage->peer_echo, tag_make(3, 1, 0));
    MEET(stage, OK, EC_CONTROL, PUPPET_OF(0), EC_ABORT);
    MUST(stage, puppet_settle(stage, 0) &&
                    (stage->puppet[0].status == OK || stage->puppet[0].status == ERR_ABORTED));
}

/* What needs objects that no component gets: refused, whatever is tried. */
void goals_refused_meet(struct stage *stage)
{
    static const uint8_t numbers[] = {
        HYPERCALL_SPACE_UPDATE, HYPERCALL_PORT_UPDATE,     HYPERCALL_CAP_SPACE_GROW, HYPERCALL_INTERRUPT_ACK,
        HYPERCALL_SC_CONTROL,   HYPERCALL_MACHINE_CONTROL, HYPERCALL_PD_GIVE_FRAMES, HYPERCALL_PD_TAKE_FRAMES,
        HYPERCALL_PD_INFO,      HYPERCALL_IOMMU_CONTROL};

    for (unsigned i = 0; i < sizeof(numbers); i++) {
        bool account = numbers[i] >= HYPERCALL_PD_GIVE_FRAMES && numbers[i] <= HYPERCALL_PD_INFO;

        meet_at(stage, __LINE__, ERR_CAP, numbers[i], NOTE, 0, 0, 0, 0, 0);
        meet_at(stage, __LINE__, account ? ERR_DENIED : ERR_CAP, numbers[i], stage->pd, 0, 0, 0, 0, 0);
    }
    MEET(stage, ERR_DENIED, CREATE, OBJECT_PD, stage->pd, T(0), 0, 0, 0);
    MEET(stage, ERR_CAP, CAP_DROP, NOTE, T(0));
}

void goals_meet(struct stage *stage)
{
    call_simple(stage);
    call_capabilities(stage);
    call_ended(stage);
    reply_wait_errors(stage);
    waits_that_lose(stage);
    badges(stage);
    create_errors(stage);
    contexts(stage);
    across(stage);
}
