/* SPDX-License-Identifier: MIT */
/*
 * The small devices: ACPI power management, reset, keyboard controller, PCI configuration; and the
 * conversion of ticks.
 */
#include "vmm/device/acpi_pm/acpi_pm.h"
#include "vmm/device/i8042/i8042.h"
#include "vmm/device/pci_config/pci_config.h"
#include "vmm/device/reset/reset.h"
#include "vmm/device/test/fixture.h"
#include "vmm/device/ticks.h"

static void count(void *context)
{
    ++*(unsigned *)context;
}

static void test_acpi(void)
{
    struct fixture_line sci = {0};
    unsigned offs = 0;
    struct acpi_pm pm;

    CASE("PM timer: 3.579545 MHz, 32 bits, any width");
    fixture_ns = 0;
    acpi_pm_init(&pm, fixture_clock, fixture_irq(&sci), count, &offs);
    fixture_ns = NANOSECONDS_PER_SECOND;
    CHECK_EQ(acpi_pm_read(&pm, ACPI_PM_TMR, 4), 3579545);
    CHECK_EQ(acpi_pm_read(&pm, ACPI_PM_TMR + 1, 1), 3579545 >> 8 & 0xff);
    fixture_ns = 1200 * NANOSECONDS_PER_SECOND;
    CHECK_EQ(acpi_pm_read(&pm, ACPI_PM_TMR, 4), 3579545ull * 1200 & 0xffffffff);

    CASE("TMR_STS at each change of the top bit; SCI only if enabled");
    CHECK_EQ(acpi_pm_deadline(&pm), DEVICE_NO_DEADLINE);
    CHECK_EQ(acpi_pm_read(&pm, ACPI_PM1_EVT, 2), 1);
    acpi_pm_write(&pm, ACPI_PM1_EVT, 2, 1);
    CHECK_EQ(acpi_pm_read(&pm, ACPI_PM1_EVT, 2), 0);
    acpi_pm_write(&pm, ACPI_PM1_EVT + 2, 2, 1);
    CHECK_EQ(acpi_pm_deadline(&pm), ticks_to_ns(0x180000000ull, ACPI_PM_TIMER_HZ));
    CHECK(!sci.level);
    fixture_ns = acpi_pm_deadline(&pm);
    acpi_pm_expire(&pm, fixture_ns);
    CHECK(sci.level);
    acpi_pm_write(&pm, ACPI_PM1_EVT, 4, 0x00010001);
    CHECK(!sci.level);

    CASE("power button: status, SCI, write one to clear, byte accesses");
    acpi_pm_write(&pm, ACPI_PM1_EVT + 3, 1, 1);
    CHECK_EQ(acpi_pm_read(&pm, ACPI_PM1_EVT + 2, 2), 0x101);
    pm.status |= 1 << 8;
    acpi_pm_write(&pm, ACPI_PM_TMR, 1, 0);
    CHECK(sci.level);
    CHECK_EQ(acpi_pm_read(&pm, ACPI_PM1_EVT, 4), 0x01010100);
    acpi_pm_write(&pm, ACPI_PM1_EVT, 2, 0x001);
    CHECK(sci.level);
    acpi_pm_write(&pm, ACPI_PM1_EVT, 2, 0x100);
    CHECK(!sci.level);

    CASE("control: SCI_EN reads 1; S5 with SLP_EN switches off, other types do not");
    CHECK_EQ(acpi_pm_read(&pm, ACPI_PM1_CNT, 2), 1);
    acpi_pm_write(&pm, ACPI_PM1_CNT, 2, ACPI_PM_S5_TYPE << 10 | 1);
    acpi_pm_write(&pm, ACPI_PM1_CNT, 2, 1 << 10 | 1 << 13 | 1);
    CHECK_EQ(offs, 0);
    acpi_pm_write(&pm, ACPI_PM1_CNT, 2, ACPI_PM_S5_TYPE << 10 | 1 << 13 | 1);
    CHECK_EQ(offs, 1);
    CHECK_EQ(acpi_pm_read(&pm, ACPI_PM1_CNT, 2), ACPI_PM_S5_TYPE << 10 | 1);
    CHECK_EQ(acpi_pm_read(&pm, 12, 4), 0);
}

static void test_reset(void)
{
    unsigned resets = 0;
    struct i8042 keyboard;
    struct reset reset;
    static struct mmio_bus mmio;
    static struct pci_bus bus;
    struct pci_config pci;

    CASE("RST_CNT: the rise of RST_CPU resets");
    reset_init(&reset, count, &resets);
    mmio_bus_init(&mmio);
    pci_bus_init(&bus, &mmio);
    pci_config_init(&pci, &bus, &reset);
    pci_config_write(&pci, 1, 1, 0x02);
    CHECK_EQ(pci_config_read(&pci, 1, 1), 0x02);
    CHECK_EQ(resets, 0);
    pci_config_write(&pci, 1, 1, 0x06);
    CHECK_EQ(resets, 1);
    pci_config_write(&pci, 1, 1, 0x06);
    CHECK_EQ(resets, 1);

    CASE("PCI: CONFIG_ADDRESS is a dword register");
    pci_config_write(&pci, 0, 4, 0x80000000);
    CHECK_EQ(pci_config_read(&pci, 0, 4), 0x80000000);
    pci_config_write(&pci, 0, 1, 0x12);
    pci_config_write(&pci, 0, 2, 0x12);
    CHECK_EQ(pci_config_read(&pci, 0, 4), 0x80000000);
    pci_config_write(&pci, 0, 4, 0xffffffff);
    CHECK_EQ(pci_config_read(&pci, 0, 4), 0x80fffffc);
    CHECK_EQ(pci_config_read(&pci, 0, 1), 0xff);

    CASE("PCI: a host bridge at 00:00.0 and nothing else");
    pci_config_write(&pci, 0, 4, 0x80000000);
    CHECK_EQ(pci_config_read(&pci, 4, 4), 0x0d578086);
    CHECK_EQ(pci_config_read(&pci, 4, 2), 0x8086);
    CHECK_EQ(pci_config_read(&pci, 6, 2), 0x0d57);
    CHECK_EQ(pci_config_read(&pci, 7, 1), 0x0d);
    pci_config_write(&pci, 4, 4, 0);
    CHECK_EQ(pci_config_read(&pci, 4, 4), 0x0d578086);
    pci_config_write(&pci, 0, 4, 0x80000008);
    CHECK_EQ(pci_config_read(&pci, 6, 2), 0x0600);
    pci_config_write(&pci, 0, 4, 0x80000010);
    CHECK_EQ(pci_config_read(&pci, 4, 4), 0);
    for (uint32_t function = 1; function <= 0xffff; function <<= 1) {
        pci_config_write(&pci, 0, 4, 0x80000000 | function << 8);
        CHECK_EQ(pci_config_read(&pci, 4, 4), 0xffffffff);
    }
    pci_config_write(&pci, 0, 4, 0);
    CHECK_EQ(pci_config_read(&pci, 4, 4), 0xffffffff);
    CHECK_EQ(pci_config_read(&pci, 6, 2), 0xffff);

    CASE("keyboard controller: looks absent, takes commands, resets");
    resets = 0;
    i8042_init(&keyboard, count, &resets);
    CHECK_EQ(i8042_command_read(&keyboard, 0, 1), 0xfd);
    CHECK_EQ(i8042_data_read(&keyboard, 0, 1), 0xff);
    i8042_command_write(&keyboard, 0, 1, 0xaa);
    i8042_command_write(&keyboard, 0, 1, 0xff);
    i8042_data_write(&keyboard, 0, 1, 0xfe);
    CHECK_EQ(resets, 0);
    i8042_command_write(&keyboard, 0, 1, 0xfe);
    CHECK_EQ(resets, 1);
    i8042_command_write(&keyboard, 0, 1, 0xd1);
    i8042_data_write(&keyboard, 0, 1, 0xdf);
    CHECK_EQ(resets, 1);
    i8042_command_write(&keyboard, 0, 1, 0xd1);
    i8042_data_write(&keyboard, 0, 1, 0xfe);
    CHECK_EQ(resets, 2);
}

static void test_small(void)
{
    CASE("ticks: there and back, and saturation");
    for (uint64_t tick = 1; tick < 1ull << 60; tick = tick * 3 + 1) {
        uint64_t ns = ticks_to_ns(tick, 3579545);

        CHECK(ns == UINT64_MAX || ticks_from_ns(ns, 3579545) == tick);
        CHECK(ns == UINT64_MAX || ticks_from_ns(ns - 1, 3579545) == tick - 1);
    }
    CHECK_EQ(ticks_to_ns(UINT64_MAX, 1), UINT64_MAX);
    CHECK_EQ(ticks_add(UINT64_MAX - 1, 2), UINT64_MAX);
}

int main(void)
{
    test_acpi();
    test_reset();
    test_small();
    return check_finish();
}
