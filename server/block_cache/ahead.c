/* SPDX-License-Identifier: MIT */
/*
 * Reading ahead: a request that begins where an earlier one ended goes on a stream. What is read ahead has no owner; it takes frames and I/Os
 * only while there are plenty.
 */
#include "server/block_cache/private.h"

static struct cache_stream *stream_of(struct cache *cache, uint64_t offset)
{
    for (unsigned i = 0; i < CACHE_STREAMS; i++)
        if (cache->streams[i].next == offset)
            return &cache->streams[i];

    struct cache_stream *stream = &cache->streams[cache->stream_next++ % CACHE_STREAMS];

    *stream = (struct cache_stream){0};
    return stream;
}

static void fetch_ahead(struct cache *cache, uint64_t first, uint64_t end, bool transient)
{
    struct series series = {.background = true};

    for (uint64_t block = first; block < end; block++) {
        uint32_t frame;

        if (discard_covers(cache, block) || cache->io_free_count <= CACHE_IOS / 4)
            break;
        frame = frame_get_ahead(cache, block, transient);
        if (frame == CACHE_NONE)
            continue;
        if (!series_add(cache, &series, block, frame)) {
            cache->frames[frame].flags = 0;
            frame_put_back(cache, frame);
            break;
        }
        cache->statistics.ahead++;
    }
    series_end(cache, &series);
}

/* Whenever half of what was read ahead is used. */
static void go_ahead(struct cache *cache, const struct block_job *job, struct cache_stream *stream)
{
    uint64_t blocks = cache->settings.read_ahead / CACHE_BLOCK_SIZE;
    uint64_t last = (cache->size + CACHE_BLOCK_SIZE - 1) / CACHE_BLOCK_SIZE;
    uint64_t from = (stream->next + CACHE_BLOCK_SIZE - 1) / CACHE_BLOCK_SIZE;
    uint64_t to = from + blocks < last ? from + blocks : last;

    if (stream->ahead > from)
        from = stream->ahead;
    if (from >= to || (to < last && to - from < blocks / 2))
        return;
    fetch_ahead(cache, from, to, cache->settings.bypass && job->length >= cache->settings.bypass);
    stream->ahead = to;
}

/* From the second request of a sequence on. */
void read_ahead(struct cache *cache, const struct block_job *job)
{
    if (!cache->settings.read_ahead)
        return;

    struct cache_stream *stream = stream_of(cache, job->offset);

    stream->next = job->offset + job->length;
    if (++stream->requests >= 2)
        go_ahead(cache, job, stream);
}
