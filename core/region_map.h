/* SPDX-License-Identifier: MIT */
/*
 * Region maps: which part of which dataspace is where.
 *
 * The region map of a PD or of a guest space is a root: what is attached to it is mapped there. Any other region map is
 * a dataspace (`self`) that can be attached like one, in several places at once, also inside a third map; then its
 * attachments show through wherever it is attached, cut to the part that is attached, with the rights that all of the
 * way allows.
 *
 * Attachments are in a list, and in a tree by address whose weights tell how much room is behind each: finding one and
 * finding room takes a time that hardly grows with their number.
 *
 * Invariants: (1) the attachments of a map are in ascending order, do not overlap and lie inside [start, end);
 * (2) what a space maps is exactly what the walk from its root yields, plus scratch pages where a dataspace died;
 * (3) no map shows itself: nesting is at most REGION_MAP_DEPTH;
 * (4) a non-root is attached at most REGION_MAP_USES times, so that one change cannot keep core busy for long.
 */
#ifndef CORE_REGION_MAP_H
#define CORE_REGION_MAP_H

#include "core/dataspace.h"
#include "core/space.h"
#include "core/tree.h"

#define REGION_MAP_DEPTH 3u /* a root, a map in it, and a map in that */
#define REGION_MAP_USES \
    64u /* of one map that is attached as a dataspace: a change visits USES ^ (DEPTH - 1) places */

enum attach_right {
    ATTACH_WRITE = 1u << 0,
    ATTACH_EXECUTE = 1u << 1,
};

struct attachment {
    struct tree_node
        node; /* key: address; weight: the room behind it where something may be placed automatically */
    struct region_map *map;
    struct attachment *next, *previous;          /* in the map, by address */
    struct dataspace *dataspace_opt;             /* NULL: it died, scratch pages are in its place */
    struct attachment *next_use, **previous_use; /* of the dataspace */
    uint64_t offset, size;
    uint16_t rights; /* enum attach_right */
    bool pinned;     /* core's own: message areas; a client cannot detach it */
};

static inline uint64_t attachment_address(const struct attachment *at)
{
    return at->node.key;
}

struct region_map {
    struct dataspace self;  /* for non-roots */
    struct attachment edge; /* of size 0: where the list begins, and the room before the first one */
    struct tree tree;
    struct space *space_opt; /* roots only */
    uint64_t start, end;     /* valid addresses; 0 and size for non-roots */
    uint64_t automatic;      /* where a search for room begins */
    bool guest;              /* what is writable may be executable too */
};

/* A request to attach. */
struct attach {
    struct dataspace *dataspace;
    uint64_t offset;
    uint64_t size;    /* 0: from the offset to the end */
    uint64_t address; /* used if `fixed` */
    bool fixed;
    bool pinned;
    unsigned rights;
};

/* `self` of a non-root is filled in with this size; a root has 0. */
void region_map_init(struct region_map *map, struct account *account, struct space *space_opt, uint64_t start,
                     uint64_t end, uint64_t automatic);

/*
 * ERR_INVALID: not page-aligned, writable and executable at once, or a cycle. ERR_RANGE: outside the dataspace or the
 * map. ERR_DENIED: the dataspace does not allow the rights. ERR_EXISTS: overlaps (fixed), ERR_NOT_FOUND: no room.
 * ERR_OVERFLOW: the map is attached too often.
 */
[[nodiscard]] enum status region_map_attach(struct region_map *map, const struct attach *attach,
                                            uint64_t *address);

/* Keeps addresses free for ever: nothing is there, and nothing can be attached. For an empty part of a map. */
[[nodiscard]] enum status region_map_reserve(struct region_map *map, uint64_t address, uint64_t size);

/* The attachment that begins at `address`, if it is not core's own; or NULL. */
const struct attachment *region_map_find(struct region_map *map, uint64_t address);

/* Removes the attachment that begins at `address`. ERR_NOT_FOUND; ERR_DENIED if it is core's own. */
[[nodiscard]] enum status region_map_detach(struct region_map *map, uint64_t address);

/* Removes one of core's own, e.g. a thread's message area. */
void region_map_unpin(struct region_map *map, uint64_t address);

/* Removes the attachments in [address, address + size). ERR_INVALID, and nothing changed, if one is only partly in. */
[[nodiscard]] enum status region_map_detach_range(struct region_map *map, uint64_t address, uint64_t size);

/* Changes the rights of one attachment. */
[[nodiscard]] enum status region_map_protect(struct region_map *map, uint64_t address, unsigned rights);

/* Removes attachments, and takes a non-root out of where it is attached, for good. ERR_AGAIN: not yet all. The map's
   own notes stay the caller's. */
[[nodiscard]] enum status region_map_clear(struct region_map *map);

/* Puts scratch pages where the dataspace is mapped and cuts the ties. ERR_AGAIN: not yet everywhere. */
[[nodiscard]] enum status attachments_orphan(struct dataspace *dataspace);

/* Where an address leads: a byte of a plain dataspace, or (dataspace_opt == NULL) a hole in `map`. */
struct place {
    struct region_map *map;
    struct dataspace *dataspace_opt;
    uint64_t offset; /* in the dataspace, or in the map */
    unsigned rights;
};

void region_map_lookup(struct region_map *map, uint64_t address, struct place *out);

#endif
