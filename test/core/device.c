/* SPDX-License-Identifier: MIT */
/* ROM, raw resources, virtual machines: what is refused, and that exclusive things are exclusive. */
#include "abi/boot.h"
#include "abi/vcpu.h"
#include "contract/io_mem/client.h"
#include "contract/log/core_log.h"
#include "contract/rom/client.h"
#include "contract/vm/client.h"
#include "lib/base/env.h"
#include "lib/base/kernel.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/base/notification.h"
#include "lib/base/pd_session.h"
#include "lib/base/session.h"
#include "lib/base/thread.h"
#include "lib/string/string.h"
#include "test/core/core_test.h"

static enum status open(const char *service, const char *args, struct connection *out)
{
    struct session_options options = {.service = service, .args_opt = args, .ram = 16 << 10, .caps = 5};

    return session_open(&options, out);
}

static enum status open_rom(const char *label, const char *args, struct connection *out)
{
    struct session_options options = {
        .service = "ROM", .label_opt = label, .args_opt = args, .ram = 16 << 10, .caps = 5};

    return session_open(&options, out);
}

static void test_rom(void)
{
    struct connection rom = {0};
    struct rom content = {0};
    void *address;

    test_case("a ROM is read-only, and only modules are ROMs");
    CHECK_EQ(open_rom("config", "name=\"core_log\"", &rom), OK); /* the label counts */
    CHECK_EQ(rom_map(rom.slot, &content), OK);
    CHECK_EQ(content.size, 22);
    CHECK(content.size == 22 && memcmp(content.data, "The content of a ROM.\n", 22) == 0);
    CHECK_EQ(memory_attach(content.dataspace, PD_READ | PD_WRITE, &address), ERR_DENIED);
    rom_unmap(&content);
    session_close(&rom);
    CHECK_EQ(open_rom("nothing", "name=\"config\"", &rom), ERR_NOT_FOUND);
    CHECK_EQ(open("NOTHING", "", &rom), ERR_NOT_FOUND);
}

static void test_core_log(void)
{
    struct connection rom = {0};
    struct rom content = {0};
    uint32_t notification = 0;
    uint64_t bits;

    test_case("what is on the console is also in the ROM core_log");
    CHECK_EQ(open_rom("core_log", "", &rom), OK);
    CHECK_EQ(notification_create(&notification), OK);
    CHECK_EQ(rom_set_notification(rom.slot, notification), OK);
    CHECK_EQ(rom_map(rom.slot, &content), OK);
    const struct core_log *log = content.data;
    uint64_t before = log->written;
    log_info("a line");
    CHECK_EQ(log->written, before + sizeof("[init] a line\n") - 1);
    for (unsigned i = 0; i < sizeof("[init] a line\n") - 1; i++)
        CHECK_EQ(log->text[(before + i) % CORE_LOG_TEXT], "[init] a line\n"[i]);
    CHECK_EQ(notification_wait(notification, UINT64_MAX, &bits), OK);
    rom_unmap(&content);
    session_close(&rom);
    notification_destroy(notification);
}

static void test_io_mem(void)
{
    struct connection io_mem = {0}, second;

    test_case("IO_MEM: no RAM, no interrupt controller, one session a page");
    CHECK_EQ(open("IO_MEM", "base=0x200000, size=0x1000", &io_mem), ERR_DENIED);
    CHECK_EQ(open("IO_MEM", "base=0xfee00000, size=0x1000", &io_mem), ERR_DENIED);
    CHECK_EQ(open("IO_MEM", "base=0xfebf0000, size=0x100000", &io_mem), ERR_DENIED);
    CHECK_EQ(open("IO_MEM", "base=0xb8000", &io_mem), ERR_INVALID);
    CHECK_EQ(open("IO_MEM", "base=0xffffffffffffffff, size=2", &io_mem), ERR_RANGE);
    CHECK_EQ(open("IO_MEM", "base=0xfd000000, size=0x2000", &io_mem), OK);
    CHECK_EQ(open("IO_MEM", "base=0xfd001800, size=4", &second), ERR_BUSY);

    struct io_mem_range range = {0};
    uint32_t dataspace = 0;
    void *address = NULL;
    CHECK_EQ(io_mem_dataspace(io_mem.slot, &range, &dataspace), OK);
    CHECK_EQ(range.physical, 0xfd000000);
    CHECK_EQ(memory_attach(dataspace, PD_READ | PD_EXECUTE, &address), ERR_DENIED);
    CHECK_EQ(memory_attach(dataspace, PD_READ | PD_WRITE, &address), OK);
    CHECK(address && *(volatile uint32_t *)address != 1);
    memory_detach(address);
    cap_free(dataspace);
    session_close(&io_mem);
}

static void test_ports_and_interrupts(void)
{
    struct connection first = {0}, second;

    test_case("IO_PORT and IRQ: range-checked and exclusive");
    CHECK_EQ(open("IO_PORT", "port=0x10000, size=1", &first), ERR_RANGE);
    CHECK_EQ(open("IO_PORT", "port=0xffff, size=2", &first), ERR_RANGE);
    CHECK_EQ(open("IO_PORT", "port=0x70, size=0", &first), ERR_RANGE);
    CHECK_EQ(open("IO_PORT", "port=0x70, size=2", &first), OK);
    CHECK_EQ(open("IO_PORT", "port=0x6f, size=2", &second), ERR_BUSY);
    session_close(&first);
    CHECK_EQ(open("IRQ", "gsi=100000", &first), ERR_RANGE);
    CHECK_EQ(open("IRQ", "gsi=4, trigger=sometimes", &first), ERR_INVALID);
    CHECK_EQ(open("IRQ", "gsi=4", &first), OK);
    CHECK_EQ(open("IRQ", "gsi=4, trigger=level", &second), ERR_BUSY);
    session_close(&first);
}

/* Its exits arrive at core as requests, and what core answers is no state: this must hurt nobody else. */
static void misuse_vcpu(uint32_t vcpu)
{
    for (unsigned exit = 0; exit < VCPU_EXIT_COUNT; exit++)
        CHECK_EQ(kernel_ec_bind(vcpu, exit, ENV_SLOT_PD_SESSION, VCPU_GROUP_ALL), OK);
    CHECK_EQ(kernel_ec_control(vcpu, EC_RESUME), OK);
    thread_sleep_until(kernel_tsc() + env.page->tsc_khz * 20);
}

static void use_vm(const struct connection *vm)
{
    struct vm_attach attach = {.size = 16 << 20, .rights = PD_READ | PD_WRITE | PD_EXECUTE};
    uint32_t dataspace = 0, vcpu = 0;

    CHECK_EQ(dataspace_alloc(16 << 20, PD_DATASPACE_LARGE, &dataspace), OK);
    CHECK_EQ(vm_attach(vm->slot, dataspace, &attach), OK);
    CHECK_EQ(vm_attach(vm->slot, dataspace, &attach), ERR_EXISTS);
    attach.guest_physical = 0xfffff000;
    attach.size = 4096;
    CHECK_EQ(vm_attach(vm->slot, dataspace, &attach), OK);
    attach.guest_physical = 1ull << 62;
    CHECK_EQ(vm_attach(vm->slot, dataspace, &attach), ERR_RANGE);
    CHECK_EQ(vm_vcpu_create(vm->slot, 10, &vcpu), OK);
    misuse_vcpu(vcpu);
    cap_free(vcpu);
    CHECK_EQ(vm_vcpu_create_on(vm->slot, 10, env.page->cpus, &vcpu), ERR_RANGE);
    for (unsigned i = 1; i < VM_VCPUS_MAX; i++) {
        CHECK_EQ(vm_vcpu_create_on(vm->slot, 10, i % env.page->cpus, &vcpu), OK);
        cap_free(vcpu);
    }
    CHECK_EQ(vm_vcpu_create(vm->slot, 10, &vcpu), ERR_UNSUPPORTED);
    CHECK_EQ(vm_detach(vm->slot, 0xfffff000, 4096), OK);
    CHECK_EQ(vm_detach(vm->slot, 0xfffff000, 4096), OK);
    dataspace_free(dataspace);
}

static void test_vm(void)
{
    struct session_options options = {.service = "VM", .ram = 512 << 10, .caps = 20};
    struct connection vm = {0};
    bool supported = env.page->features & (BOOT_FEATURE_SVM | BOOT_FEATURE_VMX);

    test_case("VM: memory and a virtual CPU, or the reason why not");
    CHECK_EQ(session_open(&options, &vm), supported ? OK : ERR_UNSUPPORTED);
    if (!supported)
        return;
    use_vm(&vm);
    session_close(&vm);
}

void test_devices(void)
{
    test_rom();
    test_core_log();
    test_io_mem();
    test_ports_and_interrupts();
    test_vm();

    test_case("sessions return to their start");
    struct usage before = usage_now();
    test_quiet = true;
    for (unsigned round = 0; round < 3; round++) {
        test_rom();
        test_core_log();
        test_io_mem();
        test_ports_and_interrupts();
        test_vm();
    }
    test_quiet = false;
    CHECK_USAGE(before);
}
