/* SPDX-License-Identifier: MIT */
/*
 * IOMMUs and DMA spaces against units that remember all they may (vtd_device.h): cases, then random changes beside an oracle that
 * says what each device reaches.
 */
#include "kernel/iommu/vtd.h"
#include "kernel/object/space.h"
#include "kernel/test/machine.h"
#include "kernel/test/vtd_device.h"
#include "test/check.h"

#define DEVICE 0x0120u
#define OTHER  0x0121u
#define FAR    ((uint64_t)HOST_FRAMES * FRAME_SIZE) /* frames behind RAM: any may be mapped */

static struct pd *account;

static void begin(const struct vtd_device_kind *kind)
{
    machine_start();
    vtd_device_reset(kind);
    account = machine_pd(200);
}

/* Everything was given back, but for what machine_pd() made. */
static void end(void)
{
    CHECK_EQ(account->objects_live, 2);
    machine_stop();
}

static const struct vtd_device_kind usual = {
    .levels = 3, .large_pages = true, .remapping = true, .fault_records = 4};

static struct iommu *unit_make(unsigned n)
{
    struct iommu *iommu = NULL;

    REQUIRE(iommu_create(account, HOST_UNIT(n), &iommu) == OK);
    return iommu;
}

static struct dma_space *space_make(const struct iommu *iommu)
{
    struct dma_space *space = NULL;

    REQUIRE(dma_space_create(account, iommu, &space) == OK);
    return space;
}

static void space_end(struct dma_space *space)
{
    enum status status;

    while ((status = object_destroy(&space->object)) == ERR_AGAIN) {}
    CHECK_EQ(status, OK);
}

static enum status change(struct dma_space *space, unsigned operation, uint64_t bus, uint64_t physical,
                          uint32_t pages, unsigned flags)
{
    struct space_entry entry = {bus, physical, pages, (uint16_t)operation, (uint16_t)flags};
    uint32_t done;

    return dma_space_update(space, &entry, &done);
}

static bool reads(uint16_t device, uint64_t bus, uint64_t physical)
{
    uint64_t reached;

    return vtd_device_access(0, device, bus, false, &reached) && reached == physical;
}

static bool writes(uint16_t device, uint64_t bus, uint64_t physical)
{
    uint64_t reached;

    return vtd_device_access(0, device, bus, true, &reached) && reached == physical;
}

static bool blocked(uint16_t device, uint64_t bus)
{
    uint64_t reached;

    return !vtd_device_access(0, device, bus, false, &reached) &&
           !vtd_device_access(0, device, bus, true, &reached);
}

/* ---- cases ---- */

static enum status make_kind(struct vtd_device_kind kind)
{
    struct iommu *iommu;
    enum status status;

    vtd_device_reset(&kind);
    status = iommu_create(account, HOST_UNIT(0), &iommu);
    if (status == OK)
        iommu_destroy(iommu);
    return status;
}

static void test_create(void)
{
    struct iommu *iommu;

    CASE("what is no unit, or none that can be driven");
    begin(&usual);
    CHECK_EQ(iommu_create(account, HOST_UNIT(0) + 8, &iommu), ERR_INVALID);
    CHECK_EQ(iommu_create(account, 0x1000, &iommu), ERR_RANGE);
    CHECK_EQ(iommu_create(account, HOST_NOT_UNIT, &iommu), ERR_UNSUPPORTED);
    CHECK_EQ(make_kind((struct vtd_device_kind){.levels = 3, .no_queue = true}), ERR_UNSUPPORTED);
    CHECK_EQ(make_kind((struct vtd_device_kind){.levels = 0}), ERR_UNSUPPORTED);
    CHECK_EQ(make_kind((struct vtd_device_kind){.levels = 4, .coherent = true}), OK);
    CHECK_EQ(make_kind(usual), OK);

    CASE("each unit once; an account that is empty");
    vtd_device_reset(&usual);
    iommu = unit_make(0);
    CHECK_EQ(iommu_create(account, HOST_UNIT(0), &iommu), ERR_EXISTS);
    iommu_destroy(iommu);
    for (unsigned frames = 0; frames < 6; frames++) {
        struct pd *poor = machine_pd(4 + frames);
        uint64_t used = poor->frames_used, objects = poor->objects_live;
        enum status status = iommu_create(poor, HOST_UNIT(0), &iommu);

        CHECK(status == OK || status == ERR_NO_KMEM);
        if (status == OK)
            iommu_destroy(iommu);
        CHECK_EQ(poor->frames_used, used);
        CHECK_EQ(poor->objects_live, objects);
    }
    end();
}

static void test_blocked(void)
{
    struct iommu *iommu;
    struct dma_space *space, *second;
    uint64_t reached;

    CASE("a unit blocks, lets through what is mapped, and blocks again");
    begin(&usual);
    CHECK(vtd_device_access(0, DEVICE, 0x5000, true, &reached));
    iommu = unit_make(0);
    space = space_make(iommu);
    second = space_make(iommu);
    CHECK(blocked(DEVICE, 0x5000));
    CHECK_EQ(change(space, SPACE_MAP, 0x5000, FAR, 1, 0), OK);
    CHECK_EQ(change(space, SPACE_MAP, 0x6000, FAR + FRAME_SIZE, 1, SPACE_WRITE), OK);
    CHECK(blocked(DEVICE, 0x5000));
    CHECK_EQ(iommu_attach(iommu, DEVICE, space), OK);
    CHECK_EQ(iommu_attach(iommu, DEVICE, space), OK);
    CHECK_EQ(iommu_attach(iommu, DEVICE, second), ERR_BUSY);
    CHECK(reads(DEVICE, 0x5018, FAR + 0x18) && !writes(DEVICE, 0x5000, FAR));
    CHECK(writes(DEVICE, 0x6000, FAR + FRAME_SIZE) && blocked(DEVICE, 0x7000) && blocked(OTHER, 0x5000));
    CHECK_EQ(change(space, SPACE_PROTECT, 0x6000, 0, 1, 0), OK);
    CHECK(reads(DEVICE, 0x6000, FAR + FRAME_SIZE) && !writes(DEVICE, 0x6000, FAR + FRAME_SIZE));
    CHECK_EQ(change(space, SPACE_REPLACE_ONE, 0x5000, FAR + 9 * FRAME_SIZE, 2, SPACE_WRITE), OK);
    CHECK(writes(DEVICE, 0x5000, FAR + 9 * FRAME_SIZE) && writes(DEVICE, 0x6000, FAR + 9 * FRAME_SIZE));
    CHECK_EQ(change(space, SPACE_UNMAP, 0x5000, 0, 1, 0), OK);
    CHECK(blocked(DEVICE, 0x5000));
    iommu_detach(iommu, OTHER);
    iommu_detach(iommu, 0x7700);
    CHECK(reads(DEVICE, 0x6000, FAR + 9 * FRAME_SIZE));
    iommu_detach(iommu, DEVICE);
    CHECK(blocked(DEVICE, 0x6000));

    CASE("the end of a space detaches its devices");
    CHECK_EQ(iommu_attach(iommu, DEVICE, space), OK);
    CHECK_EQ(iommu_attach(iommu, OTHER, second), OK);
    CHECK_EQ(change(second, SPACE_MAP, 0x6000, FAR, 1, 0), OK);
    CHECK(reads(DEVICE, 0x6000, FAR + 9 * FRAME_SIZE));
    space_end(space);
    CHECK(blocked(DEVICE, 0x6000) && reads(OTHER, 0x6000, FAR));
    space_end(second);
    CHECK_EQ(change(space = space_make(iommu), SPACE_MAP, 0x1000, virt_to_phys(iommu->vtd.root), 1, 0),
             ERR_DENIED);
    CHECK_EQ(change(space, SPACE_MAP, 1ull << 39, FAR, 1, 0), ERR_RANGE);
    space_end(space);
    iommu_destroy(iommu);
    CHECK(!vtd_device_translates(0));
    end();
}

/* A space that takes several calls to end must not be attached in between. */
static void test_slow_end(void)
{
    struct iommu *iommu;
    struct dma_space *space;

    CASE("a space that is ending");
    begin(&usual);
    iommu = unit_make(0);
    space = space_make(iommu);
    for (uint64_t i = 0; i < 40; i++)
        CHECK_EQ(change(space, SPACE_MAP, i << 21, FAR, 1, 0), OK);
    CHECK_EQ(iommu_attach(iommu, DEVICE, space), OK);
    CHECK(reads(DEVICE, 39u << 21, FAR));
    CHECK_EQ(object_destroy(&space->object), ERR_AGAIN);
    CHECK(blocked(DEVICE, 39u << 21));
    CHECK_EQ(iommu_attach(iommu, DEVICE, space), ERR_BUSY);
    space_end(space);
    iommu_destroy(iommu);
    end();
}

#define BORDER 0x40000000ull /* of two tables of large pages */

static bool strayed;

static void look_below_border(void)
{
    uint64_t reached;

    if (vtd_device_access(0, DEVICE, BORDER - PAGE_SIZE_LARGE, false, &reached) && reached != 2 * FAR)
        strayed = true;
}

static void test_freed_table(void)
{
    struct iommu *iommu;
    struct dma_space *space;

    CASE("a table that is freed and used again in one change");
    begin(&usual);
    iommu = unit_make(0);
    space = space_make(iommu);
    CHECK_EQ(iommu_attach(iommu, DEVICE, space), OK);
    CHECK_EQ(change(space, SPACE_MAP, BORDER - PAGE_SIZE_LARGE + FRAME_SIZE, FAR, 1, 0), OK);
    CHECK(reads(DEVICE, BORDER - PAGE_SIZE_LARGE + FRAME_SIZE, FAR)); /* the unit knows the table */
    vtd_device_meanwhile_opt = look_below_border;
    CHECK_EQ(change(space, SPACE_REPLACE, BORDER - PAGE_SIZE_LARGE, 2 * FAR, 2, SPACE_LARGE), OK);
    vtd_device_meanwhile_opt = NULL;
    CHECK(!strayed && reads(DEVICE, BORDER, 2 * FAR + PAGE_SIZE_LARGE));
    space_end(space);
    iommu_destroy(iommu);
    end();
}

static void test_formats(void)
{
    struct iommu *three, *four;
    struct dma_space *space, *spaces[VTD_DOMAINS];
    unsigned made = 0;

    CASE("a space fits units of its format only");
    begin(&usual);
    three = unit_make(0);
    vtd_device_reset_unit(1, &(struct vtd_device_kind){.levels = 4, .coherent = true});
    four = unit_make(1);
    space = space_make(three);
    CHECK_EQ(iommu_attach(four, DEVICE, space), ERR_UNSUPPORTED);
    space_end(space);
    space = space_make(four);
    CHECK_EQ(change(space, SPACE_MAP, 0x200000, FAR, 1, SPACE_LARGE), ERR_INVALID);
    CHECK_EQ(iommu_features(four), 0);
    CHECK_EQ(iommu_features(three), IOMMU_LARGE_PAGES | IOMMU_REMAPPING);
    space_end(space);

    CASE("as many spaces as a unit tells apart");
    while (dma_space_create(account, four, &spaces[made]) == OK)
        if (++made == 100 && account->frames_owned < 600)
            for (unsigned i = 0; i < 300; i++)
                account_give(account, (1000 + i) * FRAME_SIZE);
    CHECK_EQ(made, VTD_DOMAINS - 1);
    CHECK_EQ(dma_space_create(account, four, &space), ERR_EXISTS);
    while (made > 0)
        space_end(spaces[--made]);
    iommu_destroy(three);
    iommu_destroy(four);
    end();
}

static void test_faults(void)
{
    struct iommu *iommu;
    uint64_t address, info, message_address;
    uint32_t data;

    CASE("faults are told in order, with what was lost");
    begin(&usual);
    iommu = unit_make(0);
    CHECK_EQ(iommu_fault(iommu, &address, &info), ERR_NOT_FOUND);
    for (unsigned round = 0; round < 3; round++) {
        for (uint64_t i = 0; i < 6; i++)
            (void)vtd_device_access(0, (uint16_t)(DEVICE + i), (i + 1) << 12 | 8, i & 1, &address);
        for (uint64_t i = 0; i < 4; i++) {
            CHECK_EQ(iommu_fault(iommu, &address, &info), OK);
            CHECK_EQ(address, (i + 1) << 12);
            CHECK_EQ(info, (DEVICE + i) | 1u << 16 | (i & 1 ? IOMMU_FAULT_WRITE : 0u) |
                               (i == 0 ? IOMMU_FAULT_LOST : 0u));
        }
        CHECK_EQ(iommu_fault(iommu, &address, &info), ERR_NOT_FOUND);
    }

    CASE("fault events");
    vtd_fault_event(&iommu->vtd, 0xfee00000, 0x51);
    CHECK(blocked(DEVICE, 0x1000));
    CHECK_EQ(vtd_device_events(0, &message_address, &data), 0);
    while (iommu_fault(iommu, &address, &info) == OK) {}
    vtd_fault_mask(&iommu->vtd, false);
    CHECK(blocked(DEVICE, 0x1000) && blocked(DEVICE, 0x1000));
    CHECK_EQ(vtd_device_events(0, &message_address, &data), 1); /* until the records have been read */
    CHECK(message_address == 0xfee00000 && data == 0x51);
    iommu_destroy(iommu);
    end();
}

static void test_interrupts(void)
{
    struct iommu *iommu;
    struct message message;
    uint8_t vector = 0;

    CASE("remapped interrupts");
    begin(&usual);
    iommu = unit_make(0);
    message = iommu_message(iommu, 30);
    CHECK(vtd_device_message(0, DEVICE, message.address, message.data, &vector));
    CHECK_EQ(iommu_remap(iommu, IOMMU_REMAP_IOAPIC | 9u << 16), ERR_NOT_FOUND);
    CHECK_EQ(iommu_remap(iommu, IOMMU_REMAP_IOAPIC | HOST_IOAPIC << 16 | 0xff00), OK);
    CHECK(!vtd_device_message(0, DEVICE, message.address, message.data, &vector)); /* the old format */
    CHECK(vtd_device_line(4, &vector) && vector == 0x34);
    message = iommu_message(iommu, 30);
    CHECK(!vtd_device_message(0, DEVICE, message.address, message.data, &vector));
    iommu_line_set(iommu, 30, DEVICE, false);
    CHECK(vtd_device_message(0, DEVICE, message.address, message.data, &vector) && vector == 0x30 + 30);
    CHECK(!vtd_device_message(0, OTHER, message.address, message.data, &vector));
    CHECK(!vtd_device_message(0, DEVICE, vtd_message_address(4), 0, &vector)); /* the I/O APIC's */
    iommu_line_clear(iommu, 30);
    CHECK(!vtd_device_message(0, DEVICE, message.address, message.data, &vector));
    iommu_destroy(iommu);
    CHECK(vtd_device_line(4, &vector) && vector == 0x34);

    CASE("a unit that cannot");
    vtd_device_reset(&(struct vtd_device_kind){.levels = 3});
    iommu = unit_make(0);
    CHECK_EQ(iommu_remap(iommu, 0), ERR_UNSUPPORTED);
    iommu_destroy(iommu);
    end();
}

/* ---- random ---- */

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
    begin(kind);
    memset(&world, 0, sizeof(world));
    world.random = seed * 0x9e3779b97f4a7c15ull;
    memset(world.where, -1, sizeof(world.where));
    for (unsigned i = 0; i < HOST_UNITS; i++)
        world.unit[i] = unit_make(i);
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
    end();
}

static void test_random(void)
{
    CASE("random changes: a device reaches what its space maps, and nothing else");
    for (unsigned i = 0; i < 16; i++)
        run_random(
            &(struct vtd_device_kind){
                .levels = i & 1 ? 4 : 3, .coherent = i & 2, .caches_absent = i & 4, .large_pages = i & 8},
            i + 1);
}

int main(void)
{
    test_create();
    test_blocked();
    test_slow_end();
    test_freed_table();
    test_formats();
    test_faults();
    test_interrupts();
    test_random();
    return check_finish();
}
