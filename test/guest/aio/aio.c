/* SPDX-License-Identifier: MIT */
/*
 * A Linux program for guests (and for peers): keeps a number of requests of one size in flight on a block device.
 *
 *     aio DEVICE read|write|flush DEPTH COUNT [BYTES [SEED]]        4096 bytes by default
 *
 * Random aligned offsets (seed 0: one after another), O_DIRECT, the kernel's own asynchronous interface (io_submit, io_getevents) without a library, so
 * that next to nothing of what is measured is this program. Prints requests, time, and what went wrong:
 *
 *     aio: read depth 32: 20000 requests of 4096 bytes in 812345 us, 24620 a second, 0 errors
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/fs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define DEPTH_MAX 256

struct work {
    int device;
    uint16_t operation;
    unsigned depth;
    uint64_t count, bytes, blocks, random, place;
    uint64_t errors;
    aio_context_t context;
    uint8_t *buffers;
    struct iocb requests[DEPTH_MAX];
};

static void give_up(const char *what)
{
    fprintf(stderr, "aio: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* xorshift64* */
static uint64_t next_random(struct work *work)
{
    work->random ^= work->random >> 12;
    work->random ^= work->random << 25;
    work->random ^= work->random >> 27;
    return work->random * 0x2545f4914f6cdd1dull;
}

static uint64_t next_place(struct work *work)
{
    return work->random ? next_random(work) : work->place++;
}

static void prepare(struct work *work, unsigned slot)
{
    struct iocb *request = &work->requests[slot];

    *request = (struct iocb){
        .aio_data = slot,
        .aio_lio_opcode = work->operation,
        .aio_fildes = (uint32_t)work->device,
    };
    if (work->operation == IOCB_CMD_FSYNC)
        return;
    request->aio_buf = (uint64_t)(work->buffers + slot * work->bytes);
    request->aio_nbytes = work->bytes;
    request->aio_offset = (int64_t)(next_place(work) % work->blocks * work->bytes);
}

static void submit(struct work *work, struct iocb **list, unsigned count)
{
    while (count) {
        long taken = syscall(SYS_io_submit, work->context, (long)count, list);

        if (taken <= 0)
            give_up("io_submit");
        list += taken;
        count -= (unsigned)taken;
    }
}

/* What is complete is submitted again, all of it with one call. */
static void run(struct work *work)
{
    struct iocb *list[DEPTH_MAX];
    struct io_event events[DEPTH_MAX];
    uint64_t submitted = 0, done = 0;

    for (; submitted < work->depth && submitted < work->count; submitted++) {
        prepare(work, (unsigned)submitted);
        list[submitted] = &work->requests[submitted];
    }
    submit(work, list, (unsigned)submitted);
    while (done < work->count) {
        long got = syscall(SYS_io_getevents, work->context, 1L, (long)DEPTH_MAX, events, NULL);
        unsigned again = 0;

        if (got < 0)
            give_up("io_getevents");
        for (long i = 0; i < got; i++) {
            work->errors += events[i].res < 0;
            if (submitted == work->count)
                continue;
            submitted++;
            prepare(work, (unsigned)events[i].data);
            list[again++] = &work->requests[events[i].data];
        }
        done += (uint64_t)got;
        submit(work, list, again);
    }
}

static uint64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void open_device(struct work *work, const char *path)
{
    uint64_t size = 0;

    work->device = open(path, (work->operation == IOCB_CMD_PREAD ? O_RDONLY : O_RDWR) | O_DIRECT);
    if (work->device < 0)
        give_up(path);
    if (ioctl(work->device, BLKGETSIZE64, &size) < 0 || size < work->bytes)
        give_up("size");
    work->blocks = size / work->bytes;
    if (posix_memalign((void **)&work->buffers, 4096, work->depth * work->bytes))
        give_up("memory");
    memset(work->buffers, 0x5a, work->depth * work->bytes);
    if (syscall(SYS_io_setup, work->depth, &work->context) < 0)
        give_up("io_setup");
}

int main(int count, char **argument)
{
    static struct work work;

    if (count < 5 || count > 7) {
        fprintf(stderr, "usage: aio DEVICE read|write|flush DEPTH COUNT [BYTES [SEED]]\n");
        return 2;
    }
    work.operation = argument[2][0] == 'r'   ? IOCB_CMD_PREAD
                     : argument[2][0] == 'w' ? IOCB_CMD_PWRITE
                                             : IOCB_CMD_FSYNC;
    work.depth = (unsigned)strtoul(argument[3], NULL, 0);
    work.count = strtoull(argument[4], NULL, 0);
    work.bytes = count > 5 ? strtoull(argument[5], NULL, 0) : 4096;
    work.random = count > 6 ? strtoull(argument[6], NULL, 0) : 1;
    work.random = work.random ? work.random * 0x9e3779b97f4a7c15ull | 1 : 0;
    if (!work.depth || work.depth > DEPTH_MAX || !work.bytes || work.bytes % 512) {
        fprintf(stderr, "aio: depth is 1 to %u, bytes a multiple of 512\n", DEPTH_MAX);
        return 2;
    }
    open_device(&work, argument[1]);
    uint64_t start = now_us();
    run(&work);
    uint64_t us = now_us() - start;
    printf("aio: %s depth %u: %lu requests of %lu bytes in %lu us, %lu a second, %lu errors\n", argument[2],
           work.depth, work.count, work.bytes, us, us ? work.count * 1000000 / us : 0, work.errors);
    return work.errors != 0;
}
