/* SPDX-License-Identifier: MIT */
#include "test/killer/accounts.h"

#include "contract/parent/wire.h"
#include "contract/rom/client.h"
#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/fmt/status_text.h"
#include "lib/string/string.h"

#define ACCOUNTS_MAX 4u
#define CHILDREN_MAX 16u
#define NAME_SIZE    64u
#define REPORT_SIZE  (16u << 10)

/* Pages of heaps and a queue or two come and go; a page or a capability a death would be more. */
#define RAM_TOLERANCE  (64ull << 10)
#define CAPS_TOLERANCE 8u

enum { RAM_QUOTA, RAM_USED, CAPS_QUOTA, CAPS_USED, VALUES };

/* What others write, see init/report.c. */
static const char child_node[] = "child";

static const char *const value_names[VALUES] = {"RAM", "RAM used", "capabilities", "capabilities used"};

struct known {
    char name[NAME_SIZE];
    uint64_t values[VALUES];
};

static struct account {
    char label[PARENT_LABEL_MAX], skip[NAME_SIZE];
    struct rom_reader rom;
} accounts[ACCOUNTS_MAX];

static struct known children[CHILDREN_MAX], total = {.name = "all together"};
static unsigned account_count, child_count;
static bool settled, telling;

enum status accounts_open(struct xml_node config)
{
    struct xml_node node;
    enum status status = OK;

    for (bool more = xml_first_child_named(config, "account", &node); more && status == OK;
         more = xml_next_sibling_named(node, "account", &node)) {
        struct account *account = &accounts[account_count];

        if (account_count == ACCOUNTS_MAX ||
            xml_attribute_copy(node, "rom", account->label, sizeof(account->label)) != OK)
            return ERR_INVALID;
        (void)xml_attribute_copy(node, "skip", account->skip, NAME_SIZE);
        status = rom_open(account->label, REPORT_SIZE, &account->rom);
        if (status != OK)
            log_error("no ROM \"%s\": %s", account->label, status_text(status));
        account_count++;
    }
    return status;
}

/* ---- one child ---- */

/* A value of one of the child's nodes. */
static bool value_read(struct xml_node child, const char *part, const char *name, uint64_t *out)
{
    struct xml_node node;

    return xml_first_child_named(child, part, &node) && xml_attribute_unsigned(node, name, out) == OK;
}

/* False: the child is not running, so it has no values. */
static bool values_read(struct xml_node child, struct known *out)
{
    return xml_attribute_copy(child, "name", out->name, NAME_SIZE) == OK &&
           value_read(child, "ram", "quota", &out->values[RAM_QUOTA]) &&
           value_read(child, "ram", "used", &out->values[RAM_USED]) &&
           value_read(child, "caps", "quota", &out->values[CAPS_QUOTA]) &&
           value_read(child, "caps", "used", &out->values[CAPS_USED]);
}

static void say(const struct known *child)
{
    log_info("account of %s: RAM %lluK, %lluK used; capabilities %llu, %llu used", child->name,
             (unsigned long long)(child->values[RAM_QUOTA] >> 10),
             (unsigned long long)(child->values[RAM_USED] >> 10),
             (unsigned long long)child->values[CAPS_QUOTA], (unsigned long long)child->values[CAPS_USED]);
}

static unsigned value_compare(const struct known *before, const struct known *now, unsigned v)
{
    uint64_t tolerance = v == RAM_QUOTA || v == RAM_USED ? RAM_TOLERANCE : CAPS_TOLERANCE;
    uint64_t was = before->values[v], is = now->values[v];
    bool used = v == RAM_USED || v == CAPS_USED;

    if (is <= was + tolerance && (used || was <= is + tolerance))
        return 0;
    if (telling)
        log_info("account of %s: %s %llu, after the first round %llu", now->name, value_names[v],
                 (unsigned long long)is, (unsigned long long)was);
    return 1;
}

static struct known *known_find(const char *name)
{
    for (unsigned i = 0; i < child_count; i++)
        if (strcmp(children[i].name, name) == 0)
            return &children[i];
    return NULL;
}

/* Who is seen for the first time is noted. */
static unsigned child_compare(const struct known *now)
{
    struct known *before = known_find(now->name);
    unsigned differences = 1;

    if (before)
        differences = value_compare(before, now, RAM_USED) + value_compare(before, now, CAPS_USED);
    else if (child_count < CHILDREN_MAX)
        before = &children[child_count++];
    if (before && !settled)
        *before = *now;
    return differences;
}

/* ---- all of them ---- */

static unsigned account_compare(struct account *account, bool (*is_victim)(const char *name),
                                struct known *sum)
{
    struct xml_error error;
    struct xml_node root, child;
    struct known now;
    unsigned differences = 0;
    enum status status = rom_update(&account->rom);

    if (status == OK)
        status = xml_validate(account->rom.rom.data, account->rom.rom.size, &error);
    if (status != OK || !xml_root(account->rom.rom.data, account->rom.rom.size, &root)) {
        log_error("no state from \"%s\": %s", account->label, status_text(status));
        return 1;
    }
    for (bool more = xml_first_child_named(root, child_node, &child); more;
         more = xml_next_sibling_named(child, child_node, &child)) {
        if (!values_read(child, &now) || strcmp(now.name, account->skip) == 0)
            continue;
        sum->values[RAM_QUOTA] += now.values[RAM_QUOTA];
        sum->values[CAPS_QUOTA] += now.values[CAPS_QUOTA];
        if (!is_victim(now.name))
            differences += child_compare(&now);
    }
    return differences;
}

unsigned accounts_compare(bool (*is_victim)(const char *name), bool tell)
{
    struct known sum = {.name = "all together"};
    unsigned differences = 0;

    telling = tell;
    for (unsigned i = 0; i < account_count; i++)
        differences += account_compare(&accounts[i], is_victim, &sum);
    if (account_count)
        differences += value_compare(&total, &sum, RAM_QUOTA) + value_compare(&total, &sum, CAPS_QUOTA);
    if (!settled)
        total = sum;
    return differences;
}

void accounts_settle(void)
{
    if (settled)
        return;
    settled = true;
    for (unsigned i = 0; i < child_count; i++)
        say(&children[i]);
    if (account_count)
        say(&total);
}
