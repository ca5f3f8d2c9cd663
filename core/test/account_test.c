/* SPDX-License-Identifier: MIT */
/* Quota tree and slabs: limits are conserved, use never exceeds them, everything comes back. */
#include "core/test/host.h"
#include "test/check.h"

#define SIZE     (4 * BLOCK_SIZE)
#define ACCOUNTS 12
#define NOTES    600

static struct account root, accounts[ACCOUNTS];

static uint64_t sum_of_limits(void)
{
    uint64_t sum = root.ram.limit;

    for (int i = 0; i < ACCOUNTS; i++)
        sum += accounts[i].ram.limit;
    return sum;
}

static void test_slab_random(struct machine *machine)
{
    static struct {
        unsigned char *note;
        size_t size;
        unsigned char fill;
    } notes[NOTES];
    uint64_t seed = 7;

    for (int i = 0; i < ACCOUNTS; i++)
        CHECK_EQ(account_open(&accounts[i], &root, 16 * FRAME_SIZE, 10), OK);
    for (unsigned round = 0; round < 30000; round++) {
        unsigned n = random_next(&seed) % NOTES;
        struct account *account = &accounts[random_next(&seed) % ACCOUNTS];
        void *note;

        if (notes[n].note) {
            for (size_t i = 0; i < notes[n].size; i++)
                CHECK_EQ(notes[n].note[i], notes[n].fill);
            slab_free(notes[n].note);
            notes[n].note = NULL;
            continue;
        }
        size_t size = 1 + random_next(&seed) % 1024;

        if (slab_alloc(account, size, &note) != OK)
            continue;
        CHECK_EQ((uintptr_t)note % 64, 0);
        for (size_t i = 0; i < size; i++)
            CHECK_EQ(((unsigned char *)note)[i], 0);
        notes[n].note = note;
        notes[n].size = size;
        notes[n].fill = (unsigned char)round;
        memset(note, notes[n].fill, size);
        CHECK(account->ram.used <= account->ram.limit);
    }
    for (unsigned n = 0; n < NOTES; n++)
        if (notes[n].note)
            slab_free(notes[n].note);
    for (int i = 0; i < ACCOUNTS; i++) {
        CHECK_EQ(accounts[i].ram.used, 0);
        account_close(&accounts[i]);
    }
    CHECK_EQ(machine->frames.free_count, SIZE / FRAME_SIZE);
}

/* Debts are bounded, each and together. */
static void test_debts(void)
{
    unsigned debtors = 1;
    void *note;

    CASE("an empty account has no notes, a forced charge is a debt");
    CHECK_EQ(account_open(&accounts[0], &root, 0, 0), OK);
    CHECK_EQ(slab_alloc(&accounts[0], 64, &note), ERR_NO_RAM);
    CHECK_EQ(account_charge_ram_forced(&accounts[0], FRAME_SIZE), OK);
    CHECK_EQ(quota_left(&accounts[0].ram), 0);
    CHECK_EQ(root.frames->debts, FRAME_SIZE);

    CASE("debts have a limit, each and together, and can be paid");
    CHECK_EQ(account_charge_ram_forced(&accounts[0], ACCOUNT_DEBT_MOST), ERR_NO_RAM);
    CHECK_EQ(account_charge_ram_forced(&accounts[0], ACCOUNT_DEBT_MOST - FRAME_SIZE), OK);
    for (; account_open(&accounts[debtors], &root, FRAME_SIZE, 0) == OK && debtors < ACCOUNTS - 1; debtors++)
        if (account_charge_ram_forced(&accounts[debtors], ACCOUNT_DEBT_MOST + FRAME_SIZE) != OK)
            break;
    CHECK_EQ(root.frames->debts, ACCOUNT_DEBTS_MOST);
    CHECK_EQ(debtors, ACCOUNT_DEBTS_MOST / ACCOUNT_DEBT_MOST);
    account_close(&accounts[debtors]);
    CHECK_EQ(account_transfer(&root, &accounts[0], 2 * ACCOUNT_DEBT_MOST, 0), OK);
    CHECK_EQ(root.frames->debts, ACCOUNT_DEBTS_MOST - ACCOUNT_DEBT_MOST);
    account_refund_ram(&accounts[0], ACCOUNT_DEBT_MOST);
    account_close(&accounts[0]);
    for (unsigned i = 1; i < debtors; i++) {
        account_refund_ram(&accounts[i], ACCOUNT_DEBT_MOST + FRAME_SIZE);
        account_close(&accounts[i]);
    }
    CHECK_EQ(root.frames->debts, 0);
}

int main(void)
{
    struct machine machine;
    uint64_t seed = 3;

    machine_make(&machine, SIZE);
    account_init(&root, &machine.frames, SIZE, 1000);

    CASE("opening takes from the parent, closing returns");
    CHECK_EQ(account_open(&accounts[0], &root, 2 * FRAME_SIZE, 5), OK);
    CHECK_EQ(root.ram.limit, SIZE - 2 * FRAME_SIZE);
    CHECK_EQ(root.caps.limit, 995);
    account_close(&accounts[0]);
    CHECK_EQ(root.ram.limit, SIZE);
    CHECK_EQ(root.caps.limit, 1000);

    CASE("nobody gets more than there is");
    CHECK_EQ(account_open(&accounts[0], &root, SIZE + FRAME_SIZE, 0), ERR_NO_RAM);
    CHECK_EQ(account_open(&accounts[0], &root, UINT64_MAX & ~(FRAME_SIZE - 1), 0), ERR_NO_RAM);
    CHECK_EQ(account_open(&accounts[0], &root, 0, UINT64_MAX), ERR_NO_CAPS);
    CHECK_EQ(account_open(&accounts[0], &root, 100, 0), ERR_INVALID);
    CHECK_EQ(root.ram.limit, SIZE);

    CASE("what is in use cannot be given away");
    CHECK_EQ(account_open(&accounts[0], &root, 4 * FRAME_SIZE, 4), OK);
    CHECK_EQ(account_charge_ram(&accounts[0], 3 * FRAME_SIZE), OK);
    CHECK_EQ(account_charge_caps(&accounts[0], 4), OK);
    CHECK_EQ(account_charge_ram(&accounts[0], 2 * FRAME_SIZE), ERR_NO_RAM);
    CHECK_EQ(account_charge_caps(&accounts[0], 1), ERR_NO_CAPS);
    CHECK_EQ(account_transfer(&accounts[0], &root, 2 * FRAME_SIZE, 0), ERR_NO_RAM);
    CHECK_EQ(account_transfer(&accounts[0], &root, FRAME_SIZE, 0), OK);
    account_refund_ram(&accounts[0], 3 * FRAME_SIZE);
    account_refund_caps(&accounts[0], 4);
    account_close(&accounts[0]);

    CASE("random transfers conserve the sum");
    for (int i = 0; i < ACCOUNTS; i++)
        CHECK_EQ(account_open(&accounts[i], &root, random_next(&seed) % 32 * FRAME_SIZE, 3), OK);
    for (int round = 0; round < 5000; round++) {
        struct account *from = &accounts[random_next(&seed) % ACCOUNTS];
        struct account *to = &accounts[random_next(&seed) % ACCOUNTS];
        enum status status = account_transfer(from, to, random_next(&seed) % 40 * FRAME_SIZE, 0);

        CHECK(status == OK || status == ERR_NO_RAM);
        CHECK_EQ(sum_of_limits(), SIZE);
    }
    for (int i = 0; i < ACCOUNTS; i++)
        account_close(&accounts[i]);
    CHECK_EQ(root.ram.limit, SIZE);

    test_debts();

    CASE("an account may lie in a note that it pays for");
    void *note;
    struct account outside;
    CHECK_EQ(account_open(&outside, &root, 4 * FRAME_SIZE, 0), OK);
    CHECK_EQ(slab_alloc(&outside, sizeof(struct account), &note), OK);
    account_move(&outside, note);
    struct account *inside = note;
    void *notes[70];
    for (int i = 0; i < 70; i++)
        CHECK_EQ(slab_alloc(inside, 64, &notes[i]), OK);
    CHECK_EQ(inside->ram.used, 2 * FRAME_SIZE);
    for (int i = 0; i < 70; i++)
        slab_free(notes[i]);
    CHECK_EQ(inside->ram.used, FRAME_SIZE);
    account_move(inside, &outside);
    slab_free(note);
    account_close(&outside);
    CHECK_EQ(root.ram.limit, SIZE);

    CASE("random notes keep their content, and all frames come back");
    test_slab_random(&machine);
    machine_drop(&machine);
    return check_finish();
}
