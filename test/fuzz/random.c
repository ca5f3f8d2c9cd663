/* SPDX-License-Identifier: MIT */
/*
 * Random hypercalls: half of them shaped so that they often make sense, the rest with anything in any register.
 *
 * What they may reach is the stage's window of slots, filled with capabilities of all types and random rights, and (in the
 * root program) a sandbox: a domain with frames of its own on whose account the objects are made. A few arguments are
 * bent, because the root program could harm only itself with them: slots outside the window, frames that it lives in,
 * deadlines of hours, switching the machine off. At the end of a round everything is taken back, and all accounts must
 * be what they were.
 */
#include "test/fuzz/fuzz.h"

#define FRAME          4096ull
#define SANDBOX_FRAMES 20u
#define DEADLINE_TICKS 20000u
#define PRIORITIES     24u /* of random scheduling contexts: below the driver's */

static uint64_t random64(struct stage *stage)
{
    uint64_t x = stage->random;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    stage->random = x;
    return x;
}

static uint64_t below(struct stage *stage, uint64_t end)
{
    return (random64(stage) >> 11) % end;
}

static uint64_t window_slot(struct stage *stage)
{
    return slot(stage, SLOT_WINDOW) + below(stage, WINDOW);
}

static uint64_t raw_value(struct stage *stage)
{
    static const uint64_t values[] = {0,
                                      1,
                                      2,
                                      4,
                                      15,
                                      16,
                                      255,
                                      4095,
                                      4096,
                                      65535,
                                      65536,
                                      0x7fffffff,
                                      0xffffffff,
                                      1ull << 32,
                                      1ull << 47,
                                      (1ull << 47) - 4096,
                                      0xffff800000000000ull,
                                      1ull << 63,
                                      UINT64_MAX,
                                      UINT64_MAX - 4095};

    switch (below(stage, 4)) {
    case 0: return window_slot(stage);
    case 1: return values[below(stage, sizeof(values) / sizeof(values[0]))];
    case 2: return below(stage, 1000);
    default: return random64(stage) >> below(stage, 64);
    }
}

/*
 * Shapes, a letter an argument: s slot, z slot or CAP_NONE, t tag, f flags, operation or event, d deadline, n number,
 * g groups, r rights, b badge, y object type, p frame, q port, v anything.
 */
static const char *const shapes[HYPERCALL_COUNT] = {
    [HYPERCALL_CALL] = "st",
    [HYPERCALL_REPLY_WAIT] = "tfzd",
    [HYPERCALL_NOTIFICATION_WAIT] = "zd",
    [HYPERCALL_NOTIFICATION_SIGNAL] = "s",
    [HYPERCALL_CREATE] = "yssvvv",
    [HYPERCALL_DESTROY] = "s",
    [HYPERCALL_CAP_COPY] = "zssrb",
    [HYPERCALL_CAP_DROP] = "zs",
    [HYPERCALL_CAP_IDENTIFY] = "ss",
    [HYPERCALL_PD_GIVE_FRAMES] = "spns",
    [HYPERCALL_PD_TAKE_FRAMES] = "sn",
    [HYPERCALL_PD_INFO] = "s",
    [HYPERCALL_SPACE_UPDATE] = "sf",
    [HYPERCALL_PORT_UPDATE] = "sqqf",
    [HYPERCALL_CAP_SPACE_GROW] = "sn",
    [HYPERCALL_EC_BIND] = "sfsg",
    [HYPERCALL_EC_CONTROL] = "sf",
    [HYPERCALL_STATE_READ] = "sg",
    [HYPERCALL_STATE_WRITE] = "sg",
    [HYPERCALL_INTERRUPT_ACK] = "s",
    [HYPERCALL_SC_CONTROL] = "snv",
    [HYPERCALL_MACHINE_CONTROL] = "sfv",
    [HYPERCALL_IOMMU_CONTROL] = "sfvs",
};

static uint64_t frame_near(uint64_t base, uint64_t frames, uint64_t random)
{
    return base + random % frames * FRAME;
}

static uint64_t some_tag(struct stage *stage)
{
    return below(stage, 8) ? tag_make((uint32_t)random64(stage), (unsigned)below(stage, 12),
                                      below(stage, 3) ? 0 : (unsigned)below(stage, 4))
                           : random64(stage);
}

static uint64_t shaped(struct stage *stage, char letter)
{
    switch (letter) {
    case 's': return window_slot(stage);
    case 'z': return below(stage, 2) ? CAP_NONE : window_slot(stage);
    case 't': return some_tag(stage);
    case 'f': return below(stage, 5);
    case 'd': return kernel_tsc() + below(stage, DEADLINE_TICKS);
    case 'n': return below(stage, below(stage, 2) ? 4 : 300);
    case 'g': return below(stage, 0x2000);
    case 'r': return below(stage, 2) ? RIGHT_ALL : random64(stage);
    case 'b': return below(stage, 3) ? 0 : random64(stage);
    case 'y': return below(stage, OBJECT_TYPE_COUNT + 1);
    case 'p': return frame_near(stage->frames.give, FRAMES_GIVE, random64(stage));
    case 'q': return below(stage, 70000);
    default: return raw_value(stage);
    }
}

/* ---- what must be bent ---- */

/* Slots outside the window belong to the program. */
static uint64_t bend_slot(struct stage *stage, uint64_t index)
{
    uint64_t first = slot(stage, SLOT_WINDOW);

    if (index >= stage->slots || (index >= first && index < first + WINDOW))
        return index;
    return first + index % WINDOW;
}

static uint64_t bend_frame(const struct stage *stage, uint64_t address, uint64_t base, uint64_t frames)
{
    return address >= stage->frames.ram_end ? address
                                            : frame_near(base, frames, address / FRAME) | (address & 7);
}

static uint64_t bend_deadline(uint64_t deadline)
{
    uint64_t latest = kernel_tsc() + DEADLINE_TICKS;

    return deadline < latest ? deadline : latest;
}

static uint64_t bend_priority(uint64_t priority)
{
    return (uint32_t)priority <= SC_PRIORITY_MAX
               ? (priority & ~0xffffffffull) | (uint32_t)priority % PRIORITIES
               : priority;
}

static void bend_create(struct stage *stage, uint64_t a[6])
{
    a[1] = bend_slot(stage, a[1]);
    a[2] = bend_slot(stage, a[2]);
    if (a[0] == OBJECT_PD)
        a[2] = slot(stage, SLOT_VAULT) + stage->vault_used % VAULT;
    if (a[0] == OBJECT_THREAD)
        a[3] = bend_frame(stage, a[3], stage->frames.area, FRAMES_AREA);
    if (a[0] == OBJECT_SC || a[0] == OBJECT_THREAD)
        a[4] = below(stage, 8) ? (a[4] & 3) | (uint64_t)stage->cpu << 32 : a[4];
    if (a[0] == OBJECT_SC) {
        a[4] = bend_priority(a[4]);
        a[5] = below(stage, 8) ? 10000 + a[5] % 100000 : a[5];
    }
    if (a[0] == OBJECT_IOMMU) /* no other device's registers shall be tried */
        a[4] = below(stage, 2) ? FUZZ_UNIT | (a[4] & 0xfff) : a[4] & 0xfffff;
}

static void bend(struct stage *stage, uint64_t number, uint64_t a[6])
{
    switch (number) {
    case HYPERCALL_REPLY_WAIT:
        a[2] = a[2] == CAP_NONE ? CAP_NONE : bend_slot(stage, a[2]);
        a[3] = bend_deadline(a[3]);
        break;
    case HYPERCALL_NOTIFICATION_WAIT:
        a[0] = a[0] == CAP_NONE ? CAP_NONE : bend_slot(stage, a[0]);
        a[1] = bend_deadline(a[1]);
        break;
    case HYPERCALL_CREATE: bend_create(stage, a); break;
    case HYPERCALL_CALL:
    case HYPERCALL_NOTIFICATION_SIGNAL:
    case HYPERCALL_DESTROY: a[0] = bend_slot(stage, a[0]); break;
    case HYPERCALL_CAP_COPY:
    case HYPERCALL_CAP_DROP:
        if (a[0] == CAP_NONE)
            a[1] = bend_slot(stage, a[1]);
        a[0] = a[0] == CAP_NONE ? CAP_NONE : bend_slot(stage, a[0]);
        if (number == HYPERCALL_CAP_COPY)
            a[2] = bend_slot(stage, a[2]);
        break;
    case HYPERCALL_PD_GIVE_FRAMES:
        a[1] = bend_frame(stage, a[1], stage->frames.give, FRAMES_GIVE);
        a[0] = bend_slot(stage, a[0]);
        break;
    case HYPERCALL_SC_CONTROL: a[1] = bend_priority(a[1]); /* fall through */
    case HYPERCALL_PD_TAKE_FRAMES:
    case HYPERCALL_SPACE_UPDATE:
    case HYPERCALL_PORT_UPDATE:
    case HYPERCALL_CAP_SPACE_GROW:
    case HYPERCALL_EC_BIND:
    case HYPERCALL_EC_CONTROL:
    case HYPERCALL_STATE_WRITE:
    case HYPERCALL_INTERRUPT_ACK: a[0] = bend_slot(stage, a[0]); break;
    case HYPERCALL_MACHINE_CONTROL:
        a[1] = a[1] <= MACHINE_CONSOLE_OFF ? MACHINE_CONSOLE_WRITE : a[1];
        a[2] = '\r';
        break;
    case HYPERCALL_IOMMU_CONTROL:
        a[0] = bend_slot(stage, a[0]);
        a[3] = bend_slot(stage, a[3]);
        a[2] = (a[2] & 0xffe0) == 0xe0 ? a[2] - 0x80 : a[2]; /* not those of goals_root.c */
        break;
    default: break;
    }
}

/* ---- what lies in memory ---- */

static void random_entries(struct stage *stage)
{
    struct space_entry *entry = (struct space_entry *)stage->driver.area->words;

    for (unsigned i = 0; i < 5; i++) {
        struct space_entry *e = &entry[i];

        e->virtual = below(stage, 20) ? (1 + below(stage, 8)) << 21 | below(stage, 8) << 12 : random64(stage);
        e->physical =
            bend_frame(stage, random64(stage) >> below(stage, 40) & (below(stage, 20) ? ~0xfffull : ~0ull),
                       stage->frames.map, 64) &
            (below(stage, 20) ? ~0xfffull : ~0ull);
        e->pages = (uint32_t)(below(stage, 30) ? below(stage, 20) : below(stage, 1100));
        e->operation = (uint16_t)below(stage, 6);
        e->flags = (uint16_t)(below(stage, 20) ? below(stage, 4) : random64(stage));
        if (e->flags & SPACE_LARGE && e->physical < stage->frames.ram_end)
            e->physical += (stage->frames.ram_end + 0x3fffffff) & ~0x3fffffffull;
    }
}

/* `rip` stays in the page at 0, which is never mapped: what runs with such a state faults at once. */
static void random_state(struct stage *stage)
{
    uint64_t *words = stage->driver.area->words;

    for (unsigned i = 0; i < MESSAGE_WORDS; i += 1 + (unsigned)below(stage, 8))
        words[i] = raw_value(stage);
    words[16] &= 0xfff;
}

static void random_message(struct stage *stage, struct message_area *area)
{
    for (unsigned i = 0; i < 4; i++)
        area->send[i] = (struct message_cap){
            (uint32_t)bend_slot(stage, below(stage, 4) ? window_slot(stage) : raw_value(stage)),
            (uint32_t)random64(stage)};
    area->receive_base = (uint32_t)(below(stage, 8) ? window_slot(stage) : stage->slots + below(stage, 10));
    area->receive_count = (uint32_t)below(stage, 5);
    if (area->receive_base < stage->slots && area->receive_base + 5 > slot(stage, SLOT_WINDOW) + WINDOW)
        area->receive_base -= 5;
}

/* ---- a step ---- */

static void choose(struct stage *stage, uint64_t *number, uint64_t a[6])
{
    const char *shape;

    *number = below(stage, 40) ? below(stage, HYPERCALL_COUNT) : raw_value(stage);
    shape = *number < HYPERCALL_COUNT && below(stage, 4) ? shapes[*number] : "";
    for (unsigned i = 0; i < 6; i++) {
        a[i] = below(stage, 16) && *shape ? shaped(stage, *shape) : raw_value(stage);
        shape += *shape != 0;
    }
    bend(stage, *number, a);
}

/* A component keeps a second capability of what it makes, since it pays for what it loses: the oldest ends. */
static void keep(struct stage *stage, uint32_t created)
{
    uint32_t place = slot(stage, SLOT_VAULT) + stage->vault_used++ % VAULT;

    (void)act(&stage->driver, HYPERCALL_DESTROY, place, 0, 0, 0, 0, 0);
    MEET(stage, OK, CAP_DROP, CAP_NONE, place);
    MEET(stage, OK, CAP_COPY, CAP_NONE, place, created, RIGHT_ALL, 0);
}

static void remember(struct stage *stage, uint64_t number, const uint64_t a[6], enum status status)
{
    if (status != OK)
        return;
    if (number == HYPERCALL_PD_GIVE_FRAMES)
        stage->frames_given += (int64_t)a[2];
    if (number == HYPERCALL_PD_TAKE_FRAMES)
        stage->frames_given -= (int64_t)stage->driver.result[0];
    if (number == HYPERCALL_CREATE && !stage->root)
        keep(stage, (uint32_t)a[2]);
    if (number != HYPERCALL_CREATE || a[0] != OBJECT_PD)
        return;
    (void)act(&stage->driver, HYPERCALL_CAP_COPY, CAP_NONE, window_slot(stage), a[2],
              random64(stage) | RIGHT_PD_CREATE_ANY, 0, 0);
    stage->vault_used++;
}

static void random_call(struct stage *stage)
{
    uint64_t number, a[6];

    choose(stage, &number, a);
    if (stage->root && number == HYPERCALL_CREATE && a[0] == OBJECT_PD && stage->vault_used == VAULT)
        return;
    if (number == HYPERCALL_SPACE_UPDATE)
        random_entries(stage);
    if (number == HYPERCALL_STATE_WRITE)
        random_state(stage);
    if (number == HYPERCALL_CALL || number == HYPERCALL_REPLY_WAIT)
        random_message(stage, stage->driver.area);
    if (number == HYPERCALL_REPLY_WAIT)
        stage->driver.area->words[0] = 0; /* an event's context takes back nothing */
    remember(stage, number, a, act(&stage->driver, number, a[0], a[1], a[2], a[3], a[4], a[5]));
}

/* Only what cannot hurt from another thread, and ends, or can be ended. */
static void random_puppet(struct stage *stage)
{
    unsigned index = (unsigned)below(stage, PUPPETS);
    uint64_t a[6];
    static const uint8_t numbers[] = {HYPERCALL_CALL,
                                      HYPERCALL_CALL,
                                      HYPERCALL_REPLY_WAIT,
                                      HYPERCALL_REPLY_WAIT,
                                      HYPERCALL_NOTIFICATION_WAIT,
                                      HYPERCALL_NOTIFICATION_SIGNAL};
    uint64_t number = numbers[below(stage, sizeof(numbers))];

    if (stage->puppet[index].busy && !puppet_settle(stage, index)) {
        fuzz_failed(stage, __LINE__, "a puppet hangs", stage->puppet[index].number, 0);
        return;
    }
    for (unsigned i = 0; i < 6; i++)
        a[i] = shapes[number][i] ? shaped(stage, shapes[number][i]) : 0;
    bend(stage, number, a);
    if (below(stage, 2) && number == HYPERCALL_CALL)
        a[0] = slot(stage, SLOT_PORTAL_DRIVER);
    random_message(stage, stage->puppet[index].area);
    stage->puppet[index].area->words[0] = 0;
    puppet_start_at(stage, index, number, a);
}

/* ---- a round ---- */

static void window_fill(struct stage *stage)
{
    for (unsigned i = 0; i < WINDOW; i++) {
        unsigned type = 1 + (unsigned)below(stage, OBJECT_TYPE_COUNT + 3);
        uint32_t from = type < OBJECT_TYPE_COUNT ? slot(stage, SLOT_OBJECT + type)
                        : type == OBJECT_TYPE_COUNT
                            ? slot(stage, SLOT_PORTAL_ECHO)
                            : slot(stage, SLOT_PORTAL_DRIVER) + (uint32_t)below(stage, 3);
        /* Not the rights by which the stage's own objects would be lost. */
        uint64_t rights = (below(stage, 2) ? RIGHT_ALL : random64(stage)) & ~(uint64_t)RIGHT_DESTROY;

        if (stage->peer_echo != CAP_NONE && below(stage, 12) == 0)
            from = stage->peer_echo;
        if (type == OBJECT_PD && stage->root)
            from = slot(stage, SLOT_VAULT), rights |= RIGHT_PD_CREATE_ANY;
        if (type == OBJECT_CAP_SPACE && stage->root)
            from = slot(stage, SLOT_VAULT + 1);
        (void)act(&stage->driver, HYPERCALL_CAP_COPY, CAP_NONE, slot(stage, SLOT_WINDOW) + i, from, rights, 0,
                  0);
    }
}

static void sandbox_make(struct stage *stage)
{
    uint32_t vault = slot(stage, SLOT_VAULT);

    stage->vault_used = 0;
    if (!stage->root)
        return;
    MEET(stage, OK, CREATE, OBJECT_PD, stage->pd, vault, 0, 0, 0);
    MEET(stage, OK, PD_GIVE_FRAMES, vault, stage->frames.give, SANDBOX_FRAMES,
         slot(stage, SLOT_OBJECT + OBJECT_MACHINE));
    stage->frames_given = SANDBOX_FRAMES;
    MEET(stage, OK, CREATE, OBJECT_CAP_SPACE, vault, vault + 1, 100, 0, 0);
    MEET(stage, OK, CREATE, OBJECT_HOST_SPACE, vault, vault + 2, 0, 0, 0);
    stage->vault_used = 3;
}

/* All that a vault's domains own comes back; domains inside others go first. */
static void sandbox_end(struct stage *stage)
{
    unsigned left = stage->vault_used;

    for (unsigned round = 0; round < 400 && left; round++) {
        left = 0;
        for (unsigned i = stage->vault_used; i-- > 0;) {
            uint32_t which = slot(stage, SLOT_VAULT) + i;

            if (act(&stage->driver, HYPERCALL_PD_TAKE_FRAMES, which, MESSAGE_WORDS, 0, 0, 0, 0) == OK)
                stage->frames_given -= (int64_t)stage->driver.result[0];
            left += act(&stage->driver, HYPERCALL_DESTROY, which, 0, 0, 0, 0, 0) != ERR_CAP;
        }
    }
    MUST(stage, left == 0);
    MUST(stage, stage->frames_given == 0);
    for (unsigned i = 0; i < stage->vault_used; i++)
        MEET(stage, OK, CAP_DROP, CAP_NONE, slot(stage, SLOT_VAULT) + i);
}

static void window_end(struct stage *stage)
{
    for (unsigned i = 0; i < PUPPETS; i++)
        MUST(stage, puppet_settle(stage, i));
    /* A caller that nobody answered, and its like. */
    for (unsigned i = 0; i < 4; i++)
        (void)act(&stage->driver, HYPERCALL_REPLY_WAIT, 0, REPLY_PARK, CAP_NONE, 0, 0, 0);
    for (unsigned i = 0; i < PUPPETS; i++) {
        PUPPET(stage, i, REPLY_WAIT, 0, REPLY_PARK, CAP_NONE, 0);
        MUST(stage, puppet_settle(stage, i));
    }
    for (unsigned i = 0; i < PUPPETS; i++)
        MUST(stage, puppet_settle(stage, i));
    for (unsigned i = 0; i < WINDOW; i++)
        MEET(stage, OK, CAP_DROP, CAP_NONE, slot(stage, SLOT_WINDOW) + i);
    for (unsigned i = 0; i < VAULT && !stage->root; i++) {
        (void)act(&stage->driver, HYPERCALL_DESTROY, slot(stage, SLOT_VAULT) + i, 0, 0, 0, 0, 0);
        MEET(stage, OK, CAP_DROP, CAP_NONE, slot(stage, SLOT_VAULT) + i);
    }
    (void)act(&stage->driver, HYPERCALL_NOTIFICATION_WAIT, slot(stage, SLOT_NOTE), 0, 0, 0, 0, 0);
    stage->driver.area->receive_count = 0;
    for (unsigned i = 0; i < PUPPETS; i++)
        stage->puppet[i].area->receive_count = 0;
}

/* The thread that never starts did, perhaps: it faults, and ends parked once it has had its turn. */
static void still_forget(struct stage *stage)
{
    uint32_t still = slot(stage, SLOT_STILL), park = slot(stage, SLOT_PORTAL_PARK);

    for (unsigned event = 0; event < 4; event++)
        (void)act(&stage->driver, HYPERCALL_EC_BIND, still, event, park, 0, 0, 0);
    for (unsigned i = 0; i < 200; i++) {
        (void)act(&stage->driver, HYPERCALL_EC_CONTROL, still, EC_ABORT, 0, 0, 0, 0);
        if (act(&stage->driver, HYPERCALL_STATE_READ, still, 0, 0, 0, 0, 0) != ERR_BUSY)
            return;
        (void)act(&stage->driver, HYPERCALL_NOTIFICATION_WAIT, CAP_NONE, kernel_tsc() + DEADLINE_TICKS, 0, 0,
                  0, 0);
    }
    MUST(stage, !"the thread that faults is parked");
}

void random_round(struct stage *stage, unsigned calls)
{
    struct kernel_account before = {0}, after = {0};

    if (stage->root)
        MUST(stage, kernel_pd_info(stage->pd, &before) == OK);
    sandbox_make(stage);
    window_fill(stage);
    for (unsigned i = 0; i < calls && stage->failures < 10; i++) {
        random_call(stage);
        if (below(stage, 8) == 0)
            random_puppet(stage);
        if (below(stage, 500) == 0)
            window_fill(stage);
    }
    window_end(stage);
    still_forget(stage);
    sandbox_end(stage);
    if (!stage->root)
        return;
    MUST(stage, kernel_pd_info(stage->pd, &after) == OK);
    if (before.frames != after.frames || before.objects != after.objects)
        fuzz_failed(stage, __LINE__, "objects of the account", after.objects, before.objects);
}
