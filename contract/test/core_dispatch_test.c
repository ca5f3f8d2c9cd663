/* SPDX-License-Identifier: MIT */
/*
 * Dispatch of PARENT and PD: every opcode with good and malformed messages, and random ones, after which the handlers
 * check what they were promised.
 */
#include "contract/parent/dispatch.h"
#include "contract/pd/dispatch.h"

#include "contract/test/message.h"

static bool text_ends(const char *text, size_t size)
{
    return memchr(text, 0, size) != NULL;
}

/* ---- PARENT ---- */

static enum status on_open(void *session, const struct parent_session_open *in, struct parent_session_id *out)
{
    CHECK(text_ends(in->service, sizeof(in->service)) && text_ends(in->label, sizeof(in->label)) &&
          text_ends(in->args, sizeof(in->args)));
    CHECK(in->notify != PARENT_NOTIFY_REQUESTS && in->notify < PARENT_NOTIFICATIONS);
    out->id = 9;
    return CALLED(session);
}

static enum status on_get(void *session, uint64_t id, struct message_cap *opened)
{
    CHECK(id != 0);
    *opened = (struct message_cap){55, RIGHT_PORTAL_CALL};
    return CALLED(session);
}

static enum status on_upgrade(void *session, const struct parent_session_upgrade *in)
{
    CHECK(in->id != 0);
    return CALLED(session);
}

static enum status on_close(void *session, uint64_t id, struct parent_returned *out)
{
    CHECK(id != 0);
    CHECK_EQ(out->ram, 0);
    return CALLED(session);
}

static enum status on_set_notification(void *session, uint32_t place, uint32_t notification)
{
    CHECK(place < PARENT_NOTIFICATIONS);
    CHECK_EQ(notification, 100);
    return CALLED(session);
}

static enum status on_exit_code(void *session, int code)
{
    (void)code;
    return CALLED(session);
}

static enum status on_announce(void *session, const char *service)
{
    CHECK(service[0] && text_ends(service, PARENT_SERVICE_MAX));
    return CALLED(session);
}

static enum status on_next(void *session, struct parent_request *out)
{
    out->id = 3;
    return CALLED(session);
}

static enum status on_deliver(void *session, const struct parent_deliver *in, uint32_t opened)
{
    CHECK(in->status < STATUS_COUNT);
    CHECK_EQ(opened, 100);
    return CALLED(session);
}

static enum status on_resource(void *session, uint64_t ram, uint32_t caps)
{
    (void)ram;
    (void)caps;
    return CALLED(session);
}

static enum status on_control(void *session, struct parent_control *out)
{
    *out = (struct parent_control){.flags = PARENT_CONTROL_HEARTBEAT};
    return CALLED(session);
}

static enum status parent(struct calls *calls, struct dispatch *d)
{
    static const struct parent_handlers handlers = {
        on_open,     on_get,  on_upgrade, on_close,    on_set_notification, on_exit_code,
        on_announce, on_next, on_deliver, on_resource, on_control,          on_resource};

    return parent_dispatch(&handlers, calls, d);
}

static void test_parent(void)
{
    struct parent_session_open open = {.service = "LOG", .notify = PARENT_NOTIFY_BLOCKING};
    struct parent_session_id id = {7};
    struct parent_session_upgrade upgrade = {.id = 7, .ram = 4096};
    struct parent_set_notification set = {.place = 1};
    struct parent_exit leave = {.code = -1};
    struct parent_resource resource = {.ram = 1};
    struct parent_announce announce = {.service = "LOG"};
    struct parent_deliver deliver = {.id = 7, .status = OK, .kind = PARENT_REQUEST_CREATE};

    CASE("parent: every opcode");
    unknown_opcodes_check(parent, PARENT_OPCODE_COUNT);
    good_request_check(parent, &(struct good_request){PARENT_SESSION_OPEN, &open, sizeof(open), 0, 8, 0});
    good_request_check(parent, &(struct good_request){PARENT_SESSION_GET, &id, 8, 0, 0, 1});
    good_request_check(parent, &(struct good_request){PARENT_SESSION_UPGRADE, &upgrade, 24, 0, 0, 0});
    good_request_check(parent, &(struct good_request){PARENT_SESSION_CLOSE, &id, 8, 0, 16, 0});
    good_request_check(parent, &(struct good_request){PARENT_SET_NOTIFICATION, &set, 8, 1, 0, 0});
    good_request_check(parent, &(struct good_request){PARENT_EXIT, &leave, 8, 0, 0, 0});
    good_request_check(parent, &(struct good_request){PARENT_ANNOUNCE, &announce, 32, 0, 0, 0});
    good_request_check(parent, &(struct good_request){PARENT_REQUEST_NEXT, NULL, 0, 0, 472, 0});
    good_request_check(parent, &(struct good_request){PARENT_REQUEST_DELIVER, &deliver, 16, 1, 0, 0});
    good_request_check(parent, &(struct good_request){PARENT_RESOURCE_REQUEST, &resource, 16, 0, 0, 0});
    good_request_check(parent, &(struct good_request){PARENT_CONTROL, NULL, 0, 0, 16, 0});
    good_request_check(parent, &(struct good_request){PARENT_YIELDED, &resource, 16, 0, 0, 0});
}

static void test_parent_values(void)
{
    struct parent_session_open open = {.service = "LOG", .notify = PARENT_NOTIFY_BLOCKING};
    struct parent_session_open bad = open;
    struct parent_session_id id = {0};
    struct parent_set_notification set = {.place = PARENT_NOTIFICATIONS};
    struct parent_announce announce = {""};
    struct parent_deliver deliver = {.id = 7, .status = STATUS_COUNT, .kind = PARENT_REQUEST_CREATE};

    CASE("parent: texts that do not end or cannot be printed");
    memset(bad.label, 'x', sizeof(bad.label));
    REFUSED(parent, PARENT_SESSION_OPEN, bad, 0, ERR_INVALID);
    bad = open;
    memset(bad.args, 'x', sizeof(bad.args));
    REFUSED(parent, PARENT_SESSION_OPEN, bad, 0, ERR_INVALID);
    bad = open;
    bad.args[3] = 0; /* what follows the end is nobody's business */
    bad.args[4] = '\n';
    bad.label[0] = '\x1b';
    REFUSED(parent, PARENT_SESSION_OPEN, bad, 0, ERR_INVALID);
    bad = open;
    bad.service[0] = 0;
    REFUSED(parent, PARENT_SESSION_OPEN, bad, 0, ERR_INVALID);
    REFUSED(parent, PARENT_ANNOUNCE, announce, 0, ERR_INVALID);
    memset(&announce, 'x', sizeof(announce));
    REFUSED(parent, PARENT_ANNOUNCE, announce, 0, ERR_INVALID);

    CASE("parent: identifiers, places, states that do not exist");
    bad = open;
    bad.notify = PARENT_NOTIFY_REQUESTS;
    REFUSED(parent, PARENT_SESSION_OPEN, bad, 0, ERR_INVALID);
    bad.notify = PARENT_NOTIFICATIONS;
    REFUSED(parent, PARENT_SESSION_OPEN, bad, 0, ERR_INVALID);
    REFUSED(parent, PARENT_SESSION_GET, id, 0, ERR_INVALID);
    REFUSED(parent, PARENT_SESSION_CLOSE, id, 0, ERR_INVALID);
    REFUSED(parent, PARENT_SET_NOTIFICATION, set, 1, ERR_INVALID);
    REFUSED(parent, PARENT_REQUEST_DELIVER, deliver, 1, ERR_INVALID);
    deliver = (struct parent_deliver){.id = 7, .kind = PARENT_REQUEST_CLOSE + 1};
    REFUSED(parent, PARENT_REQUEST_DELIVER, deliver, 1, ERR_INVALID);
}

/* ---- PD ---- */

static enum status on_cap(void *session, uint32_t slot)
{
    CHECK_EQ(slot, 100);
    return CALLED(session);
}

static enum status on_alloc(void *session, const struct pd_dataspace_alloc *in, struct message_cap *given)
{
    CHECK(in->size != 0 && !(in->flags & ~(uint32_t)PD_DATASPACE_FLAGS));
    given->slot = 55;
    return CALLED(session);
}

static enum status on_info(void *session, uint32_t dataspace, struct pd_dataspace_info *out)
{
    (void)out;
    return on_cap(session, dataspace);
}

static void attach_promised(const struct pd_attach *in)
{
    CHECK((in->offset | in->size) % 4096 == 0 && in->offset + in->size >= in->offset);
    CHECK(in->address == PD_ANYWHERE || (in->address % 4096 == 0 && in->address + in->size >= in->address));
    CHECK((in->rights & (PD_WRITE | PD_EXECUTE)) != (PD_WRITE | PD_EXECUTE));
}

static enum status on_attach(void *session, const struct pd_attach *in, uint32_t dataspace,
                             struct pd_address *out)
{
    attach_promised(in);
    out->address = 4096;
    return on_cap(session, dataspace);
}

static enum status on_number(void *session, uint64_t number)
{
    (void)number;
    return CALLED(session);
}

static enum status on_map_create(void *session, uint64_t size, struct message_cap *map)
{
    CHECK(size != 0 && size % 4096 == 0);
    map->slot = 55;
    return CALLED(session);
}

static enum status on_map_attach(void *session, const struct pd_attach *in, uint32_t map, uint32_t dataspace,
                                 struct pd_address *out)
{
    CHECK_EQ(map, 100);
    return on_attach(session, in, dataspace - 1, out);
}

static enum status on_map_detach(void *session, uint32_t map, uint64_t address)
{
    CHECK_EQ(address % 4096, 0);
    return on_cap(session, map);
}

static enum status on_pager(void *session, uint32_t map, uint32_t notification)
{
    CHECK_EQ(notification, 101);
    return on_cap(session, map);
}

static enum status on_map_fault(void *session, uint32_t map, struct pd_region_fault *out)
{
    (void)out;
    return on_cap(session, map);
}

static enum status on_thread_create(void *session, const struct pd_thread_create *in, struct pd_thread *out,
                                    struct message_cap *thread)
{
    CHECK(text_ends(in->name, sizeof(in->name)) && in->priority < 128);
    out->id = 1;
    thread->slot = 55;
    return CALLED(session);
}

static enum status on_thread_start(void *session, const struct pd_thread_start *in)
{
    (void)in;
    return CALLED(session);
}

static enum status on_id(void *session, uint32_t id)
{
    (void)id;
    return CALLED(session);
}

static enum status on_transfer(void *session, const struct pd_quota *in, uint32_t receiver)
{
    (void)in;
    return on_cap(session, receiver);
}

static enum status on_pd_info(void *session, struct pd_info *out)
{
    (void)out;
    return CALLED(session);
}

static enum status on_grant(void *session, const struct pd_grant *in, uint32_t given)
{
    CHECK(in->slot != 0 && in->slot < CAP_SPACE_SLOTS_MAX);
    return on_cap(session, given);
}

static enum status on_symbols(void *session, const struct pd_symbols *in)
{
    CHECK(in->begin <= in->end && in->end <= in->names_end);
    return CALLED(session);
}

static enum status on_fault(void *session, struct pd_fault *out)
{
    (void)out;
    return CALLED(session);
}

static enum status pd(struct calls *calls, struct dispatch *d)
{
    static const struct pd_handlers handlers = {
        .dataspace_alloc = on_alloc,
        .dataspace_free = on_cap,
        .dataspace_info = on_info,
        .dataspace_seal = on_cap,
        .attach = on_attach,
        .detach = on_number,
        .region_map_create = on_map_create,
        .region_map_destroy = on_cap,
        .region_map_attach = on_map_attach,
        .region_map_detach = on_map_detach,
        .region_map_pager = on_pager,
        .region_map_fault = on_map_fault,
        .thread_create = on_thread_create,
        .thread_start = on_thread_start,
        .thread_destroy = on_id,
        .kmem_grow = on_number,
        .transfer = on_transfer,
        .info = on_pd_info,
        .grant = on_grant,
        .set_symbols = on_symbols,
        .fault_notify = on_cap,
        .fault_info = on_fault,
    };

    return pd_dispatch(&handlers, calls, d);
}

static void test_pd(void)
{
    struct pd_dataspace_alloc alloc = {.size = 1};
    struct pd_attach attach = {.address = PD_ANYWHERE, .rights = PD_READ | PD_WRITE};
    struct pd_address address = {4096};
    struct pd_region_map_create map = {4096};
    struct pd_thread_create create = {.name = "x", .priority = 127};
    struct pd_thread_start start = {.id = 1};
    struct pd_thread_id id = {.id = 1};
    struct pd_kmem_grow grow = {1};
    struct pd_quota quota = {.ram = 1};
    struct pd_grant grant = {.slot = 1, .rights = 0x10};
    struct pd_symbols symbols = {1, 2, 3};
    struct good_request requests[] = {
        {PD_DATASPACE_ALLOC, &alloc, sizeof(alloc), 0, 0, 1},
        {PD_DATASPACE_FREE, NULL, 0, 1, 0, 0},
        {PD_DATASPACE_INFO, NULL, 0, 1, 16, 0},
        {PD_ATTACH, &attach, sizeof(attach), 1, 8, 0},
        {PD_DETACH, &address, sizeof(address), 0, 0, 0},
        {PD_REGION_MAP_CREATE, &map, sizeof(map), 0, 0, 1},
        {PD_REGION_MAP_DESTROY, NULL, 0, 1, 0, 0},
        {PD_REGION_MAP_ATTACH, &attach, sizeof(attach), 2, 8, 0},
        {PD_REGION_MAP_DETACH, &address, sizeof(address), 1, 0, 0},
        {PD_REGION_MAP_PAGER, NULL, 0, 2, 0, 0},
        {PD_REGION_MAP_FAULT, NULL, 0, 1, 16, 0},
        {PD_THREAD_CREATE, &create, sizeof(create), 0, 16, 1},
        {PD_THREAD_START, &start, sizeof(start), 0, 0, 0},
        {PD_THREAD_DESTROY, &id, sizeof(id), 0, 0, 0},
        {PD_KMEM_GROW, &grow, sizeof(grow), 0, 0, 0},
        {PD_TRANSFER, &quota, sizeof(quota), 1, 0, 0},
        {PD_INFO, NULL, 0, 0, 56, 0},
        {PD_GRANT, &grant, sizeof(grant), 1, 0, 0},
        {PD_SET_SYMBOLS, &symbols, sizeof(symbols), 0, 0, 0},
        {PD_FAULT_NOTIFY, NULL, 0, 1, 0, 0},
        {PD_FAULT_INFO, NULL, 0, 0, 72, 0},
        {PD_DATASPACE_SEAL, NULL, 0, 1, 0, 0},
    };

    CASE("pd: every opcode");
    unknown_opcodes_check(pd, PD_OPCODE_COUNT);
    for (unsigned i = 0; i < sizeof(requests) / sizeof(*requests); i++)
        good_request_check(pd, &requests[i]);
    CHECK_EQ(sizeof(requests) / sizeof(*requests), PD_OPCODE_COUNT - 1);
}

#define ATTACH_BAD(field, value)                                             \
    do {                                                                     \
        struct pd_attach bad_ = {.address = PD_ANYWHERE, .rights = PD_READ}; \
        bad_.field = (value);                                                \
        REFUSED(pd, PD_ATTACH, bad_, 1, ERR_INVALID);                        \
        REFUSED(pd, PD_REGION_MAP_ATTACH, bad_, 2, ERR_INVALID);             \
    } while (0)

static void test_pd_memory(void)
{
    struct pd_dataspace_alloc alloc = {.size = 0};
    struct pd_address address = {4097};
    struct pd_region_map_create map = {0};

    CASE("pd: memory that is no whole pages, too large, or writable and executable");
    REFUSED(pd, PD_DATASPACE_ALLOC, alloc, 0, ERR_INVALID);
    alloc.size = UINT64_MAX;
    REFUSED(pd, PD_DATASPACE_ALLOC, alloc, 0, ERR_INVALID);
    alloc = (struct pd_dataspace_alloc){.size = 1, .flags = 4};
    REFUSED(pd, PD_DATASPACE_ALLOC, alloc, 0, ERR_INVALID);
    ATTACH_BAD(offset, 1);
    ATTACH_BAD(offset, UINT64_MAX & ~4095ull);
    ATTACH_BAD(size, 4095);
    ATTACH_BAD(size, UINT64_MAX & ~4095ull);
    ATTACH_BAD(address, 1);
    ATTACH_BAD(address, UINT64_MAX - 4095);
    ATTACH_BAD(rights, PD_WRITE | PD_EXECUTE);
    ATTACH_BAD(rights, 8);
    ATTACH_BAD(reserved, 1);
    REFUSED(pd, PD_DETACH, address, 0, ERR_INVALID);
    REFUSED(pd, PD_REGION_MAP_DETACH, address, 1, ERR_INVALID);
    REFUSED(pd, PD_REGION_MAP_CREATE, map, 0, ERR_INVALID);
}

static void test_pd_domain(void)
{
    struct pd_thread_create create = {.name = "x", .priority = 128};
    struct pd_kmem_grow grow = {0};
    struct pd_grant grant = {.slot = 0};
    struct pd_symbols symbols = {2, 1, 3};

    CASE("pd: threads, grants and symbols out of range");
    REFUSED(pd, PD_THREAD_CREATE, create, 0, ERR_INVALID);
    create = (struct pd_thread_create){.flags = 4};
    REFUSED(pd, PD_THREAD_CREATE, create, 0, ERR_INVALID);
    create = (struct pd_thread_create){.own_slot = CAP_SPACE_SLOTS_MAX};
    REFUSED(pd, PD_THREAD_CREATE, create, 0, ERR_INVALID);
    create = (struct pd_thread_create){0};
    memset(create.name, 'x', sizeof(create.name));
    REFUSED(pd, PD_THREAD_CREATE, create, 0, ERR_INVALID);
    REFUSED(pd, PD_KMEM_GROW, grow, 0, ERR_INVALID);
    grow.frames = UINT64_MAX;
    REFUSED(pd, PD_KMEM_GROW, grow, 0, ERR_INVALID);
    REFUSED(pd, PD_GRANT, grant, 1, ERR_INVALID);
    grant.slot = CAP_SPACE_SLOTS_MAX;
    REFUSED(pd, PD_GRANT, grant, 1, ERR_INVALID);
    REFUSED(pd, PD_SET_SYMBOLS, symbols, 0, ERR_INVALID);
}

static void test_random(void)
{
    static struct exchange exchange;
    uint64_t words[64];

    CASE("300,000 random messages: handlers only see what they were promised");
    srand(3);
    exchange.calls.answer = OK;
    for (int i = 0; i < 300000; i++) {
        size_t size = (size_t)rand() % 10 * 8;

        for (size_t n = 0; n < size / 8; n++) {
            words[n] = (uint64_t)rand() << 33 ^ (uint64_t)rand() << 11 ^ (uint64_t)rand();
            if (rand() % 2)
                words[n] = rand() % 3 ? (words[n] & 7) * 4096 : words[n] & 7;
        }
        (void)exchange_run(&exchange, i & 1 ? pd : parent, (uint32_t)rand() % 24, words, size,
                           (unsigned)rand() % 3);
    }
}

int main(void)
{
    test_parent();
    test_parent_values();
    test_pd();
    test_pd_memory();
    test_pd_domain();
    test_random();
    return check_finish();
}
