/* SPDX-License-Identifier: MIT */
/*
 * The block device (VIRTIO 1.2, section 5.2), for its driver and for its model.
 *
 * A request is one chain: struct virtio_blk_req, the data (read by the device for OUT, DISCARD, WRITE_ZEROES,
 * written by it for IN and GET_ID), and one byte of status, which the device writes. Sectors are 512 bytes,
 * whatever blk_size is.
 */
#ifndef LIB_VIRTIO_BLK_H
#define LIB_VIRTIO_BLK_H

#include "lib/virtio/virtio.h"

#include <stddef.h>
#include <stdint.h>

#define VIRTIO_BLK_SECTOR      512u
#define VIRTIO_BLK_SECTOR_BITS 9u

/* Feature bits (5.2.3). */
#define VIRTIO_BLK_F_SIZE_MAX     (1ull << 1)
#define VIRTIO_BLK_F_SEG_MAX      (1ull << 2)
#define VIRTIO_BLK_F_GEOMETRY     (1ull << 4)
#define VIRTIO_BLK_F_RO           (1ull << 5)
#define VIRTIO_BLK_F_BLK_SIZE     (1ull << 6)
#define VIRTIO_BLK_F_FLUSH        (1ull << 9) /* without it every write is durable when it is done */
#define VIRTIO_BLK_F_TOPOLOGY     (1ull << 10)
#define VIRTIO_BLK_F_CONFIG_WCE   (1ull << 11)
#define VIRTIO_BLK_F_MQ           (1ull << 12)
#define VIRTIO_BLK_F_DISCARD      (1ull << 13)
#define VIRTIO_BLK_F_WRITE_ZEROES (1ull << 14)
#define VIRTIO_BLK_F_LIFETIME     (1ull << 15)
#define VIRTIO_BLK_F_SECURE_ERASE (1ull << 16)

/* Device configuration (5.2.4). Fields are valid with their features, the first one always. */
struct virtio_blk_config {
    uint64_t capacity; /* sectors */
    uint32_t size_max; /* SIZE_MAX: bytes of a piece */
    uint32_t seg_max;  /* SEG_MAX: pieces of data of a request */
    struct {           /* GEOMETRY */
        uint16_t cylinders;
        uint8_t heads;
        uint8_t sectors;
    } geometry;
    uint32_t blk_size; /* BLK_SIZE: logical block, bytes */
    struct {           /* TOPOLOGY */
        uint8_t physical_block_exp;
        uint8_t alignment_offset;
        uint16_t min_io_size;
        uint32_t opt_io_size;
    } topology;
    uint8_t writeback; /* CONFIG_WCE */
    uint8_t unused0;
    uint16_t num_queues;               /* MQ */
    uint32_t max_discard_sectors;      /* DISCARD: of a segment */
    uint32_t max_discard_seg;          /* segments of a request */
    uint32_t discard_sector_alignment; /* sectors */
    uint32_t max_write_zeroes_sectors; /* WRITE_ZEROES */
    uint32_t max_write_zeroes_seg;
    uint8_t write_zeroes_may_unmap;
    uint8_t unused1[3];
    uint32_t max_secure_erase_sectors; /* SECURE_ERASE */
    uint32_t max_secure_erase_seg;
    uint32_t secure_erase_sector_alignment;
};

enum virtio_blk_type { /* (5.2.6) */
                       VIRTIO_BLK_T_IN = 0,
                       VIRTIO_BLK_T_OUT = 1,
                       VIRTIO_BLK_T_FLUSH = 4,
                       VIRTIO_BLK_T_GET_ID = 8,
                       VIRTIO_BLK_T_GET_LIFETIME = 10,
                       VIRTIO_BLK_T_DISCARD = 11,
                       VIRTIO_BLK_T_WRITE_ZEROES = 13,
                       VIRTIO_BLK_T_SECURE_ERASE = 14,
};

#define VIRTIO_BLK_ID_BYTES 20u /* of GET_ID's answer; not terminated if full */

struct virtio_blk_req { /* what comes first */
    uint32_t type;      /* enum virtio_blk_type */
    uint32_t reserved;
    uint64_t sector; /* IN, OUT; else 0 */
};

struct virtio_blk_discard_write_zeroes { /* data of DISCARD and WRITE_ZEROES: an array of these */
    uint64_t sector;
    uint32_t num_sectors;
    uint32_t flags; /* VIRTIO_BLK_WRITE_ZEROES_UNMAP; the others are reserved: 0 */
};

#define VIRTIO_BLK_WRITE_ZEROES_UNMAP 1u

enum virtio_blk_status {
    VIRTIO_BLK_S_OK = 0,
    VIRTIO_BLK_S_IOERR = 1,
    VIRTIO_BLK_S_UNSUPP = 2,
};

_Static_assert(offsetof(struct virtio_blk_config, blk_size) == 20, "5.2.4");
_Static_assert(offsetof(struct virtio_blk_config, writeback) == 32, "5.2.4");
_Static_assert(offsetof(struct virtio_blk_config, max_discard_sectors) == 36, "5.2.4");
_Static_assert(offsetof(struct virtio_blk_config, write_zeroes_may_unmap) == 56, "5.2.4");
_Static_assert(sizeof(struct virtio_blk_config) == 72, "5.2.4");
_Static_assert(sizeof(struct virtio_blk_req) == 16, "5.2.6");
_Static_assert(sizeof(struct virtio_blk_discard_write_zeroes) == 16, "5.2.6");

#endif
