/* SPDX-License-Identifier: MIT */
/* All paging modes against tables built by hand, rights, accessed and dirty bits, and tables where no RAM is. */
#include "vmm/memory/translate.h"

#include <stdlib.h>

#include "test/check.h"

#define LOW   (8u << 20)
#define HIGH  (2u << 20)
#define ROOT  0x10000u
#define PG    0x80000001ull
#define WP    (1ull << 16)
#define LARGE 0x80u

static struct guest_ram ram;

static void wide(uint64_t table, unsigned index, uint64_t entry)
{
    ((uint64_t *)(ram.low + table))[index] = entry;
}

static void narrow(uint64_t table, unsigned index, uint32_t entry)
{
    ((uint32_t *)(ram.low + table))[index] = entry;
}

/* UINT64_MAX: not mapped. */
static uint64_t at(const struct translate_mode *mode, uint64_t linear)
{
    uint64_t physical = 1, checked = 1;
    uint32_t fault = 0;
    enum status status = translate(&ram, mode, linear, &physical);

    CHECK_EQ(translate_data(&ram, mode, linear, (struct translate_access){0}, &checked, &fault), status);
    CHECK_EQ(checked, physical);
    return status == OK ? physical : UINT64_MAX;
}

static const struct translate_mode long_mode = {PG, ROOT | 0x18, 0x20, 0x500};

static void build_long(void)
{
    memset(ram.low, 0, LOW);
    wide(ROOT, 0, 0x11000 | 7);
    wide(ROOT, 511, 0x11000 | 7);
    wide(0x11000, 0, 0x12000 | 7);
    wide(0x11000, 1, 0x40000000 | LARGE | 7 | 1ull << 63);
    wide(0x11000, 2, 0x123456789000 | 7); /* a table beyond RAM */
    wide(0x12000, 0, 0x13000 | 7);
    wide(0x12000, 1, 0x600000 | LARGE | 7);
    wide(0x13000, 0, 0x20000 | 7);
    wide(0x13000, 1, 0x30000 | 7);
    wide(0x13000, 3, (LOW - 4096) | 7);
    wide(0x13000, 4, 0x90000000 | 7); /* a page where no RAM is */
}

static void test_long(void)
{
    CASE("long mode: pages of 4 KiB, 2 MiB and 1 GiB");
    build_long();
    CHECK_EQ(at(&long_mode, 0x123), 0x20123);
    CHECK_EQ(at(&long_mode, 0x1fff), 0x30fff);
    CHECK_EQ(at(&long_mode, 0x2000), UINT64_MAX);
    CHECK_EQ(at(&long_mode, 0x2abcde), 0x6abcde);
    CHECK_EQ(at(&long_mode, 0x40000000 + 0x2345678), 0x42345678);
    CHECK_EQ(at(&long_mode, 0xffffff8000000123), 0x20123);
    CHECK_EQ(at(&long_mode, 0x8000000000), UINT64_MAX);
    CHECK_EQ(at(&long_mode, 0x4000), 0x90000000);

    CASE("long mode: tables where no RAM is");
    CHECK_EQ(at(&long_mode, 0x80000000), UINT64_MAX);
    CHECK_EQ(at(&(struct translate_mode){PG, 0x90000000, 0x20, 0x500}, 0), UINT64_MAX);
    CHECK_EQ(at(&(struct translate_mode){PG, UINT64_MAX, 0x20, 0x500}, UINT64_MAX), UINT64_MAX);
}

static void test_pae(void)
{
    const struct translate_mode mode = {PG, 0x10020, 0x20, 0};

    CASE("PAE: pages of 4 KiB and 2 MiB, pointers at a multiple of 32");
    memset(ram.low, 0, LOW);
    wide(0x10020, 3, 0x12000 | 1);
    wide(0x12000, 0, 0x13000 | 7);
    wide(0x12000, 511, 0x100000000 | LARGE | 7);
    wide(0x13000, 5, 0x22000 | 7);
    CHECK_EQ(at(&mode, 0xc0005010), 0x22010);
    CHECK_EQ(at(&mode, 0x1c0005010), 0x22010);
    CHECK_EQ(at(&mode, 0xffe12345), 0x100012345);
    CHECK_EQ(at(&mode, 0x5010), UINT64_MAX);
    CHECK_EQ(((uint64_t *)(ram.low + 0x10020))[3], 0x12001);
}

static void test_legacy(void)
{
    struct translate_mode mode = {PG, 0x10000, 0x10, 0};

    CASE("32-bit paging: pages of 4 KiB and 4 MiB, PSE-36");
    memset(ram.low, 0, LOW);
    narrow(0x10000, 1, 0x14000 | 7);
    narrow(0x14000, 2, 0x25000 | 7);
    narrow(0x10000, 2, 0x00400000 | 1u << 13 | LARGE | 7);
    CHECK_EQ(at(&mode, 0x402034), 0x25034);
    CHECK_EQ(at(&mode, 0x812345), 0x100412345);
    CHECK_EQ(at(&mode, 0xc00000), UINT64_MAX);
    mode.cr4 = 0; /* bit 7 means nothing */
    CHECK_EQ(at(&mode, 0x812345), UINT64_MAX);

    CASE("without paging");
    CHECK_EQ(at(&(struct translate_mode){1, 0, 0, 0}, 0x812345), 0x812345);
    CHECK_EQ(at(&(struct translate_mode){1, 0, 0, 0}, 0x100000005), 5);
}

static int fault_of(uint64_t rights, bool write, bool user, uint64_t cr0, bool closed)
{
    struct translate_mode mode = long_mode;
    uint64_t physical;
    uint32_t fault = 0;

    wide(0x13000, 1, 0x30000 | rights);
    mode.cr0 |= cr0;
    if (translate_data(&ram, &mode, 0x1000, (struct translate_access){write, user, closed}, &physical,
                       &fault) == OK)
        return -1;
    return (int)fault;
}

static void test_rights(void)
{
    CASE("rights and error codes");
    build_long();
    CHECK_EQ(fault_of(0, false, false, WP, false), 0);
    CHECK_EQ(fault_of(0, true, true, WP, false), 6);
    CHECK_EQ(fault_of(1, false, false, WP, false), -1);
    CHECK_EQ(fault_of(1, true, false, WP, false), 3);
    CHECK_EQ(fault_of(1, true, false, 0, false), -1);
    CHECK_EQ(fault_of(3, false, true, WP, false), 5);
    CHECK_EQ(fault_of(5, true, true, 0, false), 7);
    CHECK_EQ(fault_of(7, true, true, WP, true), -1);
    CHECK_EQ(fault_of(7, false, false, WP, true), 1);
    CHECK_EQ(fault_of(3, false, false, WP, true), -1);
    wide(0x12000, 0, 0x13000 | 5); /* a table takes rights away */
    CHECK_EQ(fault_of(7, true, true, WP, false), 7);

    CASE("accessed and dirty bits, and only of a success");
    build_long();
    CHECK_EQ(fault_of(1, true, false, WP, false), 3);
    CHECK_EQ(((uint64_t *)(ram.low + 0x12000))[0], 0x13007);
    CHECK_EQ(fault_of(7, false, false, WP, false), -1);
    CHECK_EQ(((uint64_t *)(ram.low + ROOT))[0], 0x11027);
    CHECK_EQ(((uint64_t *)(ram.low + 0x13000))[1], 0x30027);
    CHECK_EQ(fault_of(7, true, false, WP, false), -1);
    CHECK_EQ(((uint64_t *)(ram.low + 0x12000))[0], 0x13027);
    CHECK_EQ(((uint64_t *)(ram.low + 0x13000))[1], 0x30067);
}

static void test_read(void)
{
    uint8_t bytes[32];

    CASE("reads across pages end where the mapping or the RAM ends");
    build_long();
    memset(ram.low + 0x20ff8, 0x11, 8);
    memset(ram.low + 0x30000, 0x22, 4096);
    CHECK_EQ(translate_read(&ram, &long_mode, 0xff8, bytes, 15), 15);
    CHECK(bytes[7] == 0x11 && bytes[8] == 0x22);
    CHECK_EQ(translate_read(&ram, &long_mode, 0x1ffc, bytes, 15), 4);
    CHECK_EQ(translate_read(&ram, &long_mode, 0x3ff8, bytes, 15), 8);
    CHECK_EQ(translate_read(&ram, &long_mode, 0x4000, bytes, 15), 0);
    CHECK_EQ(translate_read(&ram, &(struct translate_mode){1, 0, 0, 0}, LOW - 3, bytes, 15), 3);
    CHECK_EQ(translate_read(&ram, &(struct translate_mode){1, 0, 0, 0}, UINT64_MAX - 3, bytes, 15), 0);
}

static const uint8_t *look(struct translate_page *page, const struct translate_mode *mode, uint64_t linear)
{
    return translate_page_opt(page, &ram, mode->cr0, mode->cr3, mode->cr4, mode->efer, linear);
}

static const uint8_t *kept(struct translate_page *page, uint64_t linear)
{
    return look(page, &long_mode, linear);
}

static void test_page(void)
{
    struct translate_page page = {0};
    struct translate_mode other = long_mode;

    CASE("a page that is kept is looked up anew when anything on the way to it changes");
    build_long();
    CHECK(kept(&page, 0x123) == ram.low + 0x20000);
    CHECK(kept(&page, 0xfff) == ram.low + 0x20000);
    CHECK(kept(&page, 0x1000) == ram.low + 0x30000);
    wide(0x13000, 1, 0x21000 | 7);
    CHECK(kept(&page, 0x1000) == ram.low + 0x21000);
    wide(0x11000, 0, 0x14000 | 7);
    CHECK(!kept(&page, 0x1000));
    wide(0x14000, 0, 0x13000 | 7);
    CHECK(kept(&page, 0x1000) == ram.low + 0x21000);
    wide(ROOT, 0, 0);
    CHECK(!kept(&page, 0x1000));
    CHECK(kept(&page, 0xffffff8000001000) == ram.low + 0x21000);
    other.cr3 = 0x90000000;
    CHECK(!look(&page, &other, 0xffffff8000001000));

    CASE("a large page gives the 4 KiB in question; none where no RAM is, and none outside long mode");
    build_long();
    CHECK(kept(&page, 0x2abcde) == ram.low + 0x6ab000);
    CHECK(kept(&page, 0x2acdef) == ram.low + 0x6ac000);
    CHECK(!kept(&page, 0x4000));
    CHECK(!kept(&page, 0x2000));
    CHECK(!look(&page, &(struct translate_mode){1, 0, 0, 0}, 0));
}

int main(void)
{
    ram = (struct guest_ram){
        .low = calloc(1, LOW), .low_size = LOW, .high = calloc(1, HIGH), .high_size = HIGH};
    REQUIRE(ram.low && ram.high);
    test_long();
    test_pae();
    test_legacy();
    test_rights();
    test_read();
    test_page();
    free(ram.low);
    free(ram.high);
    return check_finish();
}
