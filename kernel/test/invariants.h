/* SPDX-License-Identifier: MIT */
/* Everything there is in the kernel under test, found by looking through memory, and the checks of what must hold. */
#ifndef KERNEL_TEST_INVARIANTS_H
#define KERNEL_TEST_INVARIANTS_H

#include "kernel/object/ec.h"
#include "kernel/object/ipc_objects.h"
#include "kernel/object/pd.h"

#define OBJECTS_MAX 4096u

struct world {
    struct pd *pd[OBJECTS_MAX];
    struct ec *ec[OBJECTS_MAX];
    struct sc *sc[OBJECTS_MAX];
    struct notification *notification[OBJECTS_MAX];
    unsigned pds, ecs, scs, notifications;
    uint64_t frames[16]; /* by kind */
    uint64_t objects;
};

extern struct world world;

/* Ends the program with seed and step; the driver's. */
_Noreturn void random_failed(const char *file, int line, const char *condition);

#define MUST(condition)                                    \
    do {                                                   \
        if (!(condition))                                  \
            random_failed(__FILE__, __LINE__, #condition); \
    } while (0)

/* Fills `world`. */
void world_look(void);

/* The context that a scheduling context would run; NULL if there is none. */
struct ec *invariants_driven(const struct sc *sc);

/* Looks, and checks E1 to E5 (kernel/object/ec.h), queues, timeouts and, since that takes longer, if asked, accounts. All CPUs
   are in user mode or idle, and their inboxes are empty. */
void invariants_check(bool accounts);

#endif
