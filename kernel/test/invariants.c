/* SPDX-License-Identifier: MIT */
/* See invariants.h. */
#include "kernel/test/invariants.h"

#include <string.h>

#include "kernel/sched/sched.h"
#include "kernel/test/machine.h"

struct world world;

/* ---- everything there is ---- */

static void world_add(struct object *object)
{
    world.objects++;
    switch (object->type) {
    case OBJECT_PD: world.pd[world.pds++] = (struct pd *)object; break;
    case OBJECT_THREAD:
    case OBJECT_VCPU: world.ec[world.ecs++] = (struct ec *)object; break;
    case OBJECT_SC: world.sc[world.scs++] = (struct sc *)object; break;
    case OBJECT_NOTIFICATION:
        world.notification[world.notifications++] = (struct notification *)object;
        break;
    default: break;
    }
}

void world_look(void)
{
    world.pds = world.ecs = world.scs = world.notifications = 0;
    world.objects = 0;
    memset(world.frames, 0, sizeof(world.frames));
    for (unsigned frame = 0; frame < frame_count; frame++) {
        unsigned kind = frame_kind[frame];

        if (!kind) {
            if (!(frame % 8) && !*(uint64_t *)(frame_kind + frame))
                frame += 7;
            continue;
        }
        world.frames[kind]++;
        for (unsigned i = 1; kind >= FRAME_SLAB_MIN && i < FRAME_SIZE >> kind; i++) {
            struct object *object =
                (struct object *)(host_memory + frame * FRAME_SIZE + ((uint64_t)i << kind));

            if (object->serial)
                world_add(object);
        }
    }
}

/* ---- invariants ---- */

static bool sends(const struct ec *context)
{
    return context->state == EC_CALLING || context->state == EC_RETRY;
}

/* The context that a scheduling context would run; NULL if there is none. */
struct ec *invariants_driven(const struct sc *sc)
{
    struct ec *context = sc->ec;
    unsigned steps = 0;

    while (context && sends(context)) {
        if (context->state == EC_RETRY && context->callee->state == EC_WAIT && context->callee->accepts)
            return context;
        MUST(context->callee);
        context = context->callee;
        MUST(++steps <= world.ecs); /* E3 */
    }
    return context && context->state == EC_READY ? context : NULL;
}

static void check_senders(const struct ec *context)
{
    const struct ec *previous = NULL;

    for (const struct ec *s = context->senders; s; previous = s, s = s->sender_next) {
        MUST(s->callee == context && s->state == EC_RETRY);
        MUST(s->sender_previous == previous);
    }
}

static bool listed(const struct ec *context, const struct ec *sender)
{
    for (const struct ec *s = context->senders; s; s = s->sender_next)
        if (s == sender)
            return true;
    return false;
}

/* Those of other CPUs that wait for a handler. */
static void check_remote(const struct ec *context)
{
    const struct ec *previous = NULL;

    for (const struct ec *s = context->remote_first; s; previous = s, s = s->sender_next) {
        MUST(s->object.serial && s->state == EC_REMOTE && s->callee == context && s->cpu != context->cpu);
        MUST(s->sender_previous == previous);
    }
    MUST(context->remote_last == previous);
    MUST(!(context->state == EC_WAIT && context->accepts) || !context->remote_first); /* E5 */
}

static bool waits_remotely(const struct ec *context)
{
    for (const struct ec *s = context->callee->remote_first; s; s = s->sender_next)
        if (s == context)
            return true;
    return false;
}

static void check_blocked(const struct ec *context)
{
    const struct sc *previous = NULL;

    for (const struct sc *sc = context->blocked; sc; previous = sc, sc = sc->next) {
        MUST(sc->object.type == OBJECT_SC && sc->blocked_at == context && !sc->queued);
        MUST(sc->previous == previous && cpus[sc->cpu]->sc != sc && sc->ec);
        MUST(sc->cpu == context->cpu && ec_reaches(sc->ec, context));
    }
}

static void check_context(const struct ec *context)
{
    bool remote = context->state == EC_REMOTE;

    MUST(context->state <= EC_REMOTE && context->cpu < cpu_count);
    MUST((sends(context) || remote) == (context->callee != NULL)); /* E1, since no inbox holds anything */
    if (context->callee) {
        MUST(context->callee->object.serial &&
             listed(context->callee, context) == (context->state == EC_RETRY));
        MUST((context->callee->cpu != context->cpu) == remote);
    }
    if (context->state == EC_CALLING || (remote && !waits_remotely(context)))
        MUST(context->callee->caller == context);
    if (context->caller) { /* E2 */
        MUST(context->caller->object.serial);
        MUST(context->caller->state == EC_CALLING || context->caller->state == EC_REMOTE);
        MUST(context->caller->callee == context);
        MUST(!(context->state == EC_WAIT && context->accepts));
    }
    check_senders(context);
    check_remote(context);
    check_blocked(context);
    if (context->sc)
        MUST(context->sc->object.type == OBJECT_SC && context->sc->ec == context);
    if (context->waits_for) {
        MUST(object_valid(&context->waits_for->object, context->waits_for->object.serial));
        MUST(context->waits_for->object.type == OBJECT_NOTIFICATION && context->waits_for->waiter == context);
    }
    MUST(context->pd->object.type == OBJECT_PD && context->pd->object.serial);
}

static void check_contexts(void)
{
    for (unsigned i = 0; i < world.ecs; i++)
        check_context(world.ec[i]);
    for (unsigned i = 0; i < world.notifications; i++) {
        const struct ec *waiter = world.notification[i]->waiter;

        MUST(!waiter || (waiter->object.serial && waiter->waits_for == world.notification[i]));
        MUST(!waiter || waiter->state != EC_WAIT || !world.notification[i]->pending);
        MUST(!world.notification[i]->posted);
    }
}

/* E4: what is blocked although it leads to a context that can run is not needed to run it. */
static void check_driven(const struct sc *blocked)
{
    const struct ec *context = invariants_driven(blocked);

    if (!context)
        return;
    for (unsigned i = 0; i < world.scs; i++)
        if (!world.sc[i]->blocked_at && world.sc[i]->ec && invariants_driven(world.sc[i]) == context)
            return;
    MUST(!"a context that can run is driven by nobody");
}

static void check_scs(void)
{
    for (unsigned i = 0; i < world.scs; i++) {
        const struct sc *sc = world.sc[i];
        const struct cpu *cpu = cpus[sc->cpu];
        unsigned places = (sc == cpu->sc) + sc->queued + (sc->blocked_at != NULL);

        MUST(places == (sc->ec ? 1 : 0));
        MUST(!sc->ec || (sc->ec->object.serial && sc->ec->sc == sc && sc->ec->cpu == sc->cpu));
        MUST(sc->remaining > 0 && sc->remaining <= sc->budget);
        if (sc->blocked_at)
            check_driven(sc);
    }
}

static void check_queues(const struct cpu *cpu)
{
    unsigned queued = 0;

    for (unsigned priority = 0; priority < SCHED_PRIORITIES; priority++) {
        const struct sc_queue *queue = &cpu->ready[priority];
        const struct sc *previous = NULL;

        MUST((cpu->ready_mask[priority / 64] >> priority % 64 & 1) == (queue->first != NULL));
        for (const struct sc *sc = queue->first; sc; previous = sc, sc = sc->next) {
            MUST(sc->queued && sc->priority == priority && sc->previous == previous && sc->object.serial);
            MUST(sc->cpu == cpu->id);
            queued++;
        }
        if (queue->first)
            MUST(queue->last == previous);
    }
    for (unsigned i = 0; i < world.scs; i++)
        queued -= world.sc[i]->queued && world.sc[i]->cpu == cpu->id;
    MUST(queued == 0);
}

static void check_timeouts(const struct cpu *cpu)
{
    const struct ec *previous = NULL;
    unsigned count = 0;

    for (const struct ec *c = cpu->timeouts; c; previous = c, c = c->timeout_next) {
        MUST(c->object.serial && c->timeout_queued && c->timeout_previous == previous && c->cpu == cpu->id);
        MUST(!previous || previous->deadline <= c->deadline);
        MUST(++count <= world.ecs);
    }
    for (unsigned i = 0; i < world.ecs; i++)
        count -= world.ec[i]->timeout_queued && world.ec[i]->cpu == cpu->id;
    MUST(count == 0);
}

static void check_account(const struct pd *pd, uint64_t *owned, uint64_t *used, uint64_t *objects)
{
    uint64_t free_frames = 0, live = 0;

    for (const uint64_t *frame = pd->free_frames; frame; frame = (const uint64_t *)*frame) {
        MUST(frame_kind[virt_to_phys(frame) >> FRAME_SHIFT] == FRAME_ACCOUNT_FREE);
        free_frames++;
    }
    MUST(pd->frames_owned == free_frames + pd->frames_used);
    *owned += pd->frames_owned;
    *used += pd->frames_used;
    for (unsigned frame = 0; frame < frame_count; frame++) {
        unsigned kind = frame_kind[frame];

        for (unsigned i = 1; kind >= FRAME_SLAB_MIN && i < FRAME_SIZE >> kind; i++) {
            const struct object *object = (void *)(host_memory + frame * FRAME_SIZE + ((uint64_t)i << kind));

            live += object->serial && object->account == pd;
        }
    }
    MUST(live <= pd->objects_live); /* those without identity are live, too */
    *objects += pd->objects_live;
}

static void check_accounts(void)
{
    uint64_t owned = 0, used = 0, objects = 0, slabs = 0;

    for (unsigned i = 0; i < world.pds; i++)
        check_account(world.pd[i], &owned, &used, &objects);
    for (unsigned kind = FRAME_SLAB_MIN; kind <= FRAME_SLAB_MAX; kind++)
        slabs += world.frames[kind];
    slabs--; /* of the seed account, which is no object */
    MUST(used == slabs + world.frames[FRAME_PAGE]);
    MUST(owned == used + world.frames[FRAME_ACCOUNT_FREE]);
    MUST(objects >= world.objects - 1);
}

void invariants_check(bool accounts)
{
    world_look();
    check_contexts();
    check_scs();
    for (unsigned i = 0; i < cpu_count; i++) {
        MUST(!cpus[i]->inbox_contexts && !cpus[i]->inbox_notifications && cpus[i]->stop == CPU_RUNS);
        check_queues(cpus[i]);
        check_timeouts(cpus[i]);
    }
    if (accounts)
        check_accounts();
}
