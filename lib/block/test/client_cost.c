/* SPDX-License-Identifier: MIT */
/*
 * What a request costs in the client's core, in instructions: submitted, issued, published, its completion taken and told;
 * without the caller's `done` and the server.
 *
 * A child works in batches of 32 READs of one piece, each submitted from the `done` of the one before, as at queue depth 32 in the steady state.
 * The parent steps it, instruction by instruction. Built as components are, without sanitizers. Where they go:
 *     valgrind --tool=callgrind --toggle-collect=turn build/test/block_client_cost 1; callgrind_annotate
 */
#include "lib/block/client_core.h"

#include "test/check.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DEPTH = 32, ROUNDS = 8, LIMIT = 280 };

static struct block_core core;
static struct block_part parts[DEPTH];
static struct block_request requests[DEPTH];
static const struct block_client_piece piece = {.length = 4096};
static _Alignas(64) uint8_t memory[64 << 10];
static struct ring_consumer submission;
static struct ring_producer completion;
static unsigned done_count;

static void done(struct block_request *request)
{
    done_count++;
    block_core_submit(&core, request);
}

static void make(void)
{
    static const struct block_core_settings settings = {.depth = DEPTH, .segments = 32};
    static const struct block_info info = {
        .size = 1 << 30, .block_size = 512, .transfer_max = 1 << 20, .segments_max = 32, .alignment = 4};
    struct block_connect layout;
    uint32_t region;

    block_core_init(&core, &settings, parts);
    block_core_layout(&settings, &layout);
    bool good = block_core_region_add(
                    &core, &(struct block_core_region){.size = 1 << 20, .write = true, .registered = true},
                    &region) == OK &&
                block_core_attach(&core, &info, memory, sizeof(memory)) == OK &&
                ring_consumer_open(memory + layout.submission_offset,
                                   layout.completion_offset - layout.submission_offset, DEPTH,
                                   sizeof(struct block_element), &submission) == OK &&
                ring_producer_open(memory + layout.completion_offset,
                                   layout.segment_offset - layout.completion_offset, DEPTH,
                                   sizeof(struct block_completion), &completion) == OK;

    if (!good)
        _exit(1);
    for (unsigned i = 0; i < DEPTH; i++) {
        requests[i] = (struct block_request){.operation = BLOCK_READ,
                                             .offset = i * 4096ull,
                                             .length = 4096,
                                             .pieces = &piece,
                                             .piece_count = 1,
                                             .done = done};
        block_core_submit(&core, &requests[i]);
    }
    (void)block_core_publish(&core);
}

static void serve(void)
{
    struct block_element element;

    while (ring_take(&submission, &element) == OK)
        (void)ring_stage(&completion, &(struct block_completion){.done = element.length, .tag = element.tag});
    (void)ring_give_back(&submission);
    (void)ring_publish(&completion);
}

/* What the parent counts: all that the client does for 32 requests, from being woken to sleep. */
static void __attribute__((noinline)) turn(void)
{
    block_core_poll(&core);
    block_core_finish(&core);
    (void)block_core_publish(&core);
    (void)block_core_may_sleep(&core);
}

static void rounds(bool stop)
{
    make();
    for (unsigned i = 0; i < ROUNDS; i++) {
        serve();
        done_count = 0;
        if (stop)
            raise(SIGUSR1);
        turn();
        if (stop)
            raise(SIGUSR2);
        if (done_count != DEPTH)
            _exit(2);
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
    return counted / DEPTH;
}

int main(int argc, char **argv)
{
    unsigned long read;

    (void)argv;
    if (argc > 1) /* for a profiler */
        rounds(false);
    CASE("a READ of one piece at depth 32 costs the client less than 280 instructions");
    read = measure();
    printf("client: %lu instructions a READ\n", read);
    CHECK(read < LIMIT);
    return check_finish();
}
