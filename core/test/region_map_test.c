/* SPDX-License-Identifier: MIT */
/*
 * Region maps against an oracle.
 *
 * The back end is a model of the kernel's page tables: one entry a page. After every step the model must be exactly
 * what walking down from the root, page by page, yields; pages of destroyed dataspaces must show the scratch frame.
 */
#include "core/region_map.h"
#include "core/test/host.h"
#include "test/check.h"

#define ARENA      (24 * BLOCK_SIZE)
#define SPACES     2
#define PAGES      6144 /* 24 MiB of address space for each */
#define BASE       BLOCK_SIZE
#define DATASPACES 24
#define MAPS       3

struct model {
    uint64_t physical[PAGES];
    uint8_t flags[PAGES], mapped[PAGES], large[PAGES];
    uint64_t frames_left; /* what the kernel's account still allows */
};

static struct model models[SPACES];
static struct space spaces[SPACES];
static struct region_map roots[SPACES];
static struct account root, account;
static unsigned calls;

static void clear(struct region_map *map)
{
    while (region_map_clear(map) != OK)
        ;
    map->self.flags &= ~(unsigned)DATASPACE_GOING; /* it is used again */
}

static bool apply_page(struct model *model, const struct space_entry *entry, uint64_t page, uint64_t step)
{
    switch (entry->operation) {
    case SPACE_MAP:
        if (model->mapped[page])
            return false;
        /* fall through */
    case SPACE_REPLACE:
    case SPACE_REPLACE_ONE:
        model->physical[page] = entry->physical + (entry->operation == SPACE_REPLACE_ONE ? 0 : step);
        model->mapped[page] = 1;
        model->large[page] = entry->flags & SPACE_LARGE ? 1 : 0;
        model->flags[page] = (uint8_t)entry->flags;
        break;
    case SPACE_PROTECT: model->flags[page] = (uint8_t)entry->flags; break;
    case SPACE_UNMAP: model->mapped[page] = 0; break;
    }
    return true;
}

enum status space_apply(struct space *space, struct space_entry *entries, unsigned n)
{
    struct model *model = &models[space - spaces];

    calls++;
    for (unsigned i = 0; i < n; i++) {
        uint64_t unit = entries[i].flags & SPACE_LARGE ? BLOCK_FRAMES : 1;

        CHECK_EQ((entries[i].virtual | entries[i].physical) % (unit * FRAME_SIZE), 0);
        for (uint64_t page = 0; page < entries[i].pages * unit; page++) {
            uint64_t at = entries[i].virtual / FRAME_SIZE + page;

            if (entries[i].operation == SPACE_MAP && model->frames_left-- == 0) {
                model->frames_left = 0;
                return ERR_NO_RAM;
            }
            REQUIRE(at < PAGES);
            REQUIRE(apply_page(model, &entries[i], at, page * FRAME_SIZE));
        }
    }
    return OK;
}

static void check_spaces(void)
{
    for (unsigned s = 0; s < SPACES; s++) {
        for (uint64_t page = 0; page < PAGES; page++) {
            struct place place;
            uint64_t physical = 0;

            region_map_lookup(&roots[s], page * FRAME_SIZE, &place);
            if (!place.dataspace_opt) {
                if (models[s].mapped[page])
                    CHECK_EQ(models[s].physical[page], spaces[s].scratch);
                continue;
            }
            CHECK_EQ(dataspace_physical(place.dataspace_opt, place.offset, &physical), OK);
            CHECK(models[s].mapped[page]);
            CHECK_EQ(models[s].physical[page], physical);
            CHECK_EQ(models[s].flags[page] & (SPACE_WRITE | SPACE_EXECUTE), place.rights);
        }
    }
}

static void start(struct machine *machine)
{
    machine_make(machine, ARENA);
    account_init(&root, &machine->frames, ARENA, 100);
    REQUIRE(account_open(&account, &root, ARENA, 0) == OK);
    for (unsigned s = 0; s < SPACES; s++) {
        models[s].frames_left = UINT64_MAX;
        REQUIRE(account_take_frame(&account, &spaces[s].scratch) == OK);
        region_map_init(&roots[s], &account, &spaces[s], FRAME_SIZE, PAGES * FRAME_SIZE, BASE);
    }
}

static void finish(struct machine *machine)
{
    for (unsigned s = 0; s < SPACES; s++) {
        clear(&roots[s]);
        for (uint64_t page = 0; page < PAGES; page++)
            CHECK(!models[s].mapped[page]);
        account_return_frame(&account, spaces[s].scratch);
    }
    CHECK_EQ(account.ram.used, 0);
    account_close(&account);
    CHECK_EQ(root.ram.limit, ARENA);
    CHECK_EQ(machine->frames.free_count, ARENA / FRAME_SIZE);
    machine_drop(machine);
}

static struct dataspace *make(uint64_t size, unsigned flags)
{
    struct dataspace *dataspace;

    REQUIRE(dataspace_create(&account, size, DATASPACE_WRITE | DATASPACE_EXECUTE | flags, &dataspace) == OK);
    return dataspace;
}

static void test_rules(void)
{
    struct dataspace *dataspace = make(3 * FRAME_SIZE, 0), *fixed;
    uint64_t address, other;
    struct attach attach = {.dataspace = dataspace, .rights = ATTACH_WRITE};

    CASE("attach: automatic places are in order and leave a guard page");
    CHECK_EQ(region_map_attach(&roots[0], &attach, &address), OK);
    CHECK_EQ(address, BASE);
    CHECK_EQ(region_map_attach(&roots[0], &attach, &other), OK);
    CHECK_EQ(other, BASE + 4 * FRAME_SIZE);
    check_spaces();

    CASE("attach: malformed requests fail and change nothing");
    attach.fixed = true;
    attach.address = address + FRAME_SIZE;
    CHECK_EQ(region_map_attach(&roots[0], &attach, &other), ERR_EXISTS);
    attach.address = address - FRAME_SIZE;
    CHECK_EQ(region_map_attach(&roots[0], &attach, &other), ERR_EXISTS);
    attach.address = 0;
    CHECK_EQ(region_map_attach(&roots[0], &attach, &other), ERR_RANGE);
    attach.address = UINT64_MAX & ~(FRAME_SIZE - 1);
    CHECK_EQ(region_map_attach(&roots[0], &attach, &other), ERR_RANGE);
    attach.address = 5;
    CHECK_EQ(region_map_attach(&roots[0], &attach, &other), ERR_INVALID);
    attach.fixed = false;
    attach.offset = UINT64_MAX & ~(FRAME_SIZE - 1);
    CHECK_EQ(region_map_attach(&roots[0], &attach, &other), ERR_RANGE);
    attach.size = 2 * FRAME_SIZE;
    CHECK_EQ(region_map_attach(&roots[0], &attach, &other), ERR_RANGE);
    attach.offset = 2 * FRAME_SIZE;
    CHECK_EQ(region_map_attach(&roots[0], &attach, &other), ERR_RANGE);
    attach.size = 100;
    CHECK_EQ(region_map_attach(&roots[0], &attach, &other), ERR_INVALID);
    attach.offset = attach.size = 0;
    attach.rights = ATTACH_WRITE | ATTACH_EXECUTE;
    CHECK_EQ(region_map_attach(&roots[0], &attach, &other), ERR_INVALID);
    attach.rights = 4;
    CHECK_EQ(region_map_attach(&roots[0], &attach, &other), ERR_INVALID);
    check_spaces();

    CASE("attach: a read-only dataspace is not written");
    REQUIRE(dataspace_create_foreign(&account, 0, FRAME_SIZE, 0, &fixed) == OK);
    attach = (struct attach){.dataspace = fixed, .rights = ATTACH_WRITE};
    CHECK_EQ(region_map_attach(&roots[0], &attach, &other), ERR_DENIED);
    attach.rights = ATTACH_EXECUTE;
    CHECK_EQ(region_map_attach(&roots[0], &attach, &other), ERR_DENIED);
    attach.rights = 0;
    CHECK_EQ(region_map_attach(&roots[0], &attach, &other), OK);
    dataspace_destroy(fixed);

    dataspace_destroy(dataspace);
    clear(&roots[0]);
}

static void test_detach(void)
{
    struct dataspace *dataspace = make(3 * FRAME_SIZE, 0);
    struct attach attach = {.dataspace = dataspace, .rights = ATTACH_WRITE};
    uint64_t address;

    CASE("detach: exact address only, and not what is core's own");
    CHECK_EQ(region_map_attach(&roots[0], &attach, &address), OK);
    CHECK_EQ(region_map_detach(&roots[0], address + FRAME_SIZE), ERR_NOT_FOUND);
    CHECK_EQ(region_map_detach(&roots[0], address), OK);
    CHECK_EQ(region_map_detach(&roots[0], address), ERR_NOT_FOUND);
    attach = (struct attach){.dataspace = dataspace, .pinned = true, .rights = ATTACH_WRITE};
    CHECK_EQ(region_map_attach(&roots[0], &attach, &address), OK);
    CHECK_EQ(region_map_detach(&roots[0], address), ERR_DENIED);
    region_map_unpin(&roots[0], address);
    check_spaces();

    CASE("detach of a range: whole attachments or nothing; holes are no error");
    attach = (struct attach){.dataspace = dataspace, .fixed = true, .address = 2 * BASE};
    CHECK_EQ(region_map_attach(&roots[1], &attach, &address), OK);
    attach.address = 2 * BASE + 4 * FRAME_SIZE;
    CHECK_EQ(region_map_attach(&roots[1], &attach, &address), OK);
    CHECK_EQ(region_map_detach_range(&roots[1], 2 * BASE, 5 * FRAME_SIZE), ERR_INVALID);
    CHECK_EQ(region_map_detach_range(&roots[1], 2 * BASE + FRAME_SIZE, 20 * FRAME_SIZE), ERR_INVALID);
    check_spaces();
    CHECK(models[1].mapped[2 * BASE / FRAME_SIZE]);
    CHECK_EQ(region_map_detach_range(&roots[1], 2 * BASE - FRAME_SIZE, 20 * FRAME_SIZE), OK);
    CHECK_EQ(region_map_detach_range(&roots[1], 2 * BASE - FRAME_SIZE, 20 * FRAME_SIZE), OK);
    CHECK(!roots[1].edge.next);
    check_spaces();

    CASE("a guest may execute what it writes, a program may not");
    roots[1].guest = true;
    attach.rights = ATTACH_WRITE | ATTACH_EXECUTE;
    CHECK_EQ(region_map_attach(&roots[0], &attach, &address), ERR_INVALID);
    CHECK_EQ(region_map_attach(&roots[1], &attach, &address), OK);
    CHECK_EQ(region_map_detach(&roots[1], address), OK);
    roots[1].guest = false;

    CASE("a destroyed dataspace leaves scratch pages and returns its frames");
    attach = (struct attach){.dataspace = dataspace, .offset = FRAME_SIZE, .size = FRAME_SIZE};
    CHECK_EQ(region_map_attach(&roots[1], &attach, &address), OK);
    uint64_t used = account.ram.used;
    dataspace_destroy(dataspace);
    CHECK(used - account.ram.used >= 3 * FRAME_SIZE);
    CHECK(models[1].mapped[address / FRAME_SIZE]);
    CHECK_EQ(models[1].physical[address / FRAME_SIZE], spaces[1].scratch);
    check_spaces();
    CHECK_EQ(region_map_detach(&roots[1], address), OK);
    CHECK(!models[1].mapped[address / FRAME_SIZE]);
    for (unsigned s = 0; s < SPACES; s++)
        clear(&roots[s]);
}

static void test_large(void)
{
    struct dataspace *dataspace = make(3 * BLOCK_SIZE, DATASPACE_CONTIGUOUS);
    struct attach attach = {.dataspace = dataspace, .rights = ATTACH_WRITE};
    uint64_t address;
    unsigned before = calls;

    CASE("aligned memory is mapped with large pages, in one call");
    CHECK_EQ(region_map_attach(&roots[0], &attach, &address), OK);
    CHECK_EQ(address % BLOCK_SIZE, 0);
    CHECK_EQ(calls, before + 1);
    for (uint64_t page = 0; page < 3 * BLOCK_FRAMES; page++)
        CHECK(models[0].large[address / FRAME_SIZE + page]);

    CASE("a shifted place has small pages at both ends");
    attach = (struct attach){.dataspace = dataspace,
                             .offset = BLOCK_SIZE - FRAME_SIZE,
                             .size = BLOCK_SIZE + 2 * FRAME_SIZE,
                             .fixed = true,
                             .address = 2 * BLOCK_SIZE - FRAME_SIZE};
    CHECK_EQ(region_map_attach(&roots[1], &attach, &address), OK);
    CHECK(!models[1].large[address / FRAME_SIZE]);
    CHECK(models[1].large[address / FRAME_SIZE + 1]);
    CHECK(!models[1].large[address / FRAME_SIZE + 1 + BLOCK_FRAMES]);
    check_spaces();
    dataspace_destroy(dataspace);
    check_spaces();
    for (unsigned s = 0; s < SPACES; s++)
        clear(&roots[s]);
}

static unsigned large_pages(const struct model *model)
{
    unsigned count = 0;

    for (unsigned i = 0; i < PAGES; i++)
        count += model->mapped[i] && model->large[i];
    return count;
}

static void test_device_spaces(void)
{
    struct dataspace *dataspace = make(2 * BLOCK_SIZE, DATASPACE_CONTIGUOUS);
    struct attach attach = {.dataspace = dataspace, .rights = ATTACH_WRITE};
    uint64_t address, physical, size;

    CASE("a space that takes no large pages gets none");
    spaces[1].small_only = true;
    CHECK_EQ(region_map_attach(&roots[1], &attach, &address), OK);
    CHECK_EQ(large_pages(&models[1]), 0);
    check_spaces();
    spaces[1].small_only = false;

    CASE("an attachment is found by its address, and its memory in runs");
    CHECK(region_map_find(&roots[1], address) && !region_map_find(&roots[1], address + FRAME_SIZE));
    CHECK_EQ(dataspace_run(dataspace, FRAME_SIZE, BLOCK_SIZE, &physical, &size), OK);
    CHECK_EQ(physical, dataspace->extents->physical + FRAME_SIZE);
    CHECK_EQ(size, BLOCK_SIZE);
    CHECK_EQ(dataspace_run(dataspace, BLOCK_SIZE, 4 * BLOCK_SIZE, &physical, &size), OK);
    CHECK_EQ(size, BLOCK_SIZE);
    CHECK_EQ(dataspace_run(dataspace, 2 * BLOCK_SIZE, FRAME_SIZE, &physical, &size), ERR_RANGE);
    clear(&roots[1]);

    CASE("reserved addresses stay free");
    uint64_t hole = BASE + 64 * FRAME_SIZE;

    CHECK_EQ(region_map_reserve(&roots[1], hole, 2 * BLOCK_SIZE), OK);
    CHECK_EQ(region_map_attach(&roots[1], &attach, &address), OK);
    CHECK(address >= hole + 2 * BLOCK_SIZE);
    CHECK_EQ(region_map_detach(&roots[1], hole), ERR_DENIED);
    CHECK(!region_map_find(&roots[1], hole));
    attach = (struct attach){
        .dataspace = dataspace, .size = FRAME_SIZE, .fixed = true, .address = hole + BLOCK_SIZE};
    CHECK_EQ(region_map_attach(&roots[1], &attach, &address), ERR_EXISTS);
    check_spaces();
    clear(&roots[1]);
    dataspace_destroy(dataspace);
}

static void test_no_memory(void)
{
    struct dataspace *dataspace = make(100 * FRAME_SIZE, 0);
    struct attach attach = {.dataspace = dataspace, .rights = ATTACH_WRITE};
    uint64_t address, used;

    CASE("an attach that fails half-way leaves nothing behind");
    used = account.ram.used;
    models[0].frames_left = 50;
    CHECK_EQ(region_map_attach(&roots[0], &attach, &address), ERR_NO_RAM);
    models[0].frames_left = UINT64_MAX;
    CHECK_EQ(account.ram.used, used);
    for (uint64_t page = 0; page < PAGES; page++)
        CHECK(!models[0].mapped[page]);
    dataspace_destroy(dataspace);

    CASE("a dataspace larger than the quota fails and costs nothing");
    used = account.ram.used;
    CHECK_EQ(dataspace_create(&account, 2 * ARENA, 0, &dataspace), ERR_NO_RAM);
    CHECK_EQ(dataspace_create(&account, 0, 0, &dataspace), ERR_RANGE);
    CHECK_EQ(dataspace_create(&account, UINT64_MAX, 0, &dataspace), ERR_RANGE);
    CHECK_EQ(account.ram.used, used);
}

static void test_nesting(void)
{
    struct region_map maps[4];
    struct attach attach = {.rights = ATTACH_WRITE};
    uint64_t address;

    for (unsigned i = 0; i < 4; i++)
        region_map_init(&maps[i], &account, NULL, 0, 64 * FRAME_SIZE, 0);

    CASE("no map shows itself, and nesting has a limit");
    attach.dataspace = &maps[0].self;
    CHECK_EQ(region_map_attach(&maps[0], &attach, &address), ERR_INVALID);
    CHECK_EQ(region_map_attach(&roots[0], &attach, &address), OK);
    attach.dataspace = &maps[1].self;
    CHECK_EQ(region_map_attach(&maps[0], &attach, &address), OK);
    attach.dataspace = &maps[0].self;
    CHECK_EQ(region_map_attach(&maps[1], &attach, &address), ERR_INVALID);
    attach.dataspace = &maps[2].self;
    CHECK_EQ(region_map_attach(&maps[1], &attach, &address), ERR_INVALID);
    CHECK_EQ(region_map_attach(&maps[3], &attach, &address), OK);
    attach.dataspace = &maps[3].self;
    CHECK_EQ(region_map_attach(&maps[0], &attach, &address), ERR_INVALID);

    CASE("a map is attached so many times and no more, so that changes stay short");
    unsigned uses = 0;
    attach.dataspace = &maps[3].self;
    attach.size = FRAME_SIZE;
    while (region_map_attach(&roots[0], &attach, &address) == OK)
        uses++;
    CHECK_EQ(uses, REGION_MAP_USES);
    CHECK_EQ(region_map_attach(&roots[0], &attach, &address), ERR_OVERFLOW);
    CHECK_EQ(region_map_detach(&roots[0], address), OK);
    CHECK_EQ(region_map_attach(&roots[0], &attach, &address), OK);
    for (unsigned i = 0; i < 4; i++)
        clear(&maps[i]);
    for (unsigned s = 0; s < SPACES; s++)
        clear(&roots[s]);
}

static struct dataspace *dataspaces[DATASPACES];
static struct region_map maps[MAPS];

static void random_step(uint64_t *seed)
{
    unsigned n = random_next(seed) % DATASPACES, kind = random_next(seed) % 16;
    unsigned m = random_next(seed) % (SPACES + MAPS);
    struct region_map *map = m < SPACES ? &roots[m] : &maps[m - SPACES];
    struct dataspace *dataspace =
        random_next(seed) % 5 == 0 ? &maps[random_next(seed) % MAPS].self : dataspaces[n];
    uint64_t address;

    if (kind == 0 && dataspaces[n]) {
        dataspace_destroy(dataspaces[n]);
        dataspaces[n] = NULL;
    } else if (!dataspaces[n]) {
        dataspaces[n] = make((1 + random_next(seed) % 40) * FRAME_SIZE, 0);
    } else if (kind < 10) {
        struct attach attach = {
            .dataspace = dataspace,
            .offset = random_next(seed) % 4 * FRAME_SIZE,
            .size = random_next(seed) % 8 * FRAME_SIZE,
            .fixed = random_next(seed) % 2,
            .address = random_next(seed) % (map->end / FRAME_SIZE) * FRAME_SIZE,
            .rights = random_next(seed) % 3,
        };
        enum status status = region_map_attach(map, &attach, &address);
        CHECK(status == OK || status == ERR_EXISTS || status == ERR_RANGE || status == ERR_NOT_FOUND ||
              status == ERR_INVALID);
    } else if (map->edge.next) {
        struct attachment *at = map->edge.next;

        for (unsigned skip = random_next(seed) % 8; skip && at->next; skip--)
            at = at->next;
        if (kind < 13)
            CHECK_EQ(region_map_detach(map, attachment_address(at)), OK);
        else if (at->dataspace_opt)
            CHECK_EQ(region_map_protect(map, attachment_address(at), random_next(seed) % 3), OK);
    }
}

static void test_random(void)
{
    uint64_t seed = 5;

    CASE("random steps with nested maps against the oracle");
    for (unsigned i = 0; i < MAPS; i++)
        region_map_init(&maps[i], &account, NULL, 0, 128 * FRAME_SIZE, 0);
    for (unsigned step = 0; step < 6000; step++) {
        random_step(&seed);
        if (step % 8 == 0)
            check_spaces();
    }
    for (unsigned i = 0; i < MAPS; i++)
        clear(&maps[i]);
    check_spaces();
    for (unsigned n = 0; n < DATASPACES; n++)
        if (dataspaces[n])
            dataspace_destroy(dataspaces[n]);
}

int main(void)
{
    struct machine machine;

    start(&machine);
    test_rules();
    test_detach();
    test_large();
    test_device_spaces();
    test_no_memory();
    test_nesting();
    test_random();
    CASE("everything returns to its start");
    finish(&machine);
    return check_finish();
}
