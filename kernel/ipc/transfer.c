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

OBJECT_FAST enum status prepare(const struct ec *sender, const struct ec *receiver, unsigned index,
                                uint64_t base, struct transfer *out)
{
    struct message_cap cap = ((volatile struct message_cap *)sender->area->send)[index];

    out->source = 0;
    out->rights = cap.rights;
    if (cap.slot != CAP_NONE) {
        out->source = cap_space_slot(sender->cap_space, cap.slot);
        if (!out->source || !slot_live(out->source))
            return ERR_CAP;
    }
    if (cap_slot_for_new(receiver->cap_space, base + index, &out->destination) != OK)
        return ERR_OVERFLOW;
    return OK;
}

OBJECT_FAST void carry_out(const struct transfer *transfer)
{
    const struct slot *source = transfer->source;

    if (source)
        slot_write(transfer->destination, source->target, source->rights & transfer->rights, source->badge);
    else
        slot_clear(transfer->destination);
}

/* Nearly always it is one. */
static enum status transfer_one(const struct ec *sender, const struct ec *receiver, uint64_t base)
{
    struct transfer transfer;
    enum status status = prepare(sender, receiver, 0, base, &transfer);

    if (status == OK)
        carry_out(&transfer);
    return status;
}

enum status ipc_transfer_caps(const struct ec *sender, const struct ec *receiver, unsigned count)
{
    struct transfer transfers[MESSAGE_CAPS];
    uint64_t base = __atomic_load_n(&receiver->area->receive_base, __ATOMIC_RELAXED);

    if (count > __atomic_load_n(&receiver->area->receive_count, __ATOMIC_RELAXED))
        return ERR_OVERFLOW;
    if (count == 1)
        return transfer_one(sender, receiver, base);
    for (unsigned i = 0; i < count; i++) {
        enum status status = prepare(sender, receiver, i, base, &transfers[i]);

        if (status != OK)
            return status;
    }
    for (unsigned i = 0; i < count; i++)
        carry_out(&transfers[i]);
    return OK;
}
