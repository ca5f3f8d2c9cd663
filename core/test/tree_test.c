/* SPDX-License-Identifier: MIT */
/* Trees against an oracle: an array that is searched from end to end. */
#include "core/test/host.h"
#include "core/tree.h"
#include "test/check.h"

#define NODES 200u
#define STEPS 200000u

static struct tree tree;
static struct tree_node nodes[NODES];
static bool in[NODES];

/* Checks order, links, heights and weights below a node; returns its height. */
static unsigned check(const struct tree_node *node, const struct tree_node *parent, unsigned *found)
{
    if (!node)
        return 0;
    unsigned left = check(node->side[0], node, found), right = check(node->side[1], node, found);
    uint64_t most = node->weight;

    ++*found;
    for (unsigned side = 0; side < 2; side++) {
        const struct tree_node *child = node->side[side];

        if (child) {
            CHECK(side ? child->key > node->key : child->key < node->key);
            most = child->most > most ? child->most : most;
        }
    }
    CHECK(node->parent == parent);
    CHECK(node->most >= most);
    CHECK(left <= right + 1 && right <= left + 1);
    CHECK_EQ(node->height, (left > right ? left : right) + 1);
    return node->height;
}

static const struct tree_node *oracle(bool (*wanted)(const struct tree_node *, uint64_t), uint64_t value,
                                      bool greatest)
{
    const struct tree_node *best = NULL;

    for (unsigned i = 0; i < NODES; i++)
        if (in[i] && wanted(&nodes[i], value) && (!best || (nodes[i].key > best->key) == greatest))
            best = &nodes[i];
    return best;
}

static bool is_at_most(const struct tree_node *node, uint64_t key)
{
    return node->key <= key;
}

static bool is_at_least(const struct tree_node *node, uint64_t key)
{
    return node->key >= key;
}

static bool weighs(const struct tree_node *node, uint64_t weight)
{
    return node->weight >= weight;
}

static void step(uint64_t *seed, unsigned range)
{
    unsigned i = random_next(seed) % NODES;

    if (in[i] && random_next(seed) % 4 == 0) {
        tree_set_weight(&nodes[i], random_next(seed) % 50);
    } else if (in[i]) {
        tree_remove(&tree, &nodes[i]);
        in[i] = false;
    } else {
        nodes[i] = (struct tree_node){.key = i * 3 % (range * 3), .weight = random_next(seed) % 50};
        tree_insert(&tree, &nodes[i]);
        in[i] = true;
    }
}

int main(void)
{
    uint64_t seed = 1;

    CASE("a tree of random insertions and removals is balanced and finds what a search finds");
    for (unsigned n = 0; n < STEPS; n++) {
        step(&seed, NODES);
        unsigned key = random_next(&seed) % (NODES * 3 + 5), weight = random_next(&seed) % 55;

        CHECK(tree_at_most(&tree, key) == oracle(is_at_most, key, true));
        CHECK(tree_at_least(&tree, key) == oracle(is_at_least, key, false));
        CHECK(tree_first_weighing(&tree, weight) == oracle(weighs, weight, false));
        if (n % 64 == 0) {
            unsigned found = 0, expected = 0;

            for (unsigned i = 0; i < NODES; i++)
                expected += in[i];
            (void)check(tree.root, NULL, &found);
            CHECK_EQ(found, expected);
        }
    }

    CASE("ascending keys make no list of it");
    tree.root = NULL;
    for (unsigned i = 0; i < NODES; i++) {
        nodes[i] = (struct tree_node){.key = i};
        tree_insert(&tree, &nodes[i]);
    }
    CHECK(tree.root->height <= 10);
    return check_finish();
}
