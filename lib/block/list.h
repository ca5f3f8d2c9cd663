/* SPDX-License-Identifier: MIT */
/*
 * Lists for what is in one of several at a time, and leaves from the middle: circular, with a head that is a link like any other.
 * A link outside of any list points to nothing, or to where it was: whoever owns it knows.
 */
#ifndef LIB_BLOCK_LIST_H
#define LIB_BLOCK_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list_link {
    struct list_link *next, *previous;
};

#define LIST_OWNER(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

/* Also inside the loop, `link` may leave the list. */
#define LIST_EACH(link, head)                                                              \
    for (struct list_link *link = (head)->next, *link##_next = link->next; link != (head); \
         link = link##_next, link##_next = link->next)

/* Inside the loop, `link` must stay. */
#define LIST_EACH_STAYS(link, head) \
    for (struct list_link *link = (head)->next; link != (head); link = link->next)

static inline void list_init(struct list_link *head)
{
    head->next = head->previous = head;
}

static inline bool list_empty(const struct list_link *head)
{
    return head->next == head;
}

static inline void list_insert(struct list_link *link, struct list_link *before)
{
    link->next = before;
    link->previous = before->previous;
    before->previous->next = link;
    before->previous = link;
}

static inline void list_append(struct list_link *head, struct list_link *link)
{
    list_insert(link, head);
}

static inline void list_push(struct list_link *head, struct list_link *link)
{
    list_insert(link, head->next);
}

static inline void list_remove(struct list_link *link)
{
    link->previous->next = link->next;
    link->next->previous = link->previous;
}

/* All of `from`, in order, behind what is in `to`. */
static inline void list_move_all(struct list_link *to, struct list_link *from)
{
    if (list_empty(from))
        return;
    from->next->previous = to->previous;
    to->previous->next = from->next;
    from->previous->next = to;
    to->previous = from->previous;
    list_init(from);
}

#endif
