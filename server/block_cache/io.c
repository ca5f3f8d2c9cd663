/* SPDX-License-Identifier: MIT */
/* I/O below: records with a request, its pieces and the frames that they are. */
#include "server/block_cache/private.h"

static void done(struct block_request *request)
{
    struct cache_io *io = (struct cache_io *)request;
    struct cache *cache = io->cache;

    if (request->operation == BLOCK_READ)
        read_done(cache, io);
    else
        write_done(cache, io);
    if (io->scratch != CACHE_NONE)
        cache->scratch_free |= 1u << io->scratch;
    io->next = cache->io_free;
    cache->io_free = io;
    cache->io_free_count++;
    cache->released = true;
    cache_work(cache);
}

/* Reads leave some for the write-backs that make room for them, and the other way round. */
struct cache_io *io_take(struct cache *cache, enum block_operation operation, bool background)
{
    struct cache_io *io = cache->io_free;
    uint32_t kept = operation != BLOCK_READ ? 0 : background ? CACHE_IOS / 4 : CACHE_IOS_KEPT;

    if (cache->io_free_count <= kept)
        return NULL;
    if (operation == BLOCK_WRITE && cache->io_writing >= CACHE_IOS_WRITES)
        return NULL;
    cache->io_free = io->next;
    cache->io_free_count--;
    if (operation == BLOCK_WRITE)
        cache->io_writing++;
    io->request = (struct block_request){.operation = operation, .pieces = io->pieces, .done = done};
    io->owner_opt = NULL;
    io->count = 0;
    io->scratch = CACHE_NONE;
    return io;
}

/* One piece where frames are neighbours. */
void io_add(struct cache *cache, struct cache_io *io, uint32_t frame, unsigned from, unsigned to)
{
    struct block_client_piece piece = frame_piece(cache, frame, from, to);
    struct block_client_piece *last = &io->pieces[io->request.piece_count - (io->request.piece_count != 0)];

    io->frames[io->count++] = frame;
    io->request.length += piece.length;
    if (io->request.piece_count && last->region == piece.region &&
        last->offset + last->length == piece.offset)
        last->length += piece.length;
    else
        io->pieces[io->request.piece_count++] = piece;
}

void io_submit(struct cache *cache, struct cache_io *io, uint64_t first_sector)
{
    io->request.offset = first_sector * CACHE_SECTOR_SIZE;
    block_client_submit(cache->client, &io->request);
}
