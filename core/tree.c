/* SPDX-License-Identifier: MIT */
/* Balanced trees, see tree.h. */
#include "core/tree.h"

enum side { SMALLER = 0, GREATER = 1 };

static inline unsigned height(const struct tree_node *node)
{
    return node ? node->height : 0;
}

/* Height and weight from those of the sides. False: nothing changed. */
static inline bool update(struct tree_node *node)
{
    const struct tree_node *left = node->side[SMALLER], *right = node->side[GREATER];
    unsigned tall = height(left);
    uint64_t most = node->weight;

    if (right && right->height > tall)
        tall = right->height;
    if (left && left->most > most)
        most = left->most;
    if (right && right->most > most)
        most = right->most;
    tall++;
    if (node->height == tall && node->most == most)
        return false;
    node->height = tall;
    node->most = most;
    return true;
}

static struct tree_node **link_of(struct tree *tree, const struct tree_node *node)
{
    struct tree_node *parent = node->parent;

    return parent ? &parent->side[parent->side[GREATER] == node] : &tree->root;
}

/* The child on `side` takes the node's place. */
static struct tree_node *rotate(struct tree *tree, struct tree_node *node, enum side side)
{
    struct tree_node *child = node->side[side], *inner = child->side[!side];

    *link_of(tree, node) = child;
    child->parent = node->parent;
    child->side[!side] = node;
    node->parent = child;
    node->side[side] = inner;
    if (inner)
        inner->parent = node;
    (void)update(node);
    (void)update(child);
    return child;
}

/* Positive: the greater side is higher. */
static inline int lean(const struct tree_node *node)
{
    return (int)height(node->side[GREATER]) - (int)height(node->side[SMALLER]);
}

/* Restores the balance of a node whose sides are balanced; returns what is in its place now. */
static struct tree_node *balance(struct tree *tree, struct tree_node *node)
{
    enum side side = lean(node) > 0 ? GREATER : SMALLER;
    struct tree_node *child = node->side[side];

    if (height(child->side[!side]) > height(child->side[side]))
        rotate(tree, child, !side);
    return rotate(tree, node, side);
}

/* From a node whose sides have changed up to the first one for which nothing changes. */
static void repair(struct tree *tree, struct tree_node *node)
{
    for (; node; node = node->parent) {
        bool changed = update(node);

        if ((unsigned)(lean(node) + 1) > 2)
            node = balance(tree, node);
        else if (!changed)
            return;
    }
}

void tree_insert(struct tree *tree, struct tree_node *node)
{
    struct tree_node **link = &tree->root, *parent = NULL;

    while (*link) {
        parent = *link;
        link = &parent->side[node->key > parent->key];
    }
    node->parent = parent;
    node->side[SMALLER] = node->side[GREATER] = NULL;
    node->height = 1;
    node->most = node->weight;
    *link = node;
    repair(tree, parent);
}

/* `other`, which may be NULL, takes the node's place. */
static void replace(struct tree *tree, struct tree_node *node, struct tree_node *other)
{
    *link_of(tree, node) = other;
    if (other)
        other->parent = node->parent;
}

void tree_remove(struct tree *tree, struct tree_node *node)
{
    struct tree_node *next = node->side[GREATER], *from;

    if (!node->side[SMALLER] || !next) {
        from = node->parent;
        replace(tree, node, next ? next : node->side[SMALLER]);
        repair(tree, from);
        return;
    }
    /* The node with the next key has no smaller side; it moves here. */
    while (next->side[SMALLER])
        next = next->side[SMALLER];
    from = next->parent == node ? next : next->parent;
    replace(tree, next, next->side[GREATER]);
    next->side[SMALLER] = node->side[SMALLER];
    next->side[GREATER] = node->side[GREATER];
    for (unsigned side = SMALLER; side <= GREATER; side++)
        if (next->side[side])
            next->side[side]->parent = next;
    next->height = 0; /* nothing that is known of it holds here */
    replace(tree, node, next);
    repair(tree, from);
    if (next->height == 0)
        repair(tree, next);
}

void tree_set_weight(struct tree_node *node, uint64_t weight)
{
    node->weight = weight;
    for (; node && node->most < weight; node = node->parent)
        node->most = weight;
}

struct tree_node *tree_at_most(const struct tree *tree, uint64_t key)
{
    struct tree_node *node = tree->root, *best = NULL;

    while (node && node->key != key) {
        if (node->key < key)
            best = node;
        node = node->side[node->key < key];
    }
    return node ? node : best;
}

struct tree_node *tree_at_least(const struct tree *tree, uint64_t key)
{
    struct tree_node *node = tree->root, *best = NULL;

    while (node && node->key != key) {
        if (node->key > key)
            best = node;
        node = node->side[node->key < key];
    }
    return node ? node : best;
}

struct tree_node *tree_first_weighing(struct tree *tree, uint64_t weight)
{
    struct tree_node *node = tree->root;

    while (node) {
        struct tree_node *left = node->side[SMALLER], *right = node->side[GREATER];

        if (left && left->most >= weight) {
            node = left;
        } else if (node->weight >= weight) {
            break;
        } else if (right && right->most >= weight) {
            node = right;
        } else {
            /* Nothing here: `most` is too high, unless this is the root. */
            (void)update(node);
            node = node->parent;
        }
    }
    return node;
}
