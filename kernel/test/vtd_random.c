/* SPDX-License-Identifier: MIT */
/*
 * Random changes of DMA spaces beside an oracle that says what each device reaches. Devices go on all the time, also between
 * two steps of a change, and their units remember all they may (vtd_device.h).
 */
#include "kernel/iommu/vtd.h"
#include "kernel/object/space.h"
#include "kernel/test/machine.h"
#include "kernel/test/vtd_device.h"
#include "test/check.h"

#define FAR ((uint64_t)HOST_FRAMES * FRAME_SIZE) /* frames behind RAM: any may be mapped */

static struct pd *account;

static void space_end(struct dma_space *space)
{
    enum status status;

    while ((status = object_destroy(&space->object)) == ERR_AGAIN) {}
    CHECK_EQ(status, OK);
}

#define SPACES  4u
#define DEVICES 4u
#define WINDOWS 3u
#define PAGES   1100u /* of a window */
#define STEPS   6000u

static const uint64_t window_base[WINDOWS] = {0x1000, 0x40000000 - 0x200000, (1ull << 39) - 0x44c000};

static struct {
    struct iommu *unit[HOST_UNITS];
    struct pd *pd[SPACES];
    struct dma_space *space[SPACES];
    uint64_t page[SPACES][WINDOWS * PAGES]; /* physical | 1 if it can be written | 2; 0: nothing */
    int where[HOST_UNITS][DEVICES];         /* space of a device, -1: none */
    unsigned focus;                         /* a page near which things happen */
    uint64_t random;
} world;

static uint64_t below(uint64_t limit)
{
    world.random ^= world.random << 13;
    world.random ^= world.random >> 7;
    world.random ^= world.random << 17;
    return (world.random >> 11) % limit;
}

static uint16_t device_of(unsigned index)
{
    return (uint16_t)(index % 2 ? 0x0208 + index * 8 : 0x0018 + index * 8);
}

static void check_access(unsigned unit, unsigned index, unsigned page)
{
    int space = world.where[unit][index];
    uint64_t expected = space >= 0 ? world.page[space][page] : 0, reached;
    uint64_t bus = window_base[page / PAGES] + page % PAGES * FRAME_SIZE;
    bool write = below(2);
    bool through = vtd_device_access(unit, device_of(index), bus, write, &reached);

    REQUIRE(through == (write ? expected & 1 : expected != 0));
    REQUIRE(!through || reached == (expected & ~3ull));
}

static unsigned some_page(void)
{
    return below(8) ? (world.focus + (unsigned)below(12)) % (WINDOWS * PAGES)
                    : (unsigned)below(WINDOWS * PAGES);
}

static void check_some(void)
{
    for (unsigned i = 0; i < 30; i++)
        check_access((unsigned)below(HOST_UNITS), (unsigned)below(DEVICES), some_page());
}

/* While one space changes: devices in others notice nothing, its own reach what was there or what will be. */
static struct {
    unsigned space;
    uint64_t page, count;
    struct space_entry entry;
} changing;

static bool will_be(uint64_t page, bool write, uint64_t reached)
{
    const struct space_entry *entry = &changing.entry;
    uint64_t physical =
        entry->physical + (entry->operation == SPACE_REPLACE_ONE ? 0 : (page - changing.page) * FRAME_SIZE);

    if (page - changing.page >= changing.count || entry->operation == SPACE_UNMAP ||
        (write && !(entry->flags & SPACE_WRITE)))
        return false;
    return entry->operation == SPACE_PROTECT ? reached == (world.page[changing.space][page] & ~3ull)
                                             : reached == physical;
}

static void meanwhile(void)
{
    unsigned unit = (unsigned)below(HOST_UNITS), index = (unsigned)below(DEVICES);
    unsigned page = some_page();
    int space = world.where[unit][index];
    uint64_t expected = space >= 0 ? world.page[space][page] : 0, reached;
    uint64_t bus = window_base[page / PAGES] + page % PAGES * FRAME_SIZE;
    bool write = below(2);

    if (below(8) || !vtd_device_access(unit, device_of(index), bus, write, &reached))
        return;
    REQUIRE(space >= 0);
    if (reached == (expected & ~3ull) && (write ? expected & 1 : expected != 0))
        return;
    REQUIRE(space == (int)changing.space && will_be(page, write, reached));
}

static void oracle_change(unsigned space, const struct space_entry *entry, uint64_t page, uint64_t done)
{
    for (uint64_t i = 0; i < done; i++) {
        uint64_t *place = &world.page[space][page + i];
        uint64_t physical = entry->physical + (entry->operation == SPACE_REPLACE_ONE ? 0 : i * FRAME_SIZE);
        uint64_t rights = 2 | (entry->flags & SPACE_WRITE ? 1 : 0);

        if (entry->operation == SPACE_UNMAP)
            *place = 0;
        else if (entry->operation != SPACE_PROTECT)
            *place = physical | rights;
        else if (*place)
            *place = (*place & ~3ull) | rights;
    }
}

static void refill(struct pd *pd)
{
    uint64_t physical;

    if (!below(3) && account_take(account, &physical))
        account_give(pd, physical);
}

static void step_update(unsigned space)
{
    uint64_t page = below(4) ? world.focus : below(WINDOWS * PAGES), count = 1 + below(below(4) ? 8 : 600);
    uint64_t window = page / PAGES, unit = 1;
    struct space_entry entry = {.operation = (uint16_t)below(5), .flags = (uint16_t)below(2)};
    uint32_t done = 0;

    if (page % PAGES + count > PAGES)
        count = PAGES - page % PAGES;
    entry.virtual = window_base[window] + page % PAGES * FRAME_SIZE;
    if (entry.operation <= SPACE_REPLACE && entry.virtual % PAGE_SIZE_LARGE == 0 &&
        PAGES - page % PAGES >= 512 && world.unit[0]->format.large) {
        entry.flags |= SPACE_LARGE;
        unit = 512;
        count = 1 + below((PAGES - page % PAGES) / 512);
    }
    entry.physical = FAR + below(1000) * FRAME_SIZE * unit;
    entry.physical = (entry.physical + unit * FRAME_SIZE - 1) & ~(unit * FRAME_SIZE - 1);
    entry.pages = (uint32_t)count;

    changing.space = space;
    changing.page = page;
    changing.count = count * unit;
    changing.entry = entry;
    vtd_device_meanwhile_opt = meanwhile;
    enum status status = dma_space_update(world.space[space], &entry, &done);

    vtd_device_meanwhile_opt = NULL;
    REQUIRE(status == OK || status == ERR_EXISTS || status == ERR_NO_KMEM || status == ERR_AGAIN);
    REQUIRE(status != OK || done == count);
    oracle_change(space, &entry, page, done * unit);
    if (status == ERR_NO_KMEM)
        refill(world.pd[space]);
}

static void step_attach(void)
{
    unsigned unit = (unsigned)below(HOST_UNITS), index = (unsigned)below(DEVICES),
             space = (unsigned)below(SPACES);
    int *where = &world.where[unit][index];

    if (below(2)) {
        iommu_detach(world.unit[unit], device_of(index));
        *where = -1;
        return;
    }
    enum status status = iommu_attach(world.unit[unit], device_of(index), world.space[space]);

    REQUIRE(status == (*where < 0 || *where == (int)space ? OK : ERR_BUSY));
    *where = status == OK ? (int)space : *where;
}

static void step_new_space(unsigned space)
{
    enum status status;

    while ((status = object_destroy(&world.space[space]->object)) == ERR_AGAIN)
        if (below(4) == 0)
            check_some();
    REQUIRE(status == OK && world.pd[space]->objects_live == 2);
    memset(world.page[space], 0, sizeof(world.page[space]));
    for (unsigned i = 0; i < HOST_UNITS * DEVICES; i++)
        if (world.where[i / DEVICES][i % DEVICES] == (int)space)
            world.where[i / DEVICES][i % DEVICES] = -1;
    check_some();
    REQUIRE(dma_space_create(world.pd[space], world.unit[below(HOST_UNITS)], &world.space[space]) == OK);
}

/* Often where large pages begin, or a table ends. */
static unsigned new_focus(void)
{
    unsigned window = (unsigned)below(WINDOWS);
    uint64_t first = (-window_base[window] & (PAGE_SIZE_LARGE - 1)) / FRAME_SIZE;

    return window * PAGES + (unsigned)(below(2) ? below(PAGES) : first + below(2) * 512);
}

static void run_random(const struct vtd_device_kind *kind, uint64_t seed)
{
    machine_start();
    vtd_device_reset(kind);
    account = machine_pd(200);
    memset(&world, 0, sizeof(world));
    world.random = seed * 0x9e3779b97f4a7c15ull;
    memset(world.where, -1, sizeof(world.where));
    for (unsigned i = 0; i < HOST_UNITS; i++)
        REQUIRE(iommu_create(account, HOST_UNIT(i), &world.unit[i]) == OK);
    for (unsigned i = 0; i < SPACES; i++) {
        world.pd[i] = machine_pd(i ? 40 : 12);
        REQUIRE(dma_space_create(world.pd[i], world.unit[0], &world.space[i]) == OK);
    }
    for (unsigned step = 0; step < STEPS; step++) {
        if (below(20) == 0)
            world.focus = new_focus();
        check_some();
        if (below(12) == 0)
            step_attach();
        else if (below(100) == 0)
            step_new_space((unsigned)below(SPACES));
        else
            step_update((unsigned)below(SPACES));
    }
    check_some();
    for (unsigned i = 0; i < SPACES; i++)
        space_end(world.space[i]);
    for (unsigned i = 0; i < HOST_UNITS; i++)
        iommu_destroy(world.unit[i]);
    for (unsigned i = 0; i < SPACES; i++)
        CHECK_EQ(world.pd[i]->objects_live, 2);
    CHECK_EQ(account->objects_live, 2);
    machine_stop();
}

int main(void)
{
    CASE("random changes: a device reaches what its space maps, and nothing else");
    for (unsigned i = 0; i < 16; i++)
        run_random(
            &(struct vtd_device_kind){
                .levels = i & 1 ? 4 : 3, .coherent = i & 2, .caches_absent = i & 4, .large_pages = i & 8},
            i + 1);
    return check_finish();
}
