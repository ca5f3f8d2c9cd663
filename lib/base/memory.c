/* SPDX-License-Identifier: MIT */
/*
 * Memory by the component's own PD session.
 */
#include "lib/base/memory.h"

#include "lib/base/cap.h"
#include "lib/base/env.h"
#include "lib/base/panic.h"
#include "lib/base/pd_session.h"

enum status dataspace_alloc(uint64_t size, unsigned flags, uint32_t *dataspace)
{
    if (size == 0 || size > UINT64_MAX - PAGE_SIZE)
        return ERR_INVALID;
    return pd_dataspace_alloc(ENV_SLOT_PD_SESSION, page_round_up(size), flags, dataspace);
}

void dataspace_free(uint32_t dataspace)
{
    /* Somebody else's dataspace is refused by core; the slot is ours in any case. */
    (void)pd_dataspace_free(ENV_SLOT_PD_SESSION, dataspace);
    cap_free(dataspace);
}

enum status dataspace_seal(uint32_t dataspace)
{
    return pd_dataspace_seal(ENV_SLOT_PD_SESSION, dataspace);
}

enum status dataspace_size(uint32_t dataspace, uint64_t *size)
{
    struct pd_dataspace_info info;
    enum status status = pd_dataspace_info(ENV_SLOT_PD_SESSION, dataspace, &info);

    if (status == OK)
        *size = info.size;
    return status;
}

enum status memory_attach_at(uint32_t dataspace, uint64_t offset, uint64_t size, uint64_t address,
                             unsigned rights, void **out)
{
    struct pd_attach in = {.offset = offset, .size = size, .address = address, .rights = rights};
    uint64_t got;
    enum status status = pd_attach(ENV_SLOT_PD_SESSION, dataspace, &in, &got);

    if (status == OK)
        *out = (void *)got;
    return status;
}

enum status memory_attach(uint32_t dataspace, unsigned rights, void **address)
{
    return memory_attach_at(dataspace, 0, 0, PD_ANYWHERE, rights, address);
}

void memory_detach(void *address)
{
    BUG_IF(pd_detach(ENV_SLOT_PD_SESSION, (uint64_t)address) != OK);
}

enum status memory_alloc(uint64_t size, struct memory *out)
{
    uint32_t dataspace;
    void *address;
    enum status status = dataspace_alloc(size, 0, &dataspace);

    if (status != OK)
        return status;
    status = memory_attach(dataspace, PD_READ | PD_WRITE, &address);
    if (status != OK) {
        dataspace_free(dataspace);
        return status;
    }
    *out = (struct memory){dataspace, address, page_round_up(size)};
    return OK;
}

void memory_free(struct memory *memory)
{
    memory_detach(memory->address);
    dataspace_free(memory->dataspace);
    *memory = (struct memory){0};
}
