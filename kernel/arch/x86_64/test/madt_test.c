/* SPDX-License-Identifier: MIT */
/* Tables as firmware writes them, and as nobody should. */
#include "kernel/arch/x86_64/madt.h"
#include "test/check.h"

#define HEADER_SIZE 44u

struct table {
    uint32_t length;
    uint8_t bytes[4096];
};

static struct table table_empty(void)
{
    struct table t = {.length = HEADER_SIZE};

    t.bytes[38] = 0xe1; /* local APIC at fee10000 */
    t.bytes[39] = 0xfe;
    return t;
}

static void entry_add(struct table *t, const uint8_t *entry, uint32_t length)
{
    memcpy(t->bytes + t->length, entry, length);
    t->length += length;
}

static void cpu_add(struct table *t, uint8_t apic_id, uint8_t flags)
{
    const uint8_t entry[8] = {0, 8, 7, apic_id, flags};

    entry_add(t, entry, sizeof(entry));
}

static void x2apic_add(struct table *t, uint32_t apic_id, uint8_t flags)
{
    uint8_t entry[16] = {9, 16, 0, 0, 0, 0, 0, 0, flags};

    memcpy(entry + 4, &apic_id, 4);
    entry_add(t, entry, sizeof(entry));
}

static void test_pc(void)
{
    struct madt madt;

    CASE("no table: a PC's addresses, no CPU");
    madt_parse(NULL, 0, &madt);
    CHECK_EQ(madt.local_apic, 0xfee00000u);
    CHECK_EQ(madt.cpu_count, 0u);
    CHECK_EQ(madt.ioapic_count, 1u);
    CHECK_EQ(madt.ioapic[0].address, 0xfec00000u);
}

static void test_entries(void)
{
    static const uint8_t ioapic[12] = {1, 12, 0, 0, 0, 0, 0xc1, 0xfe, 24};
    static const uint8_t override[10] = {2, 10, 0, 9, 20, 0, 0, 0, 0x0d, 0};
    static const uint8_t address[12] = {5, 12, 0, 0, 0, 0, 0, 0, 1};
    struct table t = table_empty();
    struct madt madt;

    CASE("CPUs, I/O APIC, override");
    cpu_add(&t, 0, 1);
    cpu_add(&t, 4, 1);
    entry_add(&t, ioapic, sizeof(ioapic));
    entry_add(&t, override, sizeof(override));
    madt_parse(t.bytes, t.length, &madt);
    CHECK_EQ(madt.local_apic, 0xfee10000u);
    CHECK_EQ(madt.cpu_count, 2u);
    CHECK_EQ(madt.apic_id[1], 4u);
    CHECK_EQ(madt.ioapic_count, 1u);
    CHECK_EQ(madt.ioapic[0].address, 0xfec10000u);
    CHECK_EQ(madt.ioapic[0].gsi_base, 24u);
    CHECK_EQ(madt.override_count, 1u);
    CHECK_EQ(madt.override[0].gsi, 20u);
    CHECK_EQ(madt.override[0].flags, 13u);

    CASE("an address of 64 bits wins over the one in the header");
    entry_add(&t, address, sizeof(address));
    madt_parse(t.bytes, t.length, &madt);
    CHECK_EQ(madt.local_apic, 0x100000000ull);
}

static void test_cpus(void)
{
    struct table t = table_empty();
    struct madt madt;

    CASE("CPUs that are not there (yet) are not listed, those listed twice once");
    cpu_add(&t, 0, 1);
    cpu_add(&t, 1, 0);
    cpu_add(&t, 2, 2); /* may be plugged in */
    x2apic_add(&t, 0, 1);
    x2apic_add(&t, 0x12345, 1);
    x2apic_add(&t, 0x12346, 0);
    madt_parse(t.bytes, t.length, &madt);
    CHECK_EQ(madt.cpu_count, 2u);
    CHECK_EQ(madt.apic_id[0], 0u);
    CHECK_EQ(madt.apic_id[1], 0x12345u);
    CHECK_EQ(madt.cpus_omitted, 0u);

    CASE("more CPUs than places are counted");
    t = table_empty();
    for (unsigned i = 0; i < MADT_CPUS_MAX + 3; i++)
        cpu_add(&t, (uint8_t)i, 1);
    madt_parse(t.bytes, t.length, &madt);
    CHECK_EQ(madt.cpu_count, MADT_CPUS_MAX);
    CHECK_EQ(madt.cpus_omitted, 3u);
}

static void test_broken(void)
{
    static const uint8_t nothing[2] = {0, 0};
    struct table t = table_empty();
    struct madt madt;

    CASE("an entry of length 0 ends the list");
    cpu_add(&t, 1, 1);
    entry_add(&t, nothing, sizeof(nothing));
    cpu_add(&t, 2, 1);
    madt_parse(t.bytes, t.length, &madt);
    CHECK_EQ(madt.cpu_count, 1u);

    CASE("an entry that leaves the table ends the list, at any length");
    t = table_empty();
    cpu_add(&t, 1, 1);
    x2apic_add(&t, 2, 1);
    for (uint32_t length = 0; length < t.length; length++) {
        uint8_t *exact = malloc(length ? length : 1); /* the sanitizer sees every byte too far */

        memcpy(exact, t.bytes, length);
        madt_parse(exact, length, &madt);
        free(exact);
        CHECK_EQ(madt.cpu_count, length >= HEADER_SIZE + 8 ? 1u : 0u);
    }

    CASE("entries that are too short for their type are passed by");
    t = table_empty();
    for (unsigned type = 0; type < 256; type++) {
        const uint8_t entry[4] = {(uint8_t)type, 4, 0xff, 0xff};

        entry_add(&t, entry, sizeof(entry));
    }
    cpu_add(&t, 9, 1);
    madt_parse(t.bytes, t.length, &madt);
    CHECK_EQ(madt.cpu_count, 1u);
    CHECK_EQ(madt.ioapic[0].address, 0xfec00000u);
}

int main(void)
{
    test_pc();
    test_entries();
    test_cpus();
    test_broken();
    return check_finish();
}
