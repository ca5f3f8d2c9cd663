/* SPDX-License-Identifier: MIT */
/*
 * Capability transfer: all checks in a first pass, all copies in a second.
 *
 * The message areas are shared with user level, so each entry is read once, into a local copy, and the second pass works
 * on slots that the first one found.
 */
#include "kernel/ipc/ipc.h"
#include "kernel/object/cap_space.h"
#include "kernel/object/pd.h"

struct transfer {
    const struct slot *source; /* NULL: empty place */
    struct slot *destination;
    uint32_t rights;
};

static enum status prepare(const struct ec *sender, const struct ec *receiver, unsigned index, uint64_t base,
                           struct transfer *out)
{
    struct message_cap cap = ((volatile struct message_cap *)sender->area->send)[index];

    out->source = 0;
    out->rights = cap.rights;
    if (cap.slot != CAP_NONE) {
        out->source = cap_space_slot(sender->pd->cap_space, cap.slot);
        if (!out->source || !slot_live(out->source))
            return ERR_CAP;
    }
    if (cap_slot_for_new(receiver->pd->cap_space, base + index, &out->destination) != OK)
        return ERR_OVERFLOW;
    return OK;
}

enum status ipc_transfer_caps(const struct ec *sender, const struct ec *receiver, unsigned count)
{
    struct transfer transfers[MESSAGE_CAPS];
    uint64_t base = __atomic_load_n(&receiver->area->receive_base, __ATOMIC_RELAXED);

    if (count > MESSAGE_CAPS)
        return ERR_INVALID;
    if (count > __atomic_load_n(&receiver->area->receive_count, __ATOMIC_RELAXED))
        return ERR_OVERFLOW;
    for (unsigned i = 0; i < count; i++) {
        enum status status = prepare(sender, receiver, i, base, &transfers[i]);

        if (status != OK)
            return status;
    }
    for (unsigned i = 0; i < count; i++) {
        const struct slot *source = transfers[i].source;

        if (source)
            slot_write(transfers[i].destination, source->target, source->rights & transfers[i].rights,
                       source->badge);
        else
            slot_clear(transfers[i].destination);
    }
    return OK;
}
