/* SPDX-License-Identifier: MIT */
/* The cache's configuration, see config.schema. */
#include "server/block_cache/server.h"

#include "lib/block/policy.h"
#include "lib/config/config.h"

#define SIZE_LEAST (1ull << 20)
#define SIZE_MOST  (64ull << 30)

static enum status flag(struct xml_node config, const char *name, bool *out)
{
    enum status status = xml_attribute_bool(config, name, out);

    if (status != ERR_INVALID)
        return OK;
    config_complain(config, name, "must be yes or no");
    return status;
}

static enum status policy(struct cache_config *config)
{
    struct xml_slice name;

    config->policy = &cache_policy_s3_fifo;
    if (!xml_attribute(config->root, "policy", &name))
        return OK;
    config->policy = cache_policy_named(name.start, name.length);
    if (config->policy == &cache_policy_s3_fifo || config->policy == &cache_policy_lru)
        return OK;
    config_complain(config->root, "policy", "must be s3-fifo or lru");
    return ERR_INVALID;
}

static enum status sizes(struct cache_config *config)
{
    struct xml_node root = config->root;
    enum status status = config_size(root, "size", 16 << 20, SIZE_LEAST, SIZE_MOST, &config->size);

    if (status == OK)
        status = config_size(root, "size_max", config->size, config->size, SIZE_MOST, &config->size_max);
    if (status == OK)
        status = config_size(root, "read_ahead", 128 << 10, 0, 4 << 20, &config->read_ahead);
    if (status == OK)
        status = config_size(root, "bypass", 256 << 10, 0, SIZE_MOST, &config->bypass);
    return status;
}

enum status config_read(struct cache_config *config)
{
    static const char *const names[] = {"size",       "size_max", "policy", "write_through",
                                        "read_ahead", "bypass",   "dirty",  "flush_ms",
                                        "report",     "verbose",  NULL};
    enum status status = config_load_or_empty(&config->root);

    if (status == OK)
        status = config_check_attributes(config->root, names);
    if (status == OK)
        status = block_policy_check(config->root, NULL);
    if (status == OK)
        status = sizes(config);
    if (status == OK)
        status = policy(config);
    if (status == OK)
        status = config_number(config->root, "dirty", 50, 1, 80, &config->dirty_percent);
    if (status == OK)
        status = config_number(config->root, "flush_ms", 5000, 10, 3600000, &config->flush_ms);
    if (status == OK)
        status = flag(config->root, "write_through", &config->write_through);
    if (status == OK)
        status = flag(config->root, "report", &config->report);
    if (status == OK)
        status = flag(config->root, "verbose", &config->verbose);
    return status;
}
