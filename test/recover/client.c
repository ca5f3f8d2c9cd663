/* SPDX-License-Identifier: MIT */
/*
 * Clients of the bank, and the judge. Account 0 of the ledger is the judge's: its number says how far all may go. In each
 * round every client makes `requests` additions at the bank, comes back to a bank that lives, and reports at the ledger by one
 * more addition on its second account. Between rounds nobody does anything, so the judge can count what is in use.
 */
#include "contract/accounts/client.h"
#include "lib/base/env.h"
#include "lib/base/log.h"
#include "lib/base/pd_session.h"
#include "lib/base/thread.h"
#include "lib/base/time.h"
#include "lib/fmt/status_text.h"
#include "test/recover/bank.h"

#define ROUNDS  3u
#define WAIT_NS 5000000ull

static struct bank_client ledger, bank;
static uint64_t account, requests = 10, clients = 3;

static uint64_t read_ledger(uint64_t number)
{
    uint64_t total = 0;

    if (bank_sure(&ledger, BANK_READ, number, 0, &total) != OK)
        log_error("the ledger does not answer");
    return total;
}

static void wait_for(uint64_t number, uint64_t total)
{
    while (read_ledger(number) < total)
        thread_sleep_until(time_after_ns(WAIT_NS));
}

static enum status play(uint64_t round)
{
    uint64_t total;
    enum status status = OK;

    for (uint64_t i = 1; status == OK && i <= requests; i++)
        status = bank_sure(&bank, BANK_ADD, account, round * requests + i, &total);
    if (status != OK)
        log_error("FAIL a request: %s", status_text(status));
    return status;
}

static _Noreturn void client_rounds(void)
{
    uint64_t total = 0;
    enum status status = OK;

    for (uint64_t round = 0; status == OK && round < ROUNDS; round++) {
        wait_for(0, 2 * round + 1);
        status = play(round);
        if (status == OK) /* done; the others may still make the bank die */
            status = bank_sure(&ledger, BANK_ADD, account + 4, 2 * round + 1, &total);
        wait_for(0, 2 * round + 2);
        if (status == OK) /* to a living bank */
            status = bank_sure(&bank, BANK_READ, account, 0, &total);
        if (status == OK)
            log_info("round %llu: %llu acknowledged, %llu booked", (unsigned long long)round + 1,
                     (unsigned long long)((round + 1) * requests), (unsigned long long)total);
        if (status == OK)
            status = bank_sure(&ledger, BANK_ADD, account + 4, 2 * round + 2, &total);
    }
    if (status == OK)
        log_info("the bank died under this client: %s", bank.lost ? "yes" : "no");
    for (;;)
        thread_sleep_until(TIME_NEVER);
}

int client_main(struct xml_node config)
{
    (void)!xml_attribute_unsigned(config, "account", &account);
    (void)!xml_attribute_unsigned(config, "requests", &requests);
    if (bank_open(&ledger, "LEDGER") != OK || bank_open(&bank, "BANK") != OK)
        return 1;
    client_rounds();
}

/* ---- the judge ---- */

struct counted {
    struct accounts_system system;
    uint64_t client_ram, client_caps; /* in use by all of init's children and init */
};

static struct connection accounts;

static void count(struct counted *out)
{
    struct accounts_session session = {.id = 0};

    *out = (struct counted){.client_ram = 0};
    if (accounts_system(accounts.slot, &out->system) != OK)
        log_error("no accounts");
    while (accounts_next(accounts.slot, session.id, &session) == OK) {
        out->client_ram += session.ram_used;
        out->client_caps += session.caps_used;
    }
}

static void release_all(uint64_t serial, uint64_t round)
{
    uint64_t total;

    if (bank_sure(&ledger, BANK_ADD, 0, serial, &total) != OK)
        log_error("the ledger does not answer");
    for (uint64_t i = 1; i <= clients; i++)
        wait_for(i + 4, round);
}

static int compare(const struct counted *before, const struct counted *after)
{
    int errors = 0;

    errors += after->system.ram_free != before->system.ram_free;
    errors += after->system.sessions != before->system.sessions;
    errors += after->client_ram != before->client_ram || after->client_caps != before->client_caps;
    log_info("%s sessions %llu, RAM in use %lluK, capabilities %llu, free RAM %lluK",
             errors ? "FAIL" : "ok  ", (unsigned long long)after->system.sessions,
             (unsigned long long)(after->client_ram >> 10), (unsigned long long)after->client_caps,
             (unsigned long long)(after->system.ram_free >> 10));
    return errors;
}

int judge_main(struct xml_node config)
{
    struct counted counted[ROUNDS];
    int errors = 0;

    (void)!xml_attribute_unsigned(config, "clients", &clients);
    (void)!xml_attribute_unsigned(config, "requests", &requests);
    if (bank_open(&ledger, "LEDGER") != OK ||
        session_open(&(struct session_options){.service = ACCOUNTS_SERVICE}, &accounts) != OK)
        return 1;
    log_info("%llu clients, %u rounds", (unsigned long long)clients,
             ROUNDS); /* the log is open when counting begins */
    for (unsigned round = 0; round < ROUNDS; round++) {
        release_all(2 * round + 1, 2 * round + 1);
        release_all(2 * round + 2, 2 * round + 2);
        count(&counted[round]);
        errors += compare(&counted[0], &counted[round]);
        for (uint64_t i = 1; i <= clients; i++)
            errors += read_ledger(i) != (round + 1) * requests;
    }
    log_info("%s", errors ? "FAIL" : "everything acknowledged is booked once, every account is as before");
    return errors;
}
