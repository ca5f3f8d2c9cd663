/* SPDX-License-Identifier: MIT */
/*
 * The block cache without its surroundings: jobs in (lib/block/server.h), requests out (lib/block/client.h).
 *
 * A *frame* is 4 KiB of memory; with a key it holds that block of the device, of which only some sectors may be valid. So a write of a
 * few sectors reads nothing first, and a sector is written back only if a client wrote it. Which frame holds what, and which
 * goes next, is lib/cache_policy's.
 *
 *              client's write            write-back           FLUSH below
 *      CLEAN ----------------> DIRTY ----------> WRITING ----------> UNFLUSHED ---> COVERED ----------> CLEAN
 *                                ^                  |fails               |  FLUSH begins    |
 *                                |                  v                    |                  | loss, FLUSH fails
 *                                '---- FLUSH ---- FAILED                 '---- loss ----> DIRTY, UNFLUSHED
 *
 * Why UNFLUSHED. What has been written below and not been flushed may be lost when the server below dies: then it must be written
 * again. The client library can keep such writes (options.retain), but would write them from our frames at a time that we do
 * not know, while a client changes them: a torn sector of what was never torn. So the cache keeps them itself: a frame's
 * sectors in `unflushed` are dirty again after a loss. That is right with whatever they hold by then:
 *
 *   R1  A write that was completed to a client and is not durable lies in `dirty`, `writing` or `unflushed` sectors of
 *       a frame, which hold it or what was written over it later.
 *   R2  Sectors in `writing` do not change. (A write to a frame that has any waits.) So no write in flight is torn by us, nor is one
 *       that the client library submits again after a death.
 *   R3  `unflushed` becomes 0 only by a FLUSH below that was submitted after the write below had completed, by FUA, or by
 *       DISCARD. A frame with any of the three is never evicted.
 *
 * Hence a loss below is no loss to our clients: our verifier changes by our own death only.
 *
 * FLUSH: everything that is dirty when it comes is written (later writes to these blocks need not be: each frame has the epoch in
 * which it became dirty), then FLUSH below, then it completes. A write-back that fails leaves the frame FAILED: still dirty, written
 * again by each FLUSH, which fails until that has succeeded. FUA goes through to the device at once.
 *
 * Waiting without deadlock. A read holds (*pins*) the frames of its window only, all of whose reads are under way. A job that finds
 * no frame, I/O or scratch block waits in `stalled` and pins nothing, or has reads under way. A write waits in `throttled`
 * while too many frames are not clean; enough frames for reading always stay. I/Os, scratch blocks and jobs are made at the start.
 *
 * Invariants, checked by cache_check():
 *   I1  a frame is in its chunk's free list, or holds a key, or its chunk is absent
 *   I2  dirty, writing, unflushed are valid; no sector is dirty and writing
 *   I3  the list of a frame follows from its sectors: WRITING if any is in writing; else FAILED or DIRTY if any is dirty; else UNFLUSHED or COVERED if
 *       any is unflushed; else CLEAN, which is no list. Lengths are right, `unclean` is their sum
 *   I4  COVERED is empty unless a FLUSH is below
 *   I5  while a FLUSH writes, `flush.left` is the number of frames in DIRTY and WRITING of an epoch before its own, and these come first in DIRTY
 *   I6  jobs wait only for frames that are being read or written
 *   I7  pins of frames are those of the reads' windows
 *   I8  with no I/O and no FLUSH under way, no job waits at all
 */
#ifndef SERVER_BLOCK_CACHE_CACHE_H
#define SERVER_BLOCK_CACHE_CACHE_H

#include "lib/block/client.h"
#include "lib/block/server.h"
#include "lib/cache_policy/cache_policy.h"

#define CACHE_BLOCK_SIZE  4096u
#define CACHE_SECTOR_SIZE 512u
#define CACHE_SECTORS     8u  /* of a block */
#define CACHE_CHUNKS_MAX  14u /* of the client's regions, two are for others */
#define CACHE_RUN         32u /* blocks of one I/O */
#ifndef CACHE_IOS             /* a test lives with few */
#define CACHE_IOS 64u
#endif
#define CACHE_IOS_WRITES   (CACHE_IOS / 2) /* of these for writing back; the others are for who waits */
#define CACHE_IOS_KEPT     4u              /* not for reads */
#define CACHE_JOBS         128u
#define CACHE_SCRATCH      8u
#define CACHE_WINDOW       64u /* blocks that a read holds */
#define CACHE_STREAMS      8u
#define CACHE_TRANSFER_MAX (1u << 20)
#define CACHE_PIECES_MAX   64u

enum cache_list {
    CACHE_CLEAN,
    CACHE_DIRTY,
    CACHE_WRITING,
    CACHE_FAILED,
    CACHE_UNFLUSHED,
    CACHE_COVERED,
    CACHE_LISTS
};

enum cache_frame_flag {
    CACHE_READING = 1u << 0,   /* from below, into the frame or a scratch block */
    CACHE_AHEAD = 1u << 1,     /* read ahead, and not used yet */
    CACHE_TRANSIENT = 1u << 2, /* leaves as soon as it can: bypass */
    CACHE_WRITE_FAILED = 1u << 3,
};

struct cache_job;

struct cache_frame {
    uint8_t valid, dirty, writing, unflushed; /* a bit a sector */
    uint8_t flags, list;
    uint16_t pins;
    uint32_t newer, older; /* in its list; `newer` also links free ones */
    uint64_t epoch;        /* in which it became dirty */
    struct cache_job *waiting_opt;
};

struct cache_frames {
    uint32_t newest, oldest, length;
};

enum cache_chunk_state { CACHE_ABSENT, CACHE_PRESENT, CACHE_DRAINING };

/* Frames whose memory comes and goes together. */
struct cache_chunk {
    enum cache_chunk_state state;
    uint8_t *address;
    uint32_t region; /* of the client */
    uint32_t used;   /* frames that hold a key */
    uint32_t free;   /* first one */
};

struct cache_io {
    struct block_request request; /* first */
    struct cache *cache;
    struct cache_io *next;
    struct cache_job *owner_opt; /* gets the status */
    uint32_t frames[CACHE_RUN], count;
    uint32_t scratch; /* number, or CACHE_NONE */
    struct block_client_piece pieces[CACHE_RUN];
};

struct cache_job {
    struct block_job *job; /* NULL: free */
    struct cache_job *next;
    uint64_t first; /* block */
    uint32_t blocks;
    uint32_t issued; /* READ: before this one are pinned, or copied; WRITE: copied */
    uint32_t copied; /* READ: to the client */
    uint32_t piece, piece_offset;
    uint32_t outstanding; /* writes that it waits for */
    enum status status;
    bool transient, through;
    struct cache_job *discard_next;
    struct block_request request; /* DISCARD */
};

struct cache_jobs {
    struct cache_job *first, *last;
};

struct cache_stream {
    uint64_t next;  /* byte at which it goes on */
    uint64_t ahead; /* block up to which it has been read ahead */
    uint32_t requests;
};

enum cache_flush_state { CACHE_FLUSH_IDLE, CACHE_FLUSH_WRITING, CACHE_FLUSH_BELOW };

struct cache_flush {
    enum cache_flush_state state;
    uint64_t epoch;
    uint32_t left;
    bool failed;
    bool again;    /* a loss came since it went below: it covers nothing */
    bool wanted;   /* by the cache itself */
    bool hopeless; /* the last one left FAILED frames */
    bool refused;  /* the last one below failed: by itself, the cache tries again at the next tick */
    struct cache_job *job_opt;  /* whom to answer */
    struct cache_job *next_opt; /* comes after this one */
    struct block_request request;
};

struct cache_statistics {
    uint64_t hits, misses;                     /* blocks that READs looked up */
    uint64_t reads, writes, flushes, discards; /* jobs */
    uint64_t written, read;                    /* blocks, below */
    uint64_t evictions;
    uint64_t ahead, ahead_used, ahead_lost;
    uint64_t bypassed; /* blocks */
    uint64_t read_errors, write_errors, flush_errors;
    uint64_t losses, written_again; /* below: how often, and how many frames became dirty by that */
    uint64_t stalls, throttles;
    uint64_t dropped; /* dirty blocks beyond the end of a device that shrank */
};

struct cache_settings {
    const struct cache_policy_ops *policy;
    uint32_t frames_max;    /* a multiple of chunk_frames */
    unsigned chunk_shift;   /* frames of a chunk: 1 << chunk_shift */
    unsigned dirty_percent; /* of the frames that may be unclean */
    uint32_t read_ahead;    /* bytes; 0: none */
    uint32_t bypass;        /* bytes of a request; 0: never */
    bool write_through;
};

struct cache {
    struct cache_settings settings;
    struct block_client *client;
    struct cache_policy policy;
    struct cache_frame *frames;
    struct cache_chunk chunks[CACHE_CHUNKS_MAX];
    uint8_t *scratch; /* CACHE_SCRATCH blocks */
    uint32_t scratch_region;
    uint32_t scratch_free; /* bits */
    uint64_t size;         /* of the device, bytes */
    uint32_t frame_count;  /* in chunks that are present */
    uint32_t free_count;   /* of these */
    uint32_t unclean, unclean_limit;
    uint32_t draining; /* chunks */
    uint64_t epoch;
    uint64_t last_key; /* looked up by the last job */

    struct cache_frames lists[CACHE_LISTS];
    struct cache_jobs stalled, throttled, ready;
    struct cache_job *discards; /* under way */
    struct cache_flush flush;
    struct cache_io *io_free;
    uint32_t io_free_count, io_writing;
    struct cache_job *job_free;
    struct cache_stream streams[CACHE_STREAMS];
    unsigned stream_next;
    bool released; /* something that `stalled` may wait for */
    unsigned
        pressure; /* so many series are to be written back, since victims were refused for being unclean */
    struct cache_job *tried_opt; /* the one that is tried again now */
    struct cache_jobs *tried_from;
    bool working;
    struct cache_statistics statistics;

    /* Told to the surroundings; may be NULL. A chunk that was draining holds nothing any more. */
    void (*drained)(struct cache *cache, uint32_t chunk);
    void (*job_done)(struct cache *cache); /* outside of cache_submit() as well as inside */
    void (*write_failed)(struct cache *cache, uint64_t block, enum status status);
    void *context;

    struct cache_io ios[CACHE_IOS];
    struct cache_job jobs[CACHE_JOBS];
};

/* ---- for the surroundings ---- */

/* Bytes of memory that cache_init() needs. */
size_t cache_memory(const struct cache_settings *settings);

/* No chunk is present yet. `memory` aligned to 16; `scratch`: CACHE_SCRATCH blocks in region `scratch_region` of the client. */
void cache_init(struct cache *cache, const struct cache_settings *settings, struct block_client *client,
                void *memory, void *scratch, uint32_t scratch_region);

/* Something is under way below. */
static inline bool cache_is_busy(const struct cache *cache)
{
    return cache->io_free_count < CACHE_IOS || cache->flush.state != CACHE_FLUSH_IDLE || cache->discards;
}

/* Takes a job, as block_device_ops.submit does. ERR_AGAIN: too many. */
[[nodiscard]] enum status cache_submit(struct cache *cache, struct block_job *job);

/* The client's `changed`: another size, or a loss. */
void cache_client_changed(struct cache *cache);

/* Now and then: writes back and flushes what is not durable. */
void cache_tick(struct cache *cache);

/* A chunk that is absent gets memory. */
void cache_chunk_add(struct cache *cache, uint32_t chunk, void *address, uint32_t region);
/* Gives it up, sooner or later; never the last one that is present. */
void cache_chunk_drain(struct cache *cache, uint32_t chunk);
/* Stays, if it is still draining. */
void cache_chunk_keep(struct cache *cache, uint32_t chunk);

/* The invariants. `why_opt`: the first that does not hold. */
bool cache_check(const struct cache *cache, const char **why_opt);

#endif
