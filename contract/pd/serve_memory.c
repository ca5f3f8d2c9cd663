/* SPDX-License-Identifier: MIT */
/*
 * PD: dataspaces, attachments, region maps.
 */
#include "contract/pd/serve.h"

#define SIZE_LIMIT (1ull << 47) /* no dataspace or region map is larger than the address space */

PD_SERVE(dataspace_alloc)
{
    struct pd_dataspace_alloc in;
    struct message_cap dataspace = {0};

    dispatch_request(d, &in, sizeof(in));
    if (in.reserved != 0 || in.flags & ~(uint32_t)PD_DATASPACE_FLAGS || in.size == 0 || in.size > SIZE_LIMIT)
        return ERR_INVALID;
    enum status status = handlers->dataspace_alloc(session, &in, &dataspace);

    if (status == OK)
        dispatch_reply_cap(d, dataspace);
    return status;
}

PD_SERVE(dataspace_free)
{
    return handlers->dataspace_free(session, dispatch_cap(d, 0));
}

PD_SERVE(dataspace_seal)
{
    return handlers->dataspace_seal(session, dispatch_cap(d, 0));
}

PD_SERVE(dataspace_info)
{
    struct pd_dataspace_info out = {0};
    enum status status = handlers->dataspace_info(session, dispatch_cap(d, 0), &out);

    if (status == OK)
        dispatch_reply(d, &out, sizeof(out));
    return status;
}

/* The size may be 0 (all that follows offset), the address PD_ANYWHERE. */
static bool attach_ok(const struct pd_attach *in)
{
    if (in->reserved != 0 || in->rights & ~(uint32_t)PD_RIGHTS ||
        (in->rights & (PD_WRITE | PD_EXECUTE)) == (PD_WRITE | PD_EXECUTE))
        return false;
    if (!dispatch_page_aligned(in->offset | in->size) || in->offset > SIZE_LIMIT || in->size > SIZE_LIMIT)
        return false;
    return in->address == PD_ANYWHERE || (dispatch_page_aligned(in->address) && in->address <= SIZE_LIMIT);
}

PD_SERVE(attach)
{
    struct pd_attach in;
    struct pd_address out = {0};

    dispatch_request(d, &in, sizeof(in));
    if (!attach_ok(&in))
        return ERR_INVALID;
    enum status status = handlers->attach(session, &in, dispatch_cap(d, 0), &out);

    if (status == OK)
        dispatch_reply(d, &out, sizeof(out));
    return status;
}

PD_SERVE(detach)
{
    struct pd_address in;

    dispatch_request(d, &in, sizeof(in));
    return dispatch_page_aligned(in.address) ? handlers->detach(session, in.address) : ERR_INVALID;
}

PD_SERVE(region_map_create)
{
    struct pd_region_map_create in;
    struct message_cap map = {0};

    dispatch_request(d, &in, sizeof(in));
    if (!dispatch_pages_ok(0, in.size) || in.size > SIZE_LIMIT)
        return ERR_INVALID;
    enum status status = handlers->region_map_create(session, in.size, &map);

    if (status == OK)
        dispatch_reply_cap(d, map);
    return status;
}

PD_SERVE(region_map_destroy)
{
    return handlers->region_map_destroy(session, dispatch_cap(d, 0));
}

PD_SERVE(region_map_attach)
{
    struct pd_attach in;
    struct pd_address out = {0};

    dispatch_request(d, &in, sizeof(in));
    if (!attach_ok(&in))
        return ERR_INVALID;
    enum status status =
        handlers->region_map_attach(session, &in, dispatch_cap(d, 0), dispatch_cap(d, 1), &out);

    if (status == OK)
        dispatch_reply(d, &out, sizeof(out));
    return status;
}

PD_SERVE(region_map_detach)
{
    struct pd_address in;

    dispatch_request(d, &in, sizeof(in));
    if (!dispatch_page_aligned(in.address))
        return ERR_INVALID;
    return handlers->region_map_detach(session, dispatch_cap(d, 0), in.address);
}

PD_SERVE(region_map_pager)
{
    return handlers->region_map_pager(session, dispatch_cap(d, 0), dispatch_cap(d, 1));
}

PD_SERVE(region_map_fault)
{
    struct pd_region_fault out = {0};
    enum status status = handlers->region_map_fault(session, dispatch_cap(d, 0), &out);

    if (status == OK)
        dispatch_reply(d, &out, sizeof(out));
    return status;
}
