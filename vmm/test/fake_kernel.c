/* SPDX-License-Identifier: MIT */
/* See fake_kernel.h. */
#include "vmm/test/fake_kernel.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/env.h"
#include "lib/base/lock.h"
#include "lib/base/log.h"
#include "lib/base/thread.h"

struct fake fake;
struct env env;
static uint64_t words[sizeof(struct vcpu_state) / 8];

/* Where each group lies in struct vcpu_state. */
static const struct part {
    uint64_t group;
    size_t first, end;
} parts[] = {
#define PART(group, first, last)                                                       \
    {                                                                                  \
        group, offsetof(struct vcpu_state, first),                                     \
            offsetof(struct vcpu_state, last) + sizeof(((struct vcpu_state *)0)->last) \
    }
    PART(VCPU_GROUP_GPR, rax, r15),
    PART(VCPU_GROUP_IP, rip, rflags),
    PART(VCPU_GROUP_EXIT, qualification, instruction),
    PART(VCPU_GROUP_EVENT, inject_info, inject_length),
    PART(VCPU_GROUP_INTERRUPT, interruptibility, activity),
    PART(VCPU_GROUP_CONTROL, controls, exception_bitmap),
    PART(VCPU_GROUP_CR, cr0, efer),
    PART(VCPU_GROUP_CODE, cs, ss),
    PART(VCPU_GROUP_SEGMENT, ds, idtr),
    PART(VCPU_GROUP_DR, dr6, dr7),
    PART(VCPU_GROUP_MSR, star, pat),
    PART(VCPU_GROUP_TSC, tsc_offset, tsc_aux),
    PART(VCPU_GROUP_XCR, xcr0, xcr0),
};

static void copy_groups(void *to, const void *from, uint64_t groups)
{
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (groups & parts[i].group)
            memcpy((char *)to + parts[i].first, (const char *)from + parts[i].first,
                   parts[i].end - parts[i].first);
}

uint64_t fake_random(void) /* xorshift */
{
    fake.random ^= fake.random << 13;
    fake.random ^= fake.random >> 7;
    fake.random ^= fake.random << 17;
    return fake.random;
}

static void scramble(void)
{
    for (size_t i = 0; i < sizeof(words) / 8; i++)
        words[i] = fake_random();
}

void fake_reset(void)
{
    uint64_t random = fake.random ? fake.random : 0x1234567;

    fake = (struct fake){.random = random, .output_room = sizeof(fake.output)};
}

bool fake_exit(struct portal *portal, enum vcpu_exit reason)
{
    struct vcpu_state *message = (struct vcpu_state *)words;
    bool park = false;

    scramble();
    copy_groups(words, &fake.state, fake.bound[reason]);
    fake.running = false;
    portal->raw(portal, tag_make(reason, 0, 0), &park);
    fake.state.inject_info = 0;
    if (!park)
        copy_groups(&fake.state, message, message->groups & ~(uint64_t)VCPU_GROUP_EXIT);
    fake.parked = park;
    fake.running = !park;
    return !park;
}

/* ---- lib/base ---- */

uint64_t *message_words(void)
{
    return words;
}

enum status portal_create(struct entrypoint *entrypoint, struct portal *portal)
{
    (void)entrypoint;
    portal->slot = 1;
    return OK;
}

enum status vcpu_bind(uint32_t vcpu, enum vcpu_exit exit, const struct portal *portal, uint64_t groups)
{
    (void)vcpu;
    (void)portal;
    fake.bound[exit] = groups;
    return OK;
}

enum status vcpu_recall(uint32_t vcpu)
{
    (void)vcpu;
    fake.recalled = true;
    fake.recalls++;
    return OK;
}

enum status vcpu_resume(uint32_t vcpu)
{
    (void)vcpu;
    if (fake.running)
        return ERR_BUSY;
    fake.parked = false;
    fake.running = true;
    fake.resumes++;
    return OK;
}

enum status vcpu_state_write(uint32_t vcpu, const struct vcpu_state *in)
{
    (void)vcpu;
    if (fake.running)
        return ERR_BUSY;
    if (fake.write_status != OK)
        return fake.write_status;
    copy_groups(&fake.state, in, in->groups);
    return OK;
}

static void line(char text[512], unsigned *count, const char *format, va_list arguments)
{
    vsnprintf(text, 512, format, arguments);
    ++*count;
    scramble();
}

void log_error(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    line(fake.error, &fake.errors, format, arguments);
    va_end(arguments);
}

void log_vinfo(const char *format, va_list arguments)
{
    line(fake.info, &fake.infos, format, arguments);
}

void log_info(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    log_vinfo(format, arguments);
    va_end(arguments);
}

struct thread *thread_self(void)
{
    return fake.thread_opt;
}

void entrypoint_defer(struct entrypoint *entrypoint, struct deferred *deferred)
{
    deferred->next = entrypoint->deferred;
    if (!deferred->queued)
        entrypoint->deferred = deferred;
    deferred->queued = true;
}

void lock_take(struct lock *lock)
{
    if (lock->state++)
        abort();
}

void lock_leave(struct lock *lock)
{
    if (--lock->state)
        abort();
}

/* ---- the terminal ---- */

enum status terminal_client_open(struct entrypoint *entrypoint, const char *label_opt,
                                 void (*changed)(struct terminal_client *client),
                                 struct terminal_client *client)
{
    (void)label_opt;
    *client = (struct terminal_client){.changed = changed, .entrypoint = entrypoint};
    return fake.terminal_gone ? ERR_PEER_GONE : OK;
}

enum status terminal_client_write(struct terminal_client *client, const void *bytes, size_t length,
                                  size_t *taken)
{
    (void)client;
    if (fake.terminal_status != OK)
        return fake.terminal_status;
    *taken = length < fake.output_room ? length : fake.output_room;
    memcpy(fake.output + fake.output_length, bytes, *taken);
    fake.output_length += *taken;
    fake.output_room -= *taken;
    return OK;
}

void terminal_client_close(struct terminal_client *client)
{
    fake.terminal_closes++;
    *client = (struct terminal_client){0};
}

bool terminal_client_gone(const struct terminal_client *client)
{
    (void)client;
    return fake.terminal_gone;
}

enum status terminal_client_read(struct terminal_client *client, void *bytes, size_t size, size_t *got)
{
    (void)client;
    if (fake.terminal_status != OK)
        return fake.terminal_status;
    *got = size < fake.input_length ? size : fake.input_length;
    if (*got)
        memcpy(bytes, fake.input_opt, *got);
    fake.input_opt = fake.input_opt ? fake.input_opt + *got : NULL;
    fake.input_length -= *got;
    return OK;
}
