/* SPDX-License-Identifier: MIT */
/*
 * See data.h. A page list is tried first: its first entry may begin anywhere in a page and its last one end anywhere; between
 * them pages are whole.
 */
#include "driver/block/nvme/data.h"

#include "lib/device/device.h"

struct prp {
    uint64_t *list;
    uint64_t first, second; /* entries 1 and 2 */
    uint32_t count;
    bool ends_in_page; /* what was added last does not end with a page: nothing may follow */
};

static bool prp_add(struct prp *prp, uint64_t address)
{
    if (prp->count == 0)
        prp->first = address;
    else if (prp->count <= NVME_PRP_LIST_ENTRIES)
        prp->list[prp->count - 1] = address;
    else
        return false;
    if (prp->count == 1)
        prp->second = address;
    prp->count++;
    return true;
}

/* Bytes [offset, offset + length) of a mapping. */
static bool prp_add_piece(struct prp *prp, const struct block_piece *piece)
{
    const struct device_mapping *mapping = piece->region->mapping_opt;
    uint64_t offset = piece->offset, left = piece->length, contiguous;

    while (left > 0) {
        uint64_t address = device_dma_address(mapping, offset, &contiguous);

        if (contiguous > left)
            contiguous = left;
        /* Page by page. */
        for (uint64_t end = address + contiguous; address < end;) {
            uint64_t step = NVME_PAGE - (address & (NVME_PAGE - 1));

            if (step > end - address)
                step = end - address;
            if (prp->count > 0 && (prp->ends_in_page || (address & (NVME_PAGE - 1))))
                return false;
            if (!prp_add(prp, address))
                return false;
            address += step;
            prp->ends_in_page = address & (NVME_PAGE - 1);
        }
        offset += contiguous;
        left -= contiguous;
    }
    return true;
}

static bool prp_fill(const struct block_job *job, struct nvme_memory list, struct nvme_command *command)
{
    struct prp prp = {.list = list.address};

    for (unsigned i = 0; i < job->piece_count; i++)
        if (!prp_add_piece(&prp, &job->pieces[i]))
            return false;
    command->dptr[0] = prp.first;
    command->dptr[1] = prp.count == 2 ? prp.second : prp.count > 2 ? list.bus : 0;
    return true;
}

static bool sgl_add_piece(struct nvme_sgl *list, uint32_t *count, const struct block_piece *piece)
{
    const struct device_mapping *mapping = piece->region->mapping_opt;
    uint64_t offset = piece->offset, left = piece->length, contiguous;

    while (left > 0) {
        uint64_t address = device_dma_address(mapping, offset, &contiguous);

        if (contiguous > left)
            contiguous = left;
        if (*count == NVME_SGL_ENTRIES)
            return false;
        list[(*count)++] =
            (struct nvme_sgl){.address = address, .length = (uint32_t)contiguous, .kind = NVME_SGL_DATA};
        offset += contiguous;
        left -= contiguous;
    }
    return true;
}

static bool sgl_fill(const struct block_job *job, struct nvme_memory list, struct nvme_command *command)
{
    struct nvme_sgl segment = {.address = list.bus, .kind = NVME_SGL_LAST_SEGMENT};
    uint32_t count = 0;

    for (unsigned i = 0; i < job->piece_count; i++)
        if (!sgl_add_piece(list.address, &count, &job->pieces[i]))
            return false;
    segment.length = count * (uint32_t)sizeof(struct nvme_sgl);
    command->cdw0 |= NVME_PSDT_SGL;
    command->dptr[0] = segment.address;
    command->dptr[1] = segment.length | (uint64_t)segment.kind << 56;
    return true;
}

enum status nvme_data(const struct block_job *job, struct nvme_memory list, bool sgl,
                      struct nvme_command *command)
{
    if (prp_fill(job, list, command) || (sgl && sgl_fill(job, list, command)))
        return OK;
    return ERR_UNSUPPORTED;
}
