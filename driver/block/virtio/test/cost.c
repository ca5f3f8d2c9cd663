/* SPDX-License-Identifier: MIT */
/*
 * What a request costs in the driver, in instructions: from virtio_block_submit() to block_job_done(), without
 * the engine, the device and the kernel.
 *
 * A child serves batches of 32 READs of one piece. The parent steps it, instruction by instruction. Built as
 * components are, without sanitizers. Where they go:
 *     valgrind --tool=callgrind --toggle-collect=serve build/test/virtio_block_cost 1; callgrind_annotate
 */
#include "driver/block/virtio/test/load.h"
#include "test/check.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DEPTH = 32, ROUNDS = 4, OWN = 15, LIMIT = 380 }; /* OWN: of this test */

static struct fake fake;
static struct virtio_block block;
static struct block_job jobs[DEPTH];
static struct block_piece pieces[DEPTH];
static struct block_region region;
static struct device_mapping mapping;
static struct device_run run;
static unsigned done_count;

void block_job_done(struct block_job *job, enum status status, uint64_t done)
{
    (void)job;
    done_count += status == OK && done == 4096;
}

void block_server_check_memory(struct block_device *device)
{
    (void)device;
}

static void make(void)
{
    static uint8_t data[DEPTH * 4096];
    const char *reason;

    fake_init(&fake);
    fake.answer_percent = 100;
    block = (struct virtio_block){.transport = &fake.transport,
                                  .queues_wanted = 1,
                                  .depth_wanted = 128,
                                  .timeout_ticks = 9,
                                  .vector_count = 5};
    REQUIRE(virtio_block_probe(&block, &reason) == OK);
    uint64_t size = virtio_block_memory_size(&block);
    void *memory = aligned_alloc(64, size);
    run.address = fake_lend(&fake, data, sizeof(data), true);
    mapping = (struct device_mapping){.size = sizeof(data), .run_count = 1, .runs = &run};
    region = (struct block_region){.size = sizeof(data), .mapping_opt = &mapping, .write = true};
    REQUIRE(virtio_block_start(&block, memory, fake_lend(&fake, memory, size, true),
                               calloc(block.depth, sizeof(struct request)),
                               calloc(virtio_block_slots(&block), sizeof(struct virtqueue_slot)),
                               &reason) == OK);
    for (unsigned i = 0; i < DEPTH; i++) {
        pieces[i] = (struct block_piece){.region = &region, .offset = i * 4096u, .length = 4096};
        jobs[i] = (struct block_job){.operation = BLOCK_READ,
                                     .offset = i * 4096u,
                                     .length = 4096,
                                     .pieces = &pieces[i],
                                     .piece_count = 1};
    }
}

/* What the parent counts: completes 32 requests, and submits as many. */
static void __attribute__((noinline)) serve(void)
{
    (void)virtio_block_interrupt(&block, 0);
    for (unsigned i = 0; i < DEPTH; i++)
        (void)virtio_block_submit(&block, &jobs[i]);
    virtio_block_kick(&block);
}

static void rounds(bool stop)
{
    make();
    for (unsigned i = 0; i < ROUNDS; i++) {
        if (stop)
            raise(SIGUSR1);
        serve();
        if (stop)
            raise(SIGUSR2);
        if (done_count != i * DEPTH || block.in_flight != DEPTH)
            _exit(3);
        fake_run(&fake);
    }
    _exit(0);
}

/* From one signal to the next. */
static unsigned long steps(pid_t pid, int *status)
{
    unsigned long n = 0;

    do {
        if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) != 0)
            return 0;
        waitpid(pid, status, 0);
        n++;
    } while (WIFSTOPPED(*status) && WSTOPSIG(*status) == SIGTRAP);
    return n;
}

/* Instructions a request in the last round. */
static unsigned long measure(void)
{
    unsigned long counted = 0;
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        rounds(true);
    }
    for (;;) {
        waitpid(pid, &status, 0);
        if (!WIFSTOPPED(status))
            break;
        if (WSTOPSIG(status) == SIGUSR1)
            counted = steps(pid, &status);
        ptrace(PTRACE_CONT, pid, NULL, NULL);
    }
    CHECK(WIFEXITED(status));
    CHECK_EQ(WEXITSTATUS(status), 0);
    return counted / DEPTH - OWN;
}

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1) /* for a profiler */
        rounds(false);
    CASE("instructions of a READ of one piece, at depth 32, in the driver");
    unsigned long read = measure();
    printf("driver: %lu instructions a READ\n", read);
    CHECK(read < LIMIT);
    return check_finish();
}
