/* SPDX-License-Identifier: MIT */
#include "driver/block/ahci/test/rig.h"

#include "test/check.h"

#include <stdlib.h>
#include <string.h>

/* ---- what the library does in the driver ---- */

void block_job_done(struct block_job *job, enum status status, uint64_t done)
{
    struct rig_job *one = (struct rig_job *)job;

    CHECK(one->active);
    CHECK_EQ(done, status == OK ? job->length : 0);
    one->done++;
    one->status = status;
    one->active = false;
    if (one->memory && job->operation == BLOCK_READ && status == OK) {
        one->pattern = one->memory[job->pieces[0].offset];
        for (unsigned i = 0; i < job->piece_count; i++)
            for (uint32_t byte = 0; byte < job->pieces[i].length; byte++)
                if (one->memory[job->pieces[i].offset + byte] != one->pattern)
                    one->pattern = 0xbd; /* torn */
    }
    free(one->memory);
    one->memory = NULL;
}

/* ---- the rig ---- */

struct rig *rig_begin(unsigned slots, bool ncq, void (*change_opt)(struct fake_hba *fake))
{
    struct rig *rig = calloc(1, sizeof(*rig));
    struct ahci_settings settings = {
        .slots = slots, .queued = true, .fua = true, .tries = 3, .timeout = 10 * AHCI_SECOND};
    struct ahci_hba hba;

    fake_start(&rig->fake, slots);
    if (!ncq) {
        rig->fake.identify[152] = rig->fake.identify[153] = 0;
        fake_identity_sum(&rig->fake);
    }
    if (change_opt)
        change_opt(&rig->fake);
    hba = (struct ahci_hba){.read = rig->fake.access.read,
                            .write = rig->fake.access.write,
                            .context = &rig->fake,
                            .size = 0x1000};
    REQUIRE(ahci_hba_start(&hba) == OK);
    ahci_port_start(&rig->port, &rig->fake.access, &rig->fake.memory, &settings, 0);
    return rig;
}

struct rig *rig_start(unsigned slots, bool ncq)
{
    struct rig *rig = rig_begin(slots, ncq, NULL);

    rig_pass(rig, AHCI_SECOND);
    REQUIRE(rig->port.state == AHCI_RUNNING);
    CHECK_EQ(fake_events(&rig->fake, AHCI_EVENT_READY), 1);
    rig->fake.comresets = 0;
    return rig;
}

void rig_stop(struct rig *rig)
{
    CHECK_EQ(rig->fake.violations, 0);
    for (unsigned i = 0; i < RIG_JOBS; i++)
        CHECK(!rig->jobs[i].active);
    if (rig->port.state == AHCI_RUNNING)
        CHECK_EQ(rig->port.free, rig->port.all);
    fake_stop(&rig->fake);
    free(rig);
}

/* Memory of an odd kind: the region's second page comes first on the bus, and pieces begin in the middle of pages. */
static void data_make(struct rig_job *one, uint64_t size)
{
    uint64_t room = (size + 3 * 4096 + 2) & ~4095ull, half = room / 2 & ~4095ull;

    one->memory = calloc(1, room);
    one->mapping = (struct device_mapping){.size = room, .run_count = 1, .runs = one->runs};
    one->runs[0] = (struct device_run){0, (uintptr_t)one->memory};
    one->runs[1] = (struct device_run){half, (uintptr_t)one->memory + half};
    one->mapping.run_count = half ? 2 : 1;
    one->region = (struct block_region){.size = room, .mapping_opt = &one->mapping, .write = true};
    one->pieces[0] = (struct block_piece){&one->region, 2, (uint32_t)size / 2};
    one->pieces[1] = (struct block_piece){&one->region, size / 2 + 2048, (uint32_t)(size - size / 2)};
    one->job.pieces = one->pieces;
    one->job.piece_count = 2;
}

void rig_submit(struct rig *rig, unsigned job, enum block_operation operation, uint64_t block,
                unsigned blocks, uint8_t pattern)
{
    struct rig_job *one = &rig->jobs[job];
    uint64_t size = rig->port.identity.block_size;

    REQUIRE(!one->active);
    one->job = (struct block_job){.operation = operation, .offset = block * size, .length = blocks * size};
    one->active = true;
    if (operation == BLOCK_READ || operation == BLOCK_WRITE)
        data_make(one, one->job.length);
    if (operation == BLOCK_WRITE)
        memset(one->memory, pattern, one->region.size);
    CHECK_EQ(ahci_port_submit(&rig->port, &one->job), OK);
}

void rig_reads(struct rig *rig, unsigned count, uint64_t first)
{
    for (unsigned i = 0; i < count; i++)
        rig_submit(rig, i, BLOCK_READ, first + i, 1, 0);
    ahci_port_kick(&rig->port);
}

unsigned rig_slot(const struct rig *rig, uint64_t block)
{
    for (unsigned slot = 0; slot < 32; slot++)
        if (rig->fake.active & 1u << slot && fake_lba(&rig->fake, slot) == block)
            return slot;
    REQUIRE(!"a command for this block");
    return 0;
}

void rig_settle(struct rig *rig)
{
    for (unsigned i = 0; rig->fake.interrupt; i++) {
        REQUIRE(i < 100);
        ahci_port_interrupt(&rig->port);
        rig->fake.access.write(&rig->fake, AHCI_IS, 1);
    }
}

void rig_pass(struct rig *rig, uint64_t ns)
{
    uint64_t end = rig->fake.now + ns;

    rig_settle(rig);
    while (rig->fake.wake <= end) {
        rig->fake.now = rig->fake.wake > rig->fake.now ? rig->fake.wake : rig->fake.now;
        ahci_port_step(&rig->port);
        rig_settle(rig);
        REQUIRE(rig->fake.wake > rig->fake.now);
    }
    rig->fake.now = end;
}

unsigned rig_count(const struct rig *rig, unsigned count, enum status status)
{
    unsigned found = 0;

    for (unsigned i = 0; i < count; i++)
        found += rig->jobs[i].done == 1 && rig->jobs[i].status == status;
    return found;
}
