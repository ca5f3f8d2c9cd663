/* SPDX-License-Identifier: MIT */
/* Domains: a child that crashes, one that runs for ever, memory lent by one that dies, quotas. */
#include "abi/thread_state.h"
#include "contract/rom/client.h"
#include "lib/base/env.h"
#include "lib/base/kernel.h"
#include "lib/base/memory.h"
#include "lib/base/notification.h"
#include "lib/base/parent_session.h"
#include "lib/base/pd_session.h"
#include "lib/base/session.h"
#include "lib/base/thread.h"
#include "lib/child/child.h"
#include "lib/string/string.h"
#include "test/core/core_test.h"

static struct rom program;

static void open_child(struct connection *pd, struct child *child, const char *name)
{
    struct session_options options = {.service = "PD", .label_opt = "child", .ram = 2 << 20, .caps = 50};
    struct child_options load = {
        .name = name,
        .elf = program.data,
        .elf_size = program.size,
        .parent_portal = ENV_SLOT_PARENT, /* core itself: only in a test */
        .priority = 20,
    };

    CHECK_EQ(session_open(&options, pd), OK);
    load.pd_session = pd->slot;
    CHECK_EQ(child_load(&load, child), OK);
}

static void test_crash(void)
{
    struct connection pd;
    struct child child;
    struct pd_fault fault = {0};
    uint32_t notification = 0;
    uint64_t bits;

    test_case("a crash is reported, and the parent is told");
    open_child(&pd, &child, "crash");
    CHECK_EQ(notification_create(&notification), OK);
    CHECK_EQ(pd_fault_notify(pd.slot, notification), OK);
    CHECK_EQ(pd_fault_info(pd.slot, &fault), ERR_NOT_FOUND);
    CHECK_EQ(child_start(&child), OK);
    CHECK_EQ(notification_wait(notification, UINT64_MAX, &bits), OK);
    CHECK_EQ(pd_fault_info(pd.slot, &fault), OK);
    CHECK_EQ(fault.kind, PD_FAULT_PAGE);
    CHECK_EQ(fault.address, 0x10);
    CHECK(strcmp(fault.thread, "main") == 0);
    CHECK_EQ(pd_fault_info(pd.slot, &fault), ERR_NOT_FOUND);
    session_close(&pd);
    notification_destroy(notification);
}

static void test_lent_memory(void)
{
    struct connection pd;
    struct child child;
    uint32_t dataspace = 0;
    void *address = NULL;

    test_case("memory of a domain that dies becomes scratch at its peers");
    open_child(&pd, &child, "sleep");
    CHECK_EQ(child_start(&child), OK);
    CHECK_EQ(pd_dataspace_alloc(pd.slot, 4 * 4096, 0, &dataspace), OK);
    CHECK_EQ(memory_attach(dataspace, PD_READ | PD_WRITE, &address), OK);
    ((volatile char *)address)[4096] = 9;
    session_close(&pd);
    CHECK(((volatile char *)address)[4096] != 9);
    ((volatile char *)address)[4096] = 1; /* into this domain's scratch page */
    memory_detach(address);

    struct pd_attach attach = {.address = PD_ANYWHERE, .rights = PD_READ};
    uint64_t place;
    CHECK_EQ(pd_attach(ENV_SLOT_PD_SESSION, dataspace, &attach, &place), ERR_CAP);
    cap_free(dataspace);
}

static void test_child_quota(void)
{
    struct session_options options = {.service = "PD", .label_opt = "child", .ram = 1 << 20, .caps = 10};
    struct connection pd = {0};
    struct pd_info info = {0};
    uint32_t dataspace;

    test_case("a domain gets no more than its quota, and quota moves both ways");
    CHECK_EQ(session_open(&options, &pd), OK);
    CHECK_EQ(pd_dataspace_alloc(pd.slot, 1 << 20, 0, &dataspace), ERR_NO_RAM);
    CHECK_EQ(pd_transfer(ENV_SLOT_PD_SESSION, pd.slot, 1 << 20, 2), OK);
    CHECK_EQ(pd_info(pd.slot, &info), OK);
    CHECK_EQ(info.ram_limit, 2 << 20);
    CHECK_EQ(info.caps_limit, 12);
    CHECK_EQ(pd_dataspace_alloc(pd.slot, 1 << 20, 0, &dataspace), OK);
    CHECK_EQ(pd_transfer(pd.slot, ENV_SLOT_PD_SESSION, 1 << 20, 0), ERR_NO_RAM);
    CHECK_EQ(pd_transfer(pd.slot, ENV_SLOT_PD_SESSION, 0, 100), ERR_NO_CAPS);
    CHECK_EQ(pd_dataspace_free(pd.slot, dataspace), OK);
    cap_free(dataspace);
    CHECK_EQ(pd_transfer(pd.slot, ENV_SLOT_PD_SESSION, 1 << 20, 2), OK);
    for (unsigned i = 0; i < 6; i++)
        CHECK_EQ(pd_dataspace_alloc(pd.slot, 4096, 0, &dataspace), OK);
    CHECK_EQ(pd_dataspace_alloc(pd.slot, 4096, 0, &dataspace), ERR_NO_CAPS);
    session_close(&pd);

    options.ram = 4 << 12; /* not even enough for the kernel's part */
    CHECK_EQ(session_open(&options, &pd), ERR_NO_RAM);
    options.ram = 1 << 20;
    options.caps = 2;
    CHECK_EQ(session_open(&options, &pd), ERR_NO_CAPS);
    options.ram = 1ull << 60;
    CHECK_EQ(session_open(&options, &pd), ERR_NO_RAM);
}

#define BLOCK      (2ull << 20)
#define LARGE_USES 200u

/* Where a large page was comes a table of small ones when its memory dies, which somebody must pay for. */
static void test_debts(void)
{
    struct session_options options = {.service = "PD", .label_opt = "debtor", .ram = 4 << 20, .caps = 10};
    struct pd_attach attach = {.address = 1ull << 40, .rights = PD_READ};
    struct connection pd = {0};
    struct pd_info info = {0};
    uint64_t address;
    uint32_t dataspace = 0;

    test_case("memory that dies in many places is not paid by others");
    CHECK_EQ(session_open(&options, &pd), OK);
    CHECK_EQ(pd_dataspace_alloc(ENV_SLOT_PD_SESSION, BLOCK, PD_DATASPACE_CONTIGUOUS, &dataspace), OK);
    for (unsigned i = 0; i < LARGE_USES; i++, attach.address += BLOCK)
        CHECK_EQ(pd_attach(pd.slot, dataspace, &attach, &address), OK);
    CHECK_EQ(pd_info(pd.slot, &info), OK);
    CHECK(info.kmem_frames < LARGE_USES);
    CHECK_EQ(pd_transfer(pd.slot, ENV_SLOT_PD_SESSION, info.ram_limit - info.ram_used, 0), OK);
    dataspace_free(dataspace);
    CHECK_EQ(pd_info(pd.slot, &info), OK);
    CHECK(info.ram_used >= info.ram_limit);
    CHECK(info.ram_used <= info.ram_limit + 32 * 4096);
    session_close(&pd);
}

static void test_slots(void)
{
    struct session_options options = {.service = "PD", .label_opt = "child", .ram = 1 << 20, .caps = 10};
    struct connection pd = {0};
    struct pd_info info = {0};

    test_case("a domain that is lent capabilities has slots for them");
    CHECK_EQ(session_open(&options, &pd), OK);
    CHECK_EQ(pd_transfer(ENV_SLOT_PD_SESSION, pd.slot, 0, 400), OK);
    CHECK_EQ(pd_info(pd.slot, &info), OK);
    CHECK(info.slots >= 820);
    CHECK_EQ(session_upgrade(&pd, 0, 200), OK);
    CHECK_EQ(pd_info(pd.slot, &info), OK);
    CHECK(info.slots >= 1220);
    session_close(&pd);
}

static void test_many_threads(void)
{
    struct connection pd = {0};
    struct child child;
    struct pd_thread_create in = {.name = "extra", .priority = 20};
    struct pd_thread out;
    uint32_t thread = 0;

    test_case("threads until the quota is used up, then all are destroyed");
    open_child(&pd, &child, "sleep");
    enum status status;
    unsigned made = 0;
    while ((status = pd_thread_create(pd.slot, &in, &out, &thread)) == OK) {
        cap_free(thread);
        made++;
    }
    CHECK_EQ(status, ERR_NO_CAPS);
    CHECK(made > 3);
    CHECK_EQ(pd_thread_destroy(pd.slot, out.id), OK);
    CHECK_EQ(pd_thread_destroy(pd.slot, out.id), ERR_NOT_FOUND);

    struct pd_info info;

    CHECK_EQ(pd_info(pd.slot, &info), OK);
    CHECK_EQ(info.threads, made);
    CHECK_EQ(pd_thread_destroy(pd.slot, PD_THREAD_ALL), OK);
    CHECK_EQ(pd_info(pd.slot, &info), OK);
    CHECK_EQ(info.threads, 0);
    session_close(&pd);
}

/* Core is a parent too, one that has given everything away at the start. */
static void test_requests(void)
{
    struct parent_control control = {0};
    uint32_t notification = 0;
    uint64_t bits;

    test_case("init asks core for more, and hears that there is no more");
    CHECK_EQ(notification_create(&notification), OK);
    CHECK_EQ(parent_set_notification(PARENT_NOTIFY_CONTROL, notification), OK);
    CHECK_EQ(parent_resource_request(1ull << 30, 0), OK);
    CHECK_EQ(parent_resource_request(1ull << 30, 0), ERR_BUSY);
    CHECK_EQ(notification_wait(notification, UINT64_MAX, &bits), OK);
    CHECK_EQ(parent_control(&control), OK);
    CHECK_EQ(control.flags, PARENT_CONTROL_REFUSED);
    CHECK_EQ(parent_control(&control), OK);
    CHECK_EQ(control.flags, 0);
    CHECK_EQ(parent_resource_request(UINT64_MAX, UINT32_MAX), OK);
    CHECK_EQ(parent_control(&control), OK);
    CHECK_EQ(control.flags, PARENT_CONTROL_REFUSED);
    notification_destroy(notification);
}

/* Calls and faults of every CPU's threads reach core, wherever it runs. */
static volatile unsigned visited;

static void visit(void *argument)
{
    struct pd_info info;
    struct memory memory;

    (void)argument;
    CHECK_EQ(pd_info(ENV_SLOT_PD_SESSION, &info), OK);
    CHECK_EQ(memory_alloc(64 << 10, &memory), OK);
    for (uint64_t i = 0; i < memory.size; i += 4096)
        CHECK_EQ(((volatile char *)memory.address)[i], 0);
    memory_free(&memory);
    visited++;
}

static void test_cpus(void)
{
    struct thread_options options = {.name = "visitor"};
    struct session_options narrow = {
        .service = "PD", .args_opt = "cpu=0, cpus=1", .ram = 1 << 20, .caps = 10};
    struct usage before = usage_now();
    struct connection pd = {0};
    struct pd_info info = {0};
    struct thread *thread = NULL;
    unsigned cpus = env.page->cpus;

    test_case("threads live on each CPU of the domain's range, and on no other");
    visited = 0;
    for (unsigned cpu = 0; cpu < cpus; cpu++) {
        CHECK_EQ(thread_create_on(&options, cpu, visit, NULL, &thread), OK);
        thread_join(thread);
    }
    CHECK_EQ(visited, cpus);
    CHECK_EQ(thread_create_on(&options, cpus, visit, NULL, &thread), ERR_RANGE);
    CHECK_EQ(session_open(&narrow, &pd), OK);
    CHECK_EQ(pd_info(pd.slot, &info), OK);
    CHECK_EQ(info.cpus, 1);
    session_close(&pd);
    narrow.args_opt = "cpu=64";
    CHECK_EQ(session_open(&narrow, &pd), ERR_RANGE);
    narrow.args_opt = "cpus=0";
    CHECK_EQ(session_open(&narrow, &pd), ERR_RANGE);
    narrow.args_opt = "slice=99";
    CHECK_EQ(session_open(&narrow, &pd), ERR_RANGE);
    CHECK_USAGE(before);
}

/* Where one CPU must stop for another a round takes much longer in an emulator. */
#define KILLS (env.page->cpus > 1 ? 20u : 200u)

static void test_kills(void)
{
    struct usage before;
    struct connection pd;
    struct child child;

    test_case("many children are ended in the middle of everything, and nothing remains");
    before = usage_now();
    for (unsigned round = 0; round < KILLS; round++) {
        open_child(&pd, &child, "greedy");
        CHECK_EQ(child_start(&child), OK);
        thread_sleep_until(kernel_tsc() + env.page->tsc_khz * (round % 40) / 8);
        session_close(&pd);
    }
    CHECK_USAGE(before);
}

static void fault_for_ever(void *argument)
{
    *(volatile int *)argument = 1;
}

static void test_misdirected_events(void)
{
    struct thread_options options = {.name = "misdirected", .priority = 10};
    struct thread *thread;

    test_case("a thread whose faults are sent to a session hurts only itself");
    CHECK_EQ(thread_create(&options, fault_for_ever, (void *)0x18, &thread), OK);
    /* It has a lower priority, so it has not run yet. */
    CHECK_EQ(kernel_ec_bind(thread->slot, THREAD_EVENT_PAGE_FAULT, ENV_SLOT_PD_SESSION, THREAD_GROUP_GPR),
             OK);
    thread_sleep_until(kernel_tsc() + env.page->tsc_khz * 20);
    CHECK_EQ(pd_thread_destroy(ENV_SLOT_PD_SESSION, thread->id), OK);
}

void test_domains(void)
{
    struct session_options options = {.service = "ROM", .label_opt = "child", .ram = 8 << 10, .caps = 4};
    struct connection rom = {0};

    test_case("a ROM session shows a module");
    CHECK_EQ(session_open(&options, &rom), OK);
    CHECK_EQ(rom_map(rom.slot, &program), OK);
    CHECK(program.size > 4 && memcmp(program.data, "\177ELF", 4) == 0);
    test_crash();
    test_lent_memory();
    test_child_quota();
    test_debts();
    test_slots();
    test_requests();
    test_cpus();
    test_many_threads();
    test_misdirected_events();
    test_kills();

    test_case("domains return to their start");
    struct usage before = usage_now();
    test_quiet = true;
    for (unsigned round = 0; round < 10; round++) {
        test_lent_memory();
        test_many_threads();
        test_child_quota();
        test_debts();
    }
    test_quiet = false;
    CHECK_USAGE(before);
    rom_unmap(&program);
    session_close(&rom);
}
