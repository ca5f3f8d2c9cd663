/* SPDX-License-Identifier: MIT */
/*
 * A balanced tree of nodes that lie inside other structs (an AVL tree: the heights of a node's sides differ by at most 1).
 *
 * Nodes are ordered by key, no two of which are equal. Each may have a weight. `most` is at least the greatest one below and
 * including the node, so that the first node with at least some weight is found as quickly as a key. A weight that falls
 * leaves the `most` above it as they are; a search that was misled by one corrects it and goes on, so that each fall costs
 * a search at most one more step a level.
 */
#ifndef CORE_TREE_H
#define CORE_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tree_node {
    struct tree_node *parent, *side[2]; /* smaller keys, greater keys */
    uint64_t key;
    uint64_t weight, most;
    unsigned height; /* 1 for a leaf */
};

struct tree {
    struct tree_node *root;
};

/* The node has its key and weight already. */
void tree_insert(struct tree *tree, struct tree_node *node);
void tree_remove(struct tree *tree, struct tree_node *node);

void tree_set_weight(struct tree_node *node, uint64_t weight);

/* The node with the greatest key that is at most `key`, or the smallest that is at least `key`; NULL if there is none. */
struct tree_node *tree_at_most(const struct tree *tree, uint64_t key);
struct tree_node *tree_at_least(const struct tree *tree, uint64_t key);

/* The node with the smallest key that weighs at least that; NULL if there is none. */
struct tree_node *tree_first_weighing(struct tree *tree, uint64_t weight);

#endif
