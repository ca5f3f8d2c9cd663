/* SPDX-License-Identifier: MIT */
/*
 * What a request costs in the engine, in instructions: taken, checked, admitted, completed, told; without client and device.
 *
 * A child serves batches of 32 READs of one segment, as at queue depth 32 in the steady state: the device completes some, the client has submitted
 * as many. The parent steps it, instruction by instruction. Built as components are, without sanitizers. Where they go:
 *     valgrind --tool=callgrind --toggle-collect=serve build/test/block_engine_cost 1; callgrind_annotate
 */
#include "lib/base/panic.h"
#include "lib/block/engine.h"
#include "test/check.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    DEPTH = 32,
    SUBMISSION = sizeof(struct block_state),
    COMPLETION = SUBMISSION + sizeof(struct ring_shared) + DEPTH * sizeof(struct block_element),
    TABLE = COMPLETION + sizeof(struct ring_shared) + DEPTH * sizeof(struct block_completion),
    SIZE = TABLE + DEPTH * sizeof(struct block_segment),
    ROUNDS = 8,
    OWN = 15, /* instructions a request of this test's device */
    LIMIT_READ = 260,
    LIMIT_WRITE = 380,
    LIMIT_ALONE = 700,
};

static struct block_engine engine;
static struct engine_session session;
static struct engine_job jobs[DEPTH];
static struct block_piece pieces[DEPTH];
static _Alignas(64) uint8_t memory[SIZE];
static uint8_t data[1 << 20];
static struct ring_producer submission;
static struct ring_consumer completion;
static struct block_job *in_device[DEPTH];
static unsigned count, notified, batch = DEPTH;

_Noreturn void component_panic(const char *format, ...)
{
    (void)format;
    _exit(1);
}

static enum status submit(struct block_device *device, struct block_job *job)
{
    (void)device;
    in_device[count++] = job;
    return OK;
}

static void notify(struct engine_session *unused)
{
    (void)unused;
    notified++;
}

static void drained(struct engine_session *unused)
{
    (void)unused;
}

static const struct block_device_ops ops = {.submit = submit};
static struct block_device device = {.ops = &ops,
                                     .limits = {.size = 1 << 30,
                                                .block_size = 512,
                                                .physical_block_size = 512,
                                                .depth = DEPTH,
                                                .transfer_max = 1 << 20,
                                                .pieces_max = 128,
                                                .alignment = 4,
                                                .flags = BLOCK_HAS_FUA}};

static void make(void)
{
    static const struct engine_hooks hooks = {.notify = notify, .drained = drained};
    const struct block_view view = {.size = UINT64_MAX, .write = true};
    const struct block_connect layout = {.depth = DEPTH,
                                         .segments = DEPTH,
                                         .submission_offset = SUBMISSION,
                                         .completion_offset = COMPLETION,
                                         .segment_offset = TABLE,
                                         .size = SIZE};
    bool good = ring_producer_open(memory + SUBMISSION, COMPLETION - SUBMISSION, DEPTH,
                                   sizeof(struct block_element), &submission) == OK &&
                ring_consumer_open(memory + COMPLETION, TABLE - COMPLETION, DEPTH,
                                   sizeof(struct block_completion), &completion) == OK;

    block_engine_init(&engine, &device, &hooks);
    good = good && engine_session_open(&engine, &session, &view) == OK &&
           engine_queue_open(&session, memory, &layout, jobs, pieces) == OK;
    session.regions[0] = (struct engine_region){
        .region = {.address_opt = data, .size = sizeof(data), .write = true}, .present = true};
    if (!good)
        _exit(1);
}

static void client_submits(unsigned operation)
{
    struct block_segment *segments = (struct block_segment *)(void *)(memory + TABLE);

    for (uint32_t tag = 0; tag < batch; tag++) {
        struct block_element element = {.offset = (tag * 7919u % 4096) * 65536ull,
                                        .length = 4096,
                                        .tag = tag,
                                        .operation = (uint16_t)operation,
                                        .segment = tag,
                                        .segments = 1};

        segments[tag] = (struct block_segment){.offset = tag * 4096ull, .length = 4096};
        (void)ring_stage(&submission, &element);
    }
    (void)ring_publish(&submission);
}

static void client_takes(void)
{
    struct block_completion out;

    while (ring_take(&completion, &out) == OK)
        if (out.status != OK || out.done != 4096)
            _exit(2);
    (void)ring_give_back(&completion);
}

/* What the parent counts: all that the engine does for a batch. */
static void __attribute__((noinline)) serve(void)
{
    (void)block_engine_run(&engine);
    for (unsigned i = 0; i < batch; i++)
        block_job_done(in_device[i], OK, 4096);
    count = 0;
    (void)block_engine_run(&engine);
}

static void rounds(unsigned operation, bool stop)
{
    make();
    (void)block_engine_run(&engine);
    for (unsigned i = 0; i < ROUNDS; i++) {
        client_submits(operation);
        engine_session_wake(&session);
        if (stop)
            raise(SIGUSR1);
        serve();
        if (stop)
            raise(SIGUSR2);
        if (count != 0)
            _exit(3);
        client_takes();
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

/* Instructions a request in the last round; 0: nothing can be counted here. */
static unsigned long measure(unsigned operation, unsigned requests)
{
    unsigned long counted = 0;
    int status;
    pid_t pid;

    batch = requests;
    pid = fork();

    if (pid == 0) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        rounds(operation, true);
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
    return counted / batch - OWN;
}

int main(int argc, char **argv)
{
    unsigned long read, write, alone;

    if (argc > 2)
        batch = (unsigned)atoi(argv[2]);
    if (argc > 1) /* for a profiler: operation, batch */
        rounds((unsigned)atoi(argv[1]), false);
    CASE("a READ of one segment at depth 32 costs the engine less than 260 instructions, a WRITE less than "
         "380");
    read = measure(BLOCK_READ, DEPTH);
    write = measure(BLOCK_WRITE, DEPTH);
    alone = measure(BLOCK_READ, 1);
    printf("engine: %lu instructions a READ, %lu a WRITE, %lu a READ alone\n", read, write, alone);
    CHECK(read < LIMIT_READ && write < LIMIT_WRITE && alone < LIMIT_ALONE);
    return check_finish();
}
