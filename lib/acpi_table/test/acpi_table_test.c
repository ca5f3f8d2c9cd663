/* SPDX-License-Identifier: MIT */
/*
 * ACPI tables: good ones as a PC has them, and broken in each place.
 */
#include "lib/acpi_table/acpi_table.h"

#include "test/check.h"

static uint8_t table[512];

static void put(unsigned at, unsigned width, uint64_t value)
{
    for (unsigned i = 0; i < width; i++)
        table[at + i] = (uint8_t)(value >> 8 * i);
}

/* Makes the bytes from `at` sum to zero by the byte at `checksum`. */
static void seal(unsigned at, unsigned size, unsigned checksum)
{
    uint8_t sum = 0;

    table[checksum] = 0;
    for (unsigned i = 0; i < size; i++)
        sum = (uint8_t)(sum + table[at + i]);
    table[checksum] = (uint8_t)-sum;
}

static void header(const char *signature, uint32_t length)
{
    memcpy(table, signature, 4);
    put(4, 4, length);
    seal(0, length, 9);
}

static void test_root(void)
{
    uint64_t address;

    CASE("RSDT and XSDT: entries as many as fit");
    memset(table, 0, sizeof(table));
    put(36, 8, 0x1122334455667788);
    put(44, 4, 0x99);
    header("XSDT", 48);
    CHECK_EQ(acpi_table_check(table, 48, "XSDT"), OK);
    CHECK_EQ(acpi_root_entry(table, 0, &address), OK);
    CHECK_EQ(address, 0x1122334455667788);
    CHECK_EQ(acpi_root_entry(table, 1, &address), ERR_NOT_FOUND);
    table[0] = 'R';
    CHECK_EQ(acpi_root_entry(table, 2, &address), OK);
    CHECK_EQ(address, 0x99);
    CHECK_EQ(acpi_root_entry(table, 3, &address), ERR_NOT_FOUND);
    CHECK_EQ(acpi_root_entry(table, UINT32_MAX, &address), ERR_NOT_FOUND);
    table[0] = 'X';

    CASE("tables: another signature, a wrong sum, a length of too many or too few bytes");
    CHECK_EQ(acpi_table_check(table, 48, "MCFG"), ERR_NOT_FOUND);
    CHECK_EQ(acpi_table_check(table, 47, "XSDT"), ERR_INVALID);
    CHECK_EQ(acpi_table_check(table, 35, "XSDT"), ERR_INVALID);
    table[40]++;
    CHECK_EQ(acpi_table_check(table, 48, "XSDT"), ERR_INVALID);
    header("XSDT", 35);
    CHECK_EQ(acpi_table_check(table, 48, "XSDT"), ERR_INVALID);
    put(4, 4, ACPI_TABLE_MAX + 1);
    CHECK_EQ(acpi_table_check(table, 48, "XSDT"), ERR_INVALID);
}

static void mcfg(uint64_t base, unsigned first, unsigned last)
{
    memset(table, 0, sizeof(table));
    put(44, 8, base);
    put(52, 2, 1);
    put(54, 1, first);
    put(55, 1, last);
    header("MCFG", 60);
}

static void test_mcfg(void)
{
    struct acpi_ecam ecam;

    CASE("MCFG: a segment, and no second one");
    mcfg(0xb0000000, 0, 255);
    CHECK_EQ(acpi_table_check(table, 60, "MCFG"), OK);
    CHECK_EQ(acpi_mcfg_entry(table, 0, &ecam), OK);
    CHECK_EQ(ecam.base, 0xb0000000);
    CHECK_EQ(ecam.segment, 1);
    CHECK_EQ(ecam.last_bus, 255);
    CHECK_EQ(acpi_mcfg_entry(table, 1, &ecam), ERR_NOT_FOUND);

    CASE("MCFG: no base, a crooked one, one that wraps, buses in the wrong order");
    mcfg(0, 0, 255);
    CHECK_EQ(acpi_mcfg_entry(table, 0, &ecam), ERR_INVALID);
    mcfg(0xb0001000, 0, 255);
    CHECK_EQ(acpi_mcfg_entry(table, 0, &ecam), ERR_INVALID);
    mcfg(0xfffffffffff00000, 0, 255);
    CHECK_EQ(acpi_mcfg_entry(table, 0, &ecam), ERR_INVALID);
    mcfg(0xb0000000, 8, 7);
    CHECK_EQ(acpi_mcfg_entry(table, 0, &ecam), ERR_INVALID);
}

/* A unit with two scopes, a structure of unknown type, a reserved range. */
static void dmar(void)
{
    memset(table, 0, sizeof(table));
    put(36, 1, 38);
    put(50, 2, 16 + 8 + 10); /* DRHD at 48 */
    put(52, 1, 1);
    put(56, 8, 0xfed90000);
    put(64, 1, 1); /* endpoint, one step */
    put(65, 1, 8);
    put(70, 2, 0x0202);
    put(72, 1, 2); /* bridge, two steps */
    put(73, 1, 10);
    put(76, 1, 9);
    put(77, 1, 4);
    put(78, 4, 0x0103ff1f);
    put(82, 2, 9);
    put(84, 2, 4);
    put(86, 2, 1); /* RMRR at 86 */
    put(88, 2, 24 + 8);
    put(94, 8, 0x7f000000);
    put(102, 8, 0x7f0fffff);
    put(110, 1, 1);
    put(111, 1, 8);
    put(116, 2, 0x0014);
    header("DMAR", 118);
}

static void test_dmar(void)
{
    struct acpi_dmar one;
    struct acpi_scope scope;
    uint64_t at = 0, inner = 0;

    CASE("DMAR: a unit with its scopes, an unknown structure, a reserved range");
    dmar();
    CHECK_EQ(acpi_table_check(table, 118, "DMAR"), OK);
    CHECK(!acpi_dmar_remaps(table));
    put(37, 1, 1);
    CHECK(acpi_dmar_remaps(table));
    CHECK_EQ(acpi_dmar_next(table, &at, &one), OK);
    CHECK_EQ(one.type, ACPI_DMAR_UNIT);
    CHECK_EQ(one.base, 0xfed90000);
    CHECK(one.all);
    CHECK_EQ(acpi_dmar_scope(&one, &inner, &scope), OK);
    CHECK_EQ(scope.type, ACPI_SCOPE_ENDPOINT);
    CHECK_EQ(scope.length, 1);
    CHECK_EQ(scope.device[0] * 8 + scope.function[0], 2 * 8 + 2);
    CHECK_EQ(acpi_dmar_scope(&one, &inner, &scope), OK);
    CHECK_EQ(scope.type, ACPI_SCOPE_BRIDGE);
    CHECK_EQ(scope.start_bus, 4);
    CHECK_EQ(scope.id, 9);
    CHECK_EQ(scope.length, 2);
    CHECK_EQ(scope.device[0], 31);
    CHECK_EQ(scope.function[0], 7); /* cut to what an address holds */
    CHECK_EQ(scope.device[1], 3);
    CHECK_EQ(scope.function[1], 1);
    CHECK_EQ(acpi_dmar_scope(&one, &inner, &scope), ERR_NOT_FOUND);
    CHECK_EQ(acpi_dmar_next(table, &at, &one), OK);
    CHECK_EQ(one.type, 9);
    CHECK_EQ(acpi_dmar_next(table, &at, &one), OK);
    CHECK_EQ(one.type, ACPI_DMAR_RESERVED);
    CHECK_EQ(one.base, 0x7f000000);
    CHECK_EQ(one.limit, 0x7f0fffff);
    CHECK_EQ(acpi_dmar_next(table, &at, &one), ERR_NOT_FOUND);
}

static void test_dmar_broken(void)
{
    struct acpi_dmar one;
    struct acpi_scope scope;
    uint64_t at, inner;

    CASE("DMAR: lengths of zero, too short for the type, behind the end");
    static const uint16_t lengths[] = {0, 3, 15, 71, 0xffff};
    for (unsigned i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
        dmar();
        put(50, 2, lengths[i]);
        at = 0;
        CHECK_EQ(acpi_dmar_next(table, &at, &one), ERR_INVALID);
        CHECK_EQ(at, 0);
    }

    CASE("DMAR: registers nowhere or crooked, a reserved range from behind");
    dmar();
    put(56, 8, 0);
    at = 0;
    CHECK_EQ(acpi_dmar_next(table, &at, &one), ERR_INVALID);
    put(56, 8, 0xfed90008);
    CHECK_EQ(acpi_dmar_next(table, &at, &one), ERR_INVALID);
    dmar();
    put(94, 8, 0x80000000);
    at = 86;
    CHECK_EQ(acpi_dmar_next(table, &at, &one), ERR_INVALID);

    CASE("DMAR: scopes without a path, with one too long, behind the structure");
    static const uint8_t scopes[] = {0, 6, 7, 19, 6 + 2 * (ACPI_SCOPE_PATH_MAX + 1)};
    for (unsigned i = 0; i < sizeof(scopes); i++) {
        dmar();
        put(65, 1, scopes[i]);
        at = inner = 0;
        CHECK_EQ(acpi_dmar_next(table, &at, &one), OK);
        CHECK_EQ(acpi_dmar_scope(&one, &inner, &scope), ERR_INVALID);
    }
}

int main(void)
{
    test_root();
    test_mcfg();
    test_dmar();
    test_dmar_broken();
    return check_finish();
}
