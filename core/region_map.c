/* SPDX-License-Identifier: MIT */
/*
 * Region maps, see region_map.h: the list of attachments, and the two walks that carry a change into the spaces.
 *
 * spread() goes up from a map to every root where it shows; show() goes down from there to the frames. Both cut to the
 * part that is attached and keep only the rights that every step allows.
 */
#include "core/region_map.h"

#include "core/assert.h"
#include "lib/range/range.h"

static struct attachment *attachment_of(struct tree_node *node)
{
    return node ? (struct attachment *)((char *)node - offsetof(struct attachment, node)) : NULL;
}

static uint64_t end_of(const struct attachment *at)
{
    return attachment_address(at) + at->size;
}

/* The last attachment that begins at or before the address; the edge if there is none. */
static struct attachment *last_before(struct region_map *map, uint64_t address)
{
    struct attachment *at = attachment_of(tree_at_most(&map->tree, address));

    return at ? at : &map->edge;
}

/* The first attachment that ends behind the address, or NULL. */
static struct attachment *first_behind(struct region_map *map, uint64_t address)
{
    struct attachment *at = last_before(map, address);

    return at != &map->edge && end_of(at) > address ? at : at->next;
}

/* Attachments that one call takes away at most. */
#define CHANGES_MOST 64u

struct range {
    uint64_t start, end;
};

static struct range intersect(uint64_t start_a, uint64_t size_a, uint64_t start_b, uint64_t size_b)
{
    uint64_t end_a = start_a + size_a, end_b = start_b + size_b;

    return (struct range){start_a > start_b ? start_a : start_b, end_a < end_b ? end_a : end_b};
}

/* A part of a dataspace that is to be changed at one address of a map or space. */
struct part {
    struct dataspace *dataspace;
    uint64_t offset, size;
    unsigned rights;
};

static unsigned space_flags(const struct dataspace *dataspace, unsigned rights)
{
    return (rights & ATTACH_WRITE ? SPACE_WRITE : 0u) | (rights & ATTACH_EXECUTE ? SPACE_EXECUTE : 0u) |
           (dataspace->flags & DATASPACE_UNCACHED ? SPACE_UNCACHED : 0u) |
           (dataspace->flags & DATASPACE_WRITE_COMBINING ? SPACE_WRITE_COMBINING : 0u);
}

static enum status show_frames(unsigned operation, struct space *space, uint64_t virtual, struct part part)
{
    unsigned flags = space_flags(part.dataspace, part.rights);
    uint64_t extent_start = 0;

    for (struct extent *extent = part.dataspace->extents; extent; extent = extent->next) {
        uint64_t extent_size = extent->pages * FRAME_SIZE;
        struct range r = intersect(part.offset, part.size, extent_start, extent_size);

        if (r.start < r.end) {
            uint64_t physical =
                operation == SPACE_REPLACE_ONE ? space->scratch : extent->physical + (r.start - extent_start);
            enum status status = space_change(space, operation, flags, virtual + (r.start - part.offset),
                                              physical, (r.end - r.start) / FRAME_SIZE);
            if (status != OK)
                return status;
        }
        extent_start += extent_size;
    }
    return OK;
}

static enum status show(unsigned operation, struct space *space, uint64_t virtual, struct part part)
{
    if (operation == SPACE_UNMAP)
        return space_change(space, SPACE_UNMAP, 0, virtual, 0, part.size / FRAME_SIZE);
    if (!(part.dataspace->flags & DATASPACE_MAP))
        return show_frames(operation, space, virtual, part);

    struct region_map *map = (struct region_map *)part.dataspace;

    for (struct attachment *at = first_behind(map, part.offset);
         at && attachment_address(at) < part.offset + part.size; at = at->next) {
        struct range r = intersect(part.offset, part.size, attachment_address(at), at->size);

        if (!at->dataspace_opt)
            continue;
        struct part inner = {
            .dataspace = at->dataspace_opt,
            .offset = at->offset + (r.start - attachment_address(at)),
            .size = r.end - r.start,
            .rights = part.rights & at->rights,
        };
        enum status status = show(operation, space, virtual + (r.start - part.offset), inner);

        if (status != OK)
            return status;
    }
    return OK;
}

static enum status spread(unsigned operation, struct region_map *map, uint64_t address, struct part part)
{
    if (map->space_opt)
        return show(operation, map->space_opt, address, part);
    for (struct attachment *use = map->self.uses; use; use = use->next_use) {
        struct range r = intersect(address, part.size, use->offset, use->size);

        if (r.start >= r.end)
            continue;
        struct part seen = {
            .dataspace = part.dataspace,
            .offset = part.offset + (r.start - address),
            .size = r.end - r.start,
            .rights = part.rights & use->rights,
        };
        enum status status =
            spread(operation, use->map, attachment_address(use) + (r.start - use->offset), seen);

        if (status != OK)
            return status;
    }
    return OK;
}

/* Carries an attachment into all spaces and waits until the kernel has done it. */
static enum status apply(unsigned operation, const struct attachment *at)
{
    struct part part = {at->dataspace_opt, at->offset, at->size, at->rights};
    struct space *space_opt = at->map->space_opt;
    enum status status = space_opt ? show(operation, space_opt, attachment_address(at), part)
                                   : spread(operation, at->map, attachment_address(at), part);
    enum status committed = space_commit();

    return status != OK ? status : committed;
}

/* Number of maps on the longest way from this one up to a root, or down to frames; 0 for plain dataspaces. */
static unsigned height(const struct region_map *map)
{
    unsigned most = 0;

    for (const struct attachment *use = map->self.uses; use; use = use->next_use) {
        unsigned above = height(use->map);

        most = above > most ? above : most;
    }
    return most + 1;
}

static unsigned depth(const struct dataspace *dataspace)
{
    unsigned most = 0;

    if (!(dataspace->flags & DATASPACE_MAP))
        return 0;
    for (const struct attachment *at = ((const struct region_map *)dataspace)->edge.next; at; at = at->next) {
        unsigned below = at->dataspace_opt ? depth(at->dataspace_opt) : 0;

        most = below > most ? below : most;
    }
    return most + 1;
}

/* True if `map` shows in `inner`, or is it. */
static bool is_above(const struct region_map *map, const struct dataspace *inner)
{
    if (&map->self == inner)
        return true;
    for (const struct attachment *use = map->self.uses; use; use = use->next_use)
        if (is_above(use->map, inner))
            return true;
    return false;
}

static unsigned use_count(const struct dataspace *dataspace)
{
    unsigned count = 0;

    for (const struct attachment *use = dataspace->uses; use; use = use->next_use)
        count++;
    return count;
}

static enum status check_nesting(const struct region_map *map, const struct dataspace *dataspace)
{
    if (!(dataspace->flags & DATASPACE_MAP))
        return OK;
    if (((const struct region_map *)dataspace)->space_opt || is_above(map, dataspace))
        return ERR_INVALID;
    if (use_count(dataspace) >= REGION_MAP_USES)
        return ERR_OVERFLOW;
    /* A map that is not attached yet counts the root that it will need. */
    unsigned above = height(map) + (map->space_opt || map->self.uses ? 0 : 1);

    return above + depth(dataspace) > REGION_MAP_DEPTH ? ERR_INVALID : OK;
}

/* All checks that do not depend on the place. */
static enum status check(const struct region_map *map, const struct attach *attach, uint64_t size)
{
    const struct dataspace *dataspace = attach->dataspace;

    if (dataspace->flags & DATASPACE_GOING || map->self.flags & DATASPACE_GOING)
        return ERR_CAP;
    if ((attach->offset | size) % FRAME_SIZE || attach->rights & ~(ATTACH_WRITE | ATTACH_EXECUTE))
        return ERR_INVALID;
    if (!range_ok(attach->offset, size, dataspace->size) || size == 0)
        return ERR_RANGE;
    /* A region map may be attached with all rights: its own attachments are never writable and executable. */
    if (attach->rights == (ATTACH_WRITE | ATTACH_EXECUTE) && !map->guest &&
        !(dataspace->flags & DATASPACE_MAP))
        return ERR_INVALID;
    if ((attach->rights & ATTACH_WRITE && !(dataspace->flags & DATASPACE_WRITE)) ||
        (attach->rights & ATTACH_EXECUTE && !(dataspace->flags & DATASPACE_EXECUTE)))
        return ERR_DENIED;
    return check_nesting(map, dataspace);
}

static uint64_t align_up(uint64_t value, uint64_t align)
{
    return (value + align - 1) & ~(align - 1);
}

/* In a root a page stays free on both sides of what is placed automatically, so that an overrun faults. */
static uint64_t gap_of(const struct region_map *map)
{
    return map->space_opt ? FRAME_SIZE : 0;
}

/* Where automatic places behind `at` begin. */
static uint64_t room_start(const struct region_map *map, const struct attachment *at)
{
    uint64_t start = at == &map->edge ? 0 : end_of(at) + gap_of(map);

    return start > map->automatic ? start : map->automatic;
}

static uint64_t room_behind(const struct region_map *map, const struct attachment *at)
{
    uint64_t start = room_start(map, at);
    uint64_t end = at->next ? attachment_address(at->next) : map->end;
    uint64_t gap = at->next ? gap_of(map) : 0;

    return end > start && end - start > gap ? end - start - gap : 0;
}

/* First fit, but room that only luck would align is passed by. */
static enum status find_aligned(struct region_map *map, uint64_t size, uint64_t align, uint64_t *address)
{
    uint64_t needed = size + align - FRAME_SIZE;
    struct attachment *at = &map->edge;

    if (at->node.weight < needed)
        at = attachment_of(tree_first_weighing(&map->tree, needed));
    if (!at)
        return ERR_NOT_FOUND;
    *address = align_up(room_start(map, at), align);
    return OK;
}

static enum status find_room(struct region_map *map, const struct attach *attach, uint64_t size,
                             uint64_t *address)
{
    if (size >= BLOCK_SIZE && attach->offset % BLOCK_SIZE == 0 &&
        find_aligned(map, size, BLOCK_SIZE, address) == OK)
        return OK;
    return find_aligned(map, size, FRAME_SIZE, address);
}

/* ERR_EXISTS: it would overlap. */
static enum status choose_address(struct region_map *map, const struct attach *attach, uint64_t size,
                                  uint64_t *address)
{
    if (!attach->fixed)
        return find_room(map, attach, size, address);
    if (attach->address % FRAME_SIZE)
        return ERR_INVALID;
    if (attach->address < map->start || !range_ok(attach->address, size, map->end))
        return ERR_RANGE;
    const struct attachment *at = first_behind(map, attach->address);

    if (at && attachment_address(at) < attach->address + size)
        return ERR_EXISTS;
    *address = attach->address;
    return OK;
}

static void link_use(struct attachment *at, struct dataspace *dataspace)
{
    at->dataspace_opt = dataspace;
    at->next_use = dataspace->uses;
    at->previous_use = &dataspace->uses;
    if (dataspace->uses)
        dataspace->uses->previous_use = &at->next_use;
    dataspace->uses = at;
}

static void unlink_use(struct attachment *at)
{
    if (!at->dataspace_opt)
        return;
    *at->previous_use = at->next_use;
    if (at->next_use)
        at->next_use->previous_use = at->previous_use;
    at->dataspace_opt = NULL;
}

static void link_at(struct region_map *map, struct attachment *at, uint64_t address)
{
    struct attachment *before = last_before(map, address);

    at->map = map;
    at->node.key = address;
    at->previous = before;
    at->next = before->next;
    before->next = at;
    if (at->next)
        at->next->previous = at;
    at->node.weight = room_behind(map, at);
    tree_insert(&map->tree, &at->node);
    tree_set_weight(&before->node, room_behind(map, before));
}

/* Takes an attachment out of its map and out of every space. Unmapping needs no memory, so it cannot fail. */
static void remove_at(struct attachment *at)
{
    enum status status = apply(SPACE_UNMAP, at);

    ASSERT(status == OK);
    unlink_use(at);
    at->previous->next = at->next;
    if (at->next)
        at->next->previous = at->previous;
    tree_remove(&at->map->tree, &at->node);
    tree_set_weight(&at->previous->node, room_behind(at->map, at->previous));
    slab_free(at);
}

void region_map_init(struct region_map *map, struct account *account, struct space *space_opt, uint64_t start,
                     uint64_t end, uint64_t automatic)
{
    *map = (struct region_map){
        .self.object = {.kind = KIND_REGION_MAP, .account = account},
        .self.flags = DATASPACE_MAP | DATASPACE_WRITE | DATASPACE_EXECUTE,
        .self.size = space_opt ? 0 : end,
        .space_opt = space_opt,
        .start = start,
        .end = end,
        .automatic = automatic,
    };
    map->edge.map = map;
    map->edge.node.weight = room_behind(map, &map->edge);
}

enum status region_map_attach(struct region_map *map, const struct attach *attach, uint64_t *address)
{
    uint64_t size = attach->size;
    uint64_t place;
    void *note;

    if (size == 0 && attach->offset < attach->dataspace->size)
        size = attach->dataspace->size - attach->offset;
    enum status status = check(map, attach, size);

    if (status == OK)
        status = choose_address(map, attach, size, &place);
    if (status == OK)
        status = slab_alloc(map->self.object.account, sizeof(struct attachment), &note);
    if (status != OK)
        return status;
    struct attachment *at = note;

    at->offset = attach->offset;
    at->size = size;
    at->rights = (uint16_t)attach->rights;
    at->pinned = attach->pinned;
    link_at(map, at, place);
    link_use(at, attach->dataspace);
    status = apply(SPACE_MAP, at);
    if (status != OK) {
        remove_at(at);
        return status;
    }
    *address = place;
    return OK;
}

/* The attachment that begins there, or NULL. */
static struct attachment *find_at(struct region_map *map, uint64_t address)
{
    struct attachment *at = last_before(map, address);

    return at != &map->edge && attachment_address(at) == address ? at : NULL;
}

enum status region_map_reserve(struct region_map *map, uint64_t address, uint64_t size)
{
    void *note;
    enum status status = slab_alloc(map->self.object.account, sizeof(struct attachment), &note);

    if (status != OK)
        return status;
    struct attachment *at = note;

    at->size = size;
    at->pinned = true;
    link_at(map, at, address);
    return OK;
}

const struct attachment *region_map_find(struct region_map *map, uint64_t address)
{
    const struct attachment *at = find_at(map, address);

    return at && !at->pinned ? at : NULL;
}

enum status region_map_detach(struct region_map *map, uint64_t address)
{
    struct attachment *at = find_at(map, address);

    if (!at)
        return ERR_NOT_FOUND;
    if (at->pinned)
        return ERR_DENIED;
    remove_at(at);
    return OK;
}

enum status region_map_detach_range(struct region_map *map, uint64_t address, uint64_t size)
{
    struct attachment *first = first_behind(map, address), *next;

    for (const struct attachment *at = first; at && attachment_address(at) < address + size; at = at->next)
        if (attachment_address(at) < address || end_of(at) > address + size)
            return ERR_INVALID;
    for (; first && attachment_address(first) < address + size; first = next) {
        next = first->next;
        remove_at(first);
    }
    return OK;
}

void region_map_unpin(struct region_map *map, uint64_t address)
{
    struct attachment *at = find_at(map, address);

    ASSERT(at && at->pinned);
    remove_at(at);
}

enum status region_map_protect(struct region_map *map, uint64_t address, unsigned rights)
{
    struct attachment *at = find_at(map, address);

    if (!at || !at->dataspace_opt)
        return ERR_NOT_FOUND;
    if (at->pinned)
        return ERR_DENIED;
    struct attach wanted = {.dataspace = at->dataspace_opt, .offset = at->offset, .rights = rights};
    enum status status = at->dataspace_opt->flags & DATASPACE_MAP ? OK : check(map, &wanted, at->size);

    if (status != OK)
        return status;
    uint16_t before = at->rights;

    at->rights = (uint16_t)rights;
    status = apply(SPACE_PROTECT, at);
    if (status != OK)
        at->rights = before;
    return status;
}

enum status region_map_clear(struct region_map *map)
{
    map->self.flags |= DATASPACE_GOING;
    if (!map->space_opt && attachments_orphan(&map->self) != OK)
        return ERR_AGAIN;
    for (unsigned n = 0; map->edge.next; n++) {
        if (n == CHANGES_MOST)
            return ERR_AGAIN;
        remove_at(map->edge.next);
    }
    return OK;
}

enum status attachments_orphan(struct dataspace *dataspace)
{
    struct attachment *at;

    for (unsigned n = 0; (at = dataspace->uses); n++) {
        if (n == CHANGES_MOST)
            return ERR_AGAIN;
        if (apply(SPACE_REPLACE_ONE, at) != OK) {
            /* No memory for page tables: then the pages are gone, but at least not somebody else's. */
            enum status status = apply(SPACE_UNMAP, at);

            ASSERT(status == OK);
        }
        unlink_use(at);
    }
    return OK;
}

void region_map_lookup(struct region_map *map, uint64_t address, struct place *out)
{
    struct place place = {.map = map, .offset = address, .rights = ATTACH_WRITE | ATTACH_EXECUTE};

    for (;;) {
        const struct attachment *at = last_before(place.map, place.offset);

        if (at == &place.map->edge || place.offset >= end_of(at) || !at->dataspace_opt)
            break;
        place.offset = at->offset + (place.offset - attachment_address(at));
        place.rights &= at->rights;
        if (!(at->dataspace_opt->flags & DATASPACE_MAP)) {
            place.dataspace_opt = at->dataspace_opt;
            break;
        }
        place.map = (struct region_map *)at->dataspace_opt;
    }
    *out = place;
}
