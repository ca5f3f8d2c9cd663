/* SPDX-License-Identifier: MIT */
/*
 * Sits at the console of a virtual machine: waits at its prompt, lets it sleep, switches it off, waits again. Reports which
 * share of the processor was used meanwhile (spare.h), whether the guest slept as long as it thought, and how much memory
 * came back when it was gone. The clock is the time-stamp counter of the machine, which no guest has a hand in.
 *
 * <config guest_ram="512M" time="no" suffix="..."/>: the guest's RAM, which does not count; measure memory only; what the
 * figures' names end with.
 */
#include "contract/accounts/client.h"
#include "lib/base/env.h"
#include "lib/base/log.h"
#include "lib/base/session.h"
#include "lib/base/time.h"
#include "lib/config/config.h"
#include "lib/string/string.h"
#include "lib/terminal/server.h"
#include "test/bench/idle/spare.h"

#define SECOND        1000000000ull
#define SETTLE_NS     (2 * SECOND) /* what a boot leaves behind */
#define WAIT_NS       (5 * SECOND)
#define SLEEP_NS      (10 * SECOND)
#define LINE_MAX      256u
#define SUFFIX_MAX    32u
#define SLEEP_COMMAND "echo be''gin; sleep 10; echo e''nd\r"

/* In this order. At_... states end by a word of the guest, the others by time. */
enum state { AT_BOOT, SETTLE, PROMPT, TYPED, SLEEP, LEAVE, EMPTY };

static enum state state;
static struct terminal_server server;
static struct terminal_session *console_opt;
static struct timeout timeout;
static char line[LINE_MAX];
static size_t length;
static uint64_t from, others_from;
static struct connection accounts;
static char suffix[SUFFIX_MAX];
static uint64_t guest_ram, free_with_guest;
static bool time_wanted = true;

static void interval_begin(uint64_t nanoseconds)
{
    from = time_now();
    others_from = spare_others();
    if (nanoseconds)
        entrypoint_timeout_set(&env.entrypoint, &timeout, time_after_ns(nanoseconds));
}

/* In hundredths. */
static void report(const char *name, uint64_t part, uint64_t whole)
{
    uint64_t share = part * 10000 / whole;

    log_info("BENCH %s%s %lu.%lu%lu percent", name, suffix, share / 100, share / 10 % 10, share % 10);
}

static void report_share(const char *name)
{
    report(name, spare_others() - others_from, time_now() - from);
}

static uint64_t ram_free(void)
{
    struct accounts_system system;

    if (accounts_system(accounts.slot, &system) == OK)
        return system.ram_free;
    log_error("FAIL accounts");
    component_exit(1);
}

/* All that exists because of the guest has been given back when it is gone. */
static void report_memory(void)
{
    log_info("BENCH vm_overhead_bytes%s %lu bytes", suffix, ram_free() - free_with_guest - guest_ram);
}

static void type(const char *text)
{
    size_t taken = 0;

    if (!console_opt || terminal_session_write(console_opt, text, strlen(text), &taken) != OK ||
        taken != strlen(text)) {
        log_error("FAIL the guest's console takes nothing");
        component_exit(1);
    }
}

static void leave(void)
{
    state = LEAVE;
    type("poweroff\r");
    entrypoint_timeout_set(&env.entrypoint, &timeout, time_after_ns(SETTLE_NS + WAIT_NS));
}

static void prompt_done(void)
{
    free_with_guest = ram_free();
    if (!time_wanted) {
        leave();
        return;
    }
    report_share("idle_guest_cpu_share");
    state = TYPED;
    type(SLEEP_COMMAND);
}

static void timed_out(struct timeout *which)
{
    (void)which;
    if (state == SETTLE) {
        state = PROMPT;
        interval_begin(WAIT_NS);
    } else if (state == PROMPT) {
        prompt_done();
    } else if (state == LEAVE) {
        state = EMPTY;
        interval_begin(WAIT_NS);
    } else if (state == EMPTY) {
        if (time_wanted)
            report_share("idle_system_cpu_share");
        report_memory();
        log_info("all measured");
        component_exit(0);
    }
}

/* What the guest says can end with the word, but for the blanks that follow it. */
static bool said(const char *word)
{
    size_t size = strlen(word);

    return length >= size && memcmp(line + length - size, word, size) == 0;
}

static void slept(void)
{
    uint64_t took = time_to_ns(time_now() - from);

    report_share("sleeping_guest_cpu_share");
    log_info("the guest's 10 s took %lu ns", took);
    report("guest_sleep_error", took > SLEEP_NS ? took - SLEEP_NS : SLEEP_NS - took, SLEEP_NS);
    leave();
}

static void heard(char c)
{
    if (c == '\n' || length == LINE_MAX)
        length = 0;
    else if (c != '\r')
        line[length++] = c;
    if (state == AT_BOOT && said("/ # ")) {
        state = SETTLE;
        interval_begin(SETTLE_NS);
    } else if (state == TYPED && length == strlen("begin") && said("begin")) {
        state = SLEEP;
        interval_begin(0);
    } else if (state == SLEEP && length == strlen("end") && said("end")) {
        slept();
    }
}

static void changed(struct terminal_session *session)
{
    char bytes[64];
    size_t got;

    console_opt = session;
    while (terminal_session_read(session, bytes, sizeof(bytes), &got) == OK && got > 0)
        for (size_t i = 0; i < got; i++)
            heard(bytes[i]);
}

static void closed(struct terminal_session *session)
{
    (void)session;
    console_opt = NULL;
}

static bool configure(void)
{
    static const char *const attributes[] = {"guest_ram", "suffix", "time", NULL};
    struct session_options options = {.service = ACCOUNTS_SERVICE};
    struct xml_node config;

    if (config_load(&config) != OK || config_check_attributes(config, attributes) != OK)
        return false;
    if (xml_attribute_size(config, "guest_ram", &guest_ram) != OK)
        return false;
    if (xml_attribute_copy(config, "suffix", suffix, sizeof(suffix)) == ERR_OVERFLOW)
        return false;
    if (xml_attribute_bool(config, "time", &time_wanted) == ERR_INVALID)
        return false;
    return session_open(&options, &accounts) == OK;
}

int component_main(struct env *environment)
{
    server = (struct terminal_server){
        .session_size = sizeof(struct terminal_session), .changed = changed, .closed_opt = closed};
    timeout.expired = timed_out;
    if (!configure() || (time_wanted && spare_start() != OK) ||
        terminal_server_start(&server, &environment->entrypoint) != OK) {
        log_error("FAIL start");
        return 1;
    }
    entrypoint_run(&environment->entrypoint);
    return 0;
}
