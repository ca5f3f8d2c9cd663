/* SPDX-License-Identifier: MIT */
/* IOMMUs, DMA spaces and interrupts behind them, against units that remember all they may (vtd_device.h). */
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

static void fault_once(uint64_t bus)
{
    uint64_t reached;

    CHECK(!vtd_device_access(0, DEVICE, bus, false, &reached));
}

static void fault_more(void)
{
    fault_once(0x5000);
}

/* The one record is in use until it has been read: what comes before that overflows. */
static void test_fault_overflow(void)
{
    struct vtd_device_kind kind = usual;
    struct iommu *iommu;
    uint64_t address, info;

    CASE("a fault while the last record is being read does not end all reports");
    begin(&kind);
    kind.fault_records = 1;
    vtd_device_reset(&kind);
    iommu = unit_make(0);
    fault_once(0x1000);
    vtd_device_meanwhile_opt = fault_more;
    CHECK_EQ(iommu_fault(iommu, &address, &info), OK);
    vtd_device_meanwhile_opt = NULL;
    CHECK_EQ(address, 0x1000);
    CHECK_EQ(iommu_fault(iommu, &address, &info), ERR_NOT_FOUND);
    fault_once(0x2000);
    CHECK_EQ(iommu_fault(iommu, &address, &info), OK);
    CHECK_EQ(address, 0x2000);
    iommu_destroy(iommu);
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

static struct interrupt *interrupt_make(struct interrupt_source source, struct notification *notification,
                                        enum status expected)
{
    struct interrupt *interrupt = NULL;

    CHECK_EQ(interrupt_create(account, &source, notification, 1, &interrupt), expected);
    return interrupt;
}

static bool raised(struct notification *notification, unsigned line)
{
    interrupt_raised(line);
    return __atomic_exchange_n(&notification->pending, 0, __ATOMIC_SEQ_CST);
}

static void test_interrupt_objects(void)
{
    struct notification *notification;
    struct interrupt *plain, *bound, *fault, *messages[HOST_MESSAGES];
    struct message message;
    struct iommu *iommu;
    uint64_t address;
    uint32_t data;
    uint8_t vector;

    CASE("interrupt objects that are messages: any free line, each its own");
    begin(&usual);
    notification = account_object_alloc(account, OBJECT_NOTIFICATION, sizeof(*notification));
    for (unsigned i = 0; i < HOST_MESSAGES; i++) {
        messages[i] = interrupt_make((struct interrupt_source){0, INTERRUPT_MESSAGE, NULL}, notification, OK);
        CHECK(messages[i]->line >= HOST_LINES && (i == 0 || messages[i]->line != messages[i - 1]->line));
        CHECK(raised(notification, messages[i]->line));
        interrupt_ack(messages[i]);
    }
    interrupt_make((struct interrupt_source){0, INTERRUPT_MESSAGE, NULL}, notification, ERR_EXISTS);
    for (unsigned i = 0; i < HOST_MESSAGES; i++)
        interrupt_destroy(messages[i]);
    interrupt_make((struct interrupt_source){65536, INTERRUPT_MESSAGE, NULL}, notification, ERR_RANGE);
    interrupt_make((struct interrupt_source){0, INTERRUPT_MESSAGE | INTERRUPT_LEVEL, NULL}, notification,
                   ERR_INVALID);
    CHECK(!raised(notification, HOST_LINES));

    CASE("behind a unit they belong to one device, and end with their object");
    iommu = unit_make(0);
    plain = interrupt_make((struct interrupt_source){DEVICE, INTERRUPT_MESSAGE, iommu}, notification, OK);
    message = interrupt_message(plain); /* the unit does not remap yet */
    CHECK(vtd_device_message(0, OTHER, message.address, message.data, &vector));
    CHECK_EQ(iommu_remap(iommu, 0), OK);
    bound = interrupt_make((struct interrupt_source){DEVICE, INTERRUPT_MESSAGE, iommu}, notification, OK);
    message = interrupt_message(bound);
    CHECK(vtd_device_message(0, DEVICE, message.address, message.data, &vector));
    CHECK_EQ(vector, 0x30 + bound->line);
    CHECK(!vtd_device_message(0, OTHER, message.address, message.data, &vector));
    interrupt_destroy(bound);
    CHECK(!vtd_device_message(0, DEVICE, message.address, message.data, &vector));

    CASE("a unit's faults: one object, masked until it is acknowledged");
    fault = interrupt_make((struct interrupt_source){0, INTERRUPT_FAULT, iommu}, notification, OK);
    interrupt_make((struct interrupt_source){0, INTERRUPT_FAULT, iommu}, notification, ERR_EXISTS);
    while (iommu_fault(iommu, &address, &address) == OK) {}
    (void)vtd_device_events(0, &address, &data);
    CHECK(blocked(DEVICE, 0x1000));
    CHECK_EQ(vtd_device_events(0, &address, &data), 0);
    while (iommu_fault(iommu, &address, &address) == OK) {}
    interrupt_ack(fault);
    CHECK(blocked(DEVICE, 0x1000));
    CHECK_EQ(vtd_device_events(0, &address, &data), 1);
    CHECK_EQ(data, fault->line); /* the host's message says the line */
    interrupt_destroy(fault);
    fault = interrupt_make((struct interrupt_source){0, INTERRUPT_FAULT, iommu}, notification, OK);

    CASE("a unit may end before its interrupts");
    iommu_destroy(iommu);
    interrupt_ack(fault);
    interrupt_destroy(fault);
    interrupt_destroy(plain);
    notification_destroy(notification);
    end();
}

int main(void)
{
    test_create();
    test_blocked();
    test_slow_end();
    test_freed_table();
    test_formats();
    test_faults();
    test_fault_overflow();
    test_interrupts();
    test_interrupt_objects();
    return check_finish();
}
