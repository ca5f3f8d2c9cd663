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
    struct known children[CHILDREN_MAX];
    unsigned count;
} accounts[ACCOUNTS_MAX];

static unsigned account_count;

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

static void note(struct account *account, const struct known *child)
{
    if (account->count == CHILDREN_MAX)
        return;
    account->children[account->count++] = *child;
    log_info("account of %s: RAM %lluK, %lluK used; capabilities %llu, %llu used", child->name,
             (unsigned long long)(child->values[RAM_QUOTA] >> 10),
             (unsigned long long)(child->values[RAM_USED] >> 10),
             (unsigned long long)child->values[CAPS_QUOTA], (unsigned long long)child->values[CAPS_USED]);
}

static unsigned child_compare(struct account *account, const struct known *now)
{
    unsigned differences = 0;

    for (unsigned i = 0; i < account->count; i++) {
        const struct known *before = &account->children[i];

        if (strcmp(before->name, now->name) != 0)
            continue;
        for (unsigned v = 0; v < VALUES; v++) {
            if (before->values[v] == now->values[v])
                continue;
            log_info("account of %s: %s %llu, after the first round %llu", now->name, value_names[v],
                     (unsigned long long)now->values[v], (unsigned long long)before->values[v]);
            differences++;
        }
        return differences;
    }
    note(account, now);
    return 0;
}

static unsigned account_compare(struct account *account)
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
         more = xml_next_sibling_named(child, child_node, &child))
        if (values_read(child, &now) && strcmp(now.name, account->skip) != 0)
            differences += child_compare(account, &now);
    return differences;
}

unsigned accounts_compare(void)
{
    unsigned differences = 0;

    for (unsigned i = 0; i < account_count; i++)
        differences += account_compare(&accounts[i]);
    return differences;
}
