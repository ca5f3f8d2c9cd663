/* SPDX-License-Identifier: MIT */
/*
 * From a chain to a request (VIRTIO 1.2, 5.2.6). How a driver cuts a request into pieces is its own affair (2.7.4.1): the
 * first 16 readable bytes are the header, the last writable one is the status, data is what lies between.
 */
#include "vmm/device/virtio_blk/virtio_blk.h"

#include "lib/range/range.h"
#include "lib/string/string.h"

/* Goes through the bytes of a series of pieces. */
struct cursor {
    const struct virtqueue_piece *piece;
    unsigned pieces; /* left, with this one */
    uint32_t offset; /* in this one */
};

/* The next part of at most `wanted` bytes; false: there is none. */
static bool cursor_next(struct cursor *cursor, uint64_t wanted, struct virtio_blk_piece *out)
{
    if (!cursor->pieces || !wanted)
        return false;
    uint32_t left = cursor->piece->length - cursor->offset;
    *out = (struct virtio_blk_piece){(uint8_t *)cursor->piece->pointer + cursor->offset,
                                     wanted < left ? (uint32_t)wanted : left};
    cursor->offset += out->length;
    if (cursor->offset == cursor->piece->length) {
        cursor->offset = 0;
        cursor->piece++;
        cursor->pieces--;
    }
    return true;
}

/* Once, out of guest RAM. */
static void cursor_copy(struct cursor *cursor, void *out, uint64_t length)
{
    struct virtio_blk_piece part;

    for (uint64_t done = 0; cursor_next(cursor, length - done, &part); done += part.length)
        memcpy((uint8_t *)out + done, part.pointer, part.length);
}

/* ERR_OVERFLOW: more pieces than the driver was told that there may be. */
static enum status take_data(struct cursor *cursor, uint64_t length, struct virtio_blk_request *request)
{
    struct virtio_blk_piece part;

    if (!cursor->offset && cursor->piece->length == length) { /* one piece, as it is */
        request->pieces[request->piece_count++] =
            (struct virtio_blk_piece){cursor->piece->pointer, (uint32_t)length};
        return OK;
    }
    for (uint64_t left = length; cursor_next(cursor, left, &part); left -= part.length) {
        if (request->piece_count == VIRTIO_BLK_PIECES_MAX)
            return ERR_OVERFLOW;
        request->pieces[request->piece_count++] = part;
    }
    return OK;
}

static bool transfer(const struct virtio_blk *blk, const struct virtio_blk_req *header, uint64_t length,
                     struct cursor *data, struct virtio_blk_request *request)
{
    request->length = length;
    if (!length || length % VIRTIO_BLK_SECTOR ||
        !range_ok(header->sector, length / VIRTIO_BLK_SECTOR, blk->limits.size / VIRTIO_BLK_SECTOR))
        return false;
    request->offset = header->sector * VIRTIO_BLK_SECTOR;
    return take_data(data, length, request) == OK;
}

/* DISCARD and WRITE_ZEROES of one range, as the configuration says. */
static enum virtio_blk_status range(const struct virtio_blk *blk, uint64_t length, uint64_t max,
                                    uint32_t flags, struct cursor *data, struct virtio_blk_request *request)
{
    struct virtio_blk_discard_write_zeroes range = {0};

    if (length != sizeof(range))
        return VIRTIO_BLK_S_IOERR;
    cursor_copy(data, &range, sizeof(range));
    if (range.flags & ~flags)
        return VIRTIO_BLK_S_UNSUPP;
    request->length = (uint64_t)range.num_sectors * VIRTIO_BLK_SECTOR;
    if (!request->length || request->length > max ||
        !range_ok(range.sector, range.num_sectors, blk->limits.size / VIRTIO_BLK_SECTOR))
        return VIRTIO_BLK_S_IOERR;
    request->offset = range.sector * VIRTIO_BLK_SECTOR;
    return VIRTIO_BLK_S_OK;
}

/* At most VIRTIO_BLK_ID_BYTES of the name, the rest 0. */
static void identify(const struct virtio_blk *blk, struct cursor *data, uint64_t length,
                     struct virtio_blk_request *request)
{
    char id[VIRTIO_BLK_ID_BYTES] = {0};
    struct virtio_blk_piece part;
    uint64_t done = 0;

    memcpy(id, blk->with.name, strnlen(blk->with.name, sizeof(id)));
    if (length > sizeof(id))
        length = sizeof(id);
    for (; cursor_next(data, length - done, &part); done += part.length)
        memcpy(part.pointer, id + done, part.length);
    request->written = (uint32_t)done;
}

static bool writes(uint32_t type)
{
    return type == VIRTIO_BLK_T_OUT || type == VIRTIO_BLK_T_DISCARD || type == VIRTIO_BLK_T_WRITE_ZEROES;
}

/* `in` and `out`: behind the header, and from the first writable byte on. */
static enum virtio_blk_status decode(const struct virtio_blk *blk, const struct virtio_blk_req *header,
                                     struct cursor *out, uint64_t out_length, struct cursor *in,
                                     uint64_t in_length, struct virtio_blk_request *request)
{
    bool write_through = !(virtio_pci_features(&blk->virtio) & VIRTIO_BLK_F_FLUSH);

    request->durable =
        write_through && (header->type == VIRTIO_BLK_T_OUT || header->type == VIRTIO_BLK_T_WRITE_ZEROES);
    if (writes(header->type) && (blk->limits.read_only || blk->virtio.features & VIRTIO_BLK_F_RO))
        return VIRTIO_BLK_S_IOERR;
    switch (header->type) {
    case VIRTIO_BLK_T_IN:
        if (!transfer(blk, header, in_length, in, request))
            return VIRTIO_BLK_S_IOERR;
        request->written = (uint32_t)in_length;
        return VIRTIO_BLK_S_OK;
    case VIRTIO_BLK_T_OUT:
        return transfer(blk, header, out_length, out, request) ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR;
    case VIRTIO_BLK_T_FLUSH: return VIRTIO_BLK_S_OK;
    case VIRTIO_BLK_T_GET_ID: identify(blk, in, in_length, request); return VIRTIO_BLK_S_OK;
    case VIRTIO_BLK_T_DISCARD:
        if (!blk->limits.discard_max)
            return VIRTIO_BLK_S_UNSUPP;
        return range(blk, out_length, blk->limits.discard_max, 0, out, request);
    case VIRTIO_BLK_T_WRITE_ZEROES:
        if (!blk->limits.write_zeroes_max)
            return VIRTIO_BLK_S_UNSUPP;
        return range(blk, out_length, blk->limits.write_zeroes_max, VIRTIO_BLK_WRITE_ZEROES_UNMAP, out,
                     request);
    default: return VIRTIO_BLK_S_UNSUPP;
    }
}

enum status virtio_blk_parse(const struct virtio_blk *blk, const struct virtqueue_piece *pieces,
                             const struct virtqueue_chain *chain, struct virtio_blk_request *request,
                             bool *complete, const char **reason)
{
    struct cursor out = {pieces, chain->readable, 0}, in = {pieces + chain->readable, chain->writable, 0};
    struct virtio_blk_req header = {0};

    if (chain->readable_bytes < sizeof(header)) {
        *reason = "request without a whole header";
        return ERR_INVALID;
    }
    if (!chain->writable) {
        *reason = "request without a place for its status";
        return ERR_INVALID;
    }
    const struct virtqueue_piece *last = &pieces[chain->readable + chain->writable - 1];

    if (pieces->length == sizeof(header)) { /* as nearly all drivers do it */
        __builtin_memcpy(&header, pieces->pointer, sizeof(header));
        out.piece++;
        out.pieces--;
    } else {
        cursor_copy(&out, &header, sizeof(header));
    }
    request->type = header.type;
    request->head = chain->head;
    request->status = (uint8_t *)last->pointer + last->length - 1;
    request->offset = request->length = 0;
    request->piece_count = 0;
    request->written = 0;
    request->result = decode(blk, &header, &out, chain->readable_bytes - sizeof(header), &in,
                             chain->writable_bytes - 1, request);
    *complete = request->result != VIRTIO_BLK_S_OK || header.type == VIRTIO_BLK_T_GET_ID;
    return OK;
}
