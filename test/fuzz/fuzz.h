/* SPDX-License-Identifier: MIT */
/*
 * The hypercall fuzzer: what its two programs share.
 *
 * A stage is one CPU's part: a driver that makes hypercalls, two puppets that make one at a time on its behalf (so that the
 * driver can watch them block), an echo that answers calls, and a thread that never starts. Puppets and echo have a
 * higher priority than their driver and are on its CPU, so a puppet that was told to act has ended or blocks when the
 * driver goes on. All calls go through act(), which counts (operation, status) and refuses what the kernel's page does not
 * document. A program provides the stage's threads and slots; `root` says whether it holds the machine.
 */
#ifndef TEST_FUZZ_FUZZ_H
#define TEST_FUZZ_FUZZ_H

#include "lib/base/kernel.h"

#include <stdbool.h>
#include <stddef.h>

#define PUPPETS      2u
#define TEMPS        16u
#define WINDOW       64u
#define VAULT        24u
#define UNKNOWN_CALL HYPERCALL_COUNT /* row of calls with a number that does not exist */
#define TIMES_MIN    100u            /* how often each operation must meet each of its errors */

/* Slots of a stage, relative to its base. */
enum stage_slot {
    SLOT_DRIVER = 0, /* threads */
    SLOT_PUPPET = 1,
    SLOT_ECHO = SLOT_PUPPET + PUPPETS,
    SLOT_STILL,
    SLOT_GO, /* notifications of the puppets */
    SLOT_NOTE = SLOT_GO + PUPPETS,
    SLOT_PORTAL_DRIVER,
    SLOT_PORTAL_PUPPET,
    SLOT_PORTAL_ECHO = SLOT_PORTAL_PUPPET + PUPPETS,
    SLOT_PORTAL_PARK,                             /* into the echo, which parks who calls it */
    SLOT_PORTAL_FOREIGN,                          /* on another account than the stage's */
    SLOT_STALE,                                   /* by object type */
    SLOT_OBJECT = SLOT_STALE + OBJECT_TYPE_COUNT, /* by object type; empty: this program cannot have one */
    SLOT_TEMP = SLOT_OBJECT + OBJECT_TYPE_COUNT,
    SLOT_WINDOW = SLOT_TEMP + TEMPS, /* what random calls play with */
    SLOT_VAULT = SLOT_WINDOW + WINDOW,
    STAGE_SLOTS = SLOT_VAULT + VAULT,
};

#define PORTAL_ID_PARK 0x9a4bu

struct stage;

struct actor {
    struct stage *stage;
    struct message_area *area;
    uint32_t thread, go;
    volatile uint32_t busy;
    uint64_t number, argument[6];
    volatile enum status status;
    uint64_t result[3];
    uint32_t counts[HYPERCALL_COUNT + 1][STATUS_COUNT];
};

/* Frames of the root program that random calls may use; others do not exist for them. */
struct frames {
    uint64_t area, give, map; /* physical: message areas, for accounts, for mappings */
    uint64_t ram_end;
};

#define FUZZ_UNIT 0xfed90000ull /* registers of QEMU's intel-iommu */

#define FRAMES_AREA 8u
#define FRAMES_GIVE 48u

struct stage {
    struct actor driver, puppet[PUPPETS], echo;
    uint32_t base, slots; /* first slot; size of the whole capability space */
    uint32_t pd;          /* account of the stage */
    bool root;
    void (*root_goals)(struct stage *stage);
    bool virtualization;
    unsigned cpu;
    uint64_t seed, random;
    unsigned rounds;       /* at least */
    uint64_t calls_wanted; /* at most */
    uint64_t end;          /* or the time when it is enough */
    uint32_t peer_echo;    /* portal into another CPU; CAP_NONE: there is none */
    unsigned peer_cpu;
    struct frames frames;
    uint32_t rights[OBJECT_TYPE_COUNT]; /* that the stage's objects have; 0: all */
    int64_t frames_given;               /* by random calls, not yet taken back */
    uint32_t vault_used;
    volatile uint64_t progress; /* calls that the driver began */
    volatile uint64_t number;   /* of the last one */
    volatile bool done;
    unsigned failures;
};

/* The program's: a line of output. */
void fuzz_print(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- stage.c ---- */

/* A bit for each status that doc/kernel-interface.md names for the operation. */
extern const uint32_t fuzz_documented[HYPERCALL_COUNT + 1];
extern const char *const fuzz_names[HYPERCALL_COUNT + 1];

static inline uint32_t slot(const struct stage *stage, unsigned which)
{
    return stage->base + which;
}

/* A hypercall, counted. */
enum status act(struct actor *actor, uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3,
                uint64_t a4, uint64_t a5);

/* The same by the driver, which must come back with this status. */
void meet_at(struct stage *stage, int line, enum status expected, uint64_t number, uint64_t a0, uint64_t a1,
             uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5);
#define MEET_6(stage, expected, number, a0, a1, a2, a3, a4, a5, ...) \
    meet_at(stage, __LINE__, expected, HYPERCALL_##number, a0, a1, a2, a3, a4, a5)
#define MEET(...) MEET_6(__VA_ARGS__, 0, 0, 0, 0, 0, 0)

void fuzz_failed(struct stage *stage, int line, const char *what, uint64_t got, uint64_t expected);
#define MUST(stage, condition) \
    ((condition) ? (void)0 : fuzz_failed(stage, __LINE__, __FILE__ ": " #condition, 0, 1))

/* Has a puppet make a call: it runs until it blocks or ends. puppet_end: it has ended, or does soon, with the status. */
void puppet_start_at(struct stage *stage, unsigned index, uint64_t number, const uint64_t argument[6]);
#define PUPPET(stage, index, number, ...) \
    puppet_start_at(stage, index, HYPERCALL_##number, (const uint64_t[6]){__VA_ARGS__})
void puppet_end_at(struct stage *stage, int line, unsigned index, enum status expected);
#define PUPPET_END(stage, index, expected) puppet_end_at(stage, __LINE__, index, expected)
bool puppet_settle(struct stage *stage, unsigned index);

/* Main functions of the stage's threads. */
_Noreturn void puppet_run(struct actor *puppet);
_Noreturn void echo_run(struct actor *echo);
_Noreturn void driver_run(struct stage *stage);

/* Called every few milliseconds by somebody of higher priority: frees a driver that blocks for good. */
void stage_watch(struct stage *stage, uint64_t *last, unsigned *idle);

/* Says each ten seconds how far the stages are. */
void fuzz_progress(const struct stage *stages, unsigned count, uint64_t tsc_khz, uint64_t *said);

/* Prints the table of all stages; the number of pairs that were met less than TIMES_MIN times. `skip`: bits of statuses, by
   operation, that this program cannot meet. */
unsigned fuzz_report(struct stage *const *stages, unsigned count, const uint32_t *skip);

/* ---- goals.c, goals_root.c, confusion.c, random.c ---- */

void goals_meet(struct stage *stage);
void goals_refused_meet(struct stage *stage);
void goals_root_meet(struct stage *stage);
void confusion_try(struct stage *stage);
void random_round(struct stage *stage, unsigned calls);

#endif
