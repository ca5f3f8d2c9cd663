/* SPDX-License-Identifier: MIT */
/* See controller.h. */
#include "driver/block/nvme/controller.h"

#include "lib/string/string.h"

#define ADMIN_TIMEOUT_MS 5000u
#define TIMEOUT_UNIT_MS  500u /* of CAP.TO */
#define ABSENT           0xffffffffu
#define NO_ANSWER        "it does not answer an admin command"

static uint32_t read32(const struct nvme_controller *controller, uint32_t offset)
{
    return controller->hardware.read(controller->hardware.context, offset);
}

static void write32(const struct nvme_controller *controller, uint32_t offset, uint32_t value)
{
    controller->hardware.write(controller->hardware.context, offset, value);
}

static void write64(const struct nvme_controller *controller, uint32_t offset, uint64_t value)
{
    write32(controller, offset, (uint32_t)value);
    write32(controller, offset + 4, (uint32_t)(value >> 32));
}

static uint64_t now(const struct nvme_controller *controller)
{
    return controller->hardware.now_ms(controller->hardware.context);
}

static void pause(const struct nvme_controller *controller)
{
    controller->hardware.pause(controller->hardware.context);
}

static enum status fail(struct nvme_controller *controller, enum status status, const char *problem)
{
    controller->problem_opt = problem;
    return status;
}

/* ---- admin commands ---- */

static void admin_reap(struct nvme_controller *controller, const void *wanted_opt, struct nvme_done *out,
                       bool *found)
{
    struct nvme_done done;

    while (nvme_queue_reap(&controller->admin, &done)) {
        if (done.owner == wanted_opt) {
            *out = done;
            *found = true;
        } else if (done.owner == &controller->event_pending) {
            controller->event_pending = true;
        }
    }
    nvme_queue_acknowledge(&controller->admin);
}

void nvme_controller_poll(struct nvme_controller *controller)
{
    struct nvme_done done;
    bool found;

    admin_reap(controller, NULL, &done, &found);
}

/* `*command` but for opcode and identifier. *dw0_opt: the result. */
static enum status admin(struct nvme_controller *controller, uint8_t opcode,
                         const struct nvme_command *command, uint32_t *dw0_opt)
{
    uint64_t end = now(controller) + ADMIN_TIMEOUT_MS;
    struct nvme_done done;
    bool found = false;
    uint16_t slot;
    struct nvme_command *entry = nvme_queue_take(&controller->admin, &found, opcode, &slot);

    if (!entry)
        return ERR_BUSY;
    uint32_t cdw0 = entry->cdw0;

    *entry = *command;
    entry->cdw0 = cdw0;
    nvme_queue_ring(&controller->admin);
    for (;;) {
        admin_reap(controller, &found, &done, &found);
        if (found)
            break;
        if (now(controller) >= end) {
            controller->admin.owner_opt[slot] = &controller->admin; /* it may still come: for nobody */
            return ERR_TIMEOUT;
        }
        pause(controller);
    }
    if (NVME_FAILED(done.status))
        return ERR_IO;
    if (dw0_opt)
        *dw0_opt = done.dw0;
    return OK;
}

static void event_ask(struct nvme_controller *controller)
{
    uint16_t slot;

    controller->event_pending = false;
    if (nvme_queue_take(&controller->admin, &controller->event_pending, NVME_ASYNC_EVENT, &slot))
        nvme_queue_ring(&controller->admin);
}

/* ---- enabling ---- */

static enum status await_ready(struct nvme_controller *controller, bool ready)
{
    uint64_t limit = (uint64_t)(NVME_CAP_TO(controller->cap) + 1) * TIMEOUT_UNIT_MS,
             end = now(controller) + limit;

    for (;;) {
        uint32_t status = read32(controller, NVME_CSTS);

        if (status == ABSENT)
            return fail(controller, ERR_IO, "it does not answer");
        if (ready && (status & NVME_CSTS_CFS))
            return fail(controller, ERR_IO, "it reports a fatal error");
        if (!!(status & NVME_CSTS_RDY) == ready)
            return OK;
        if (now(controller) >= end)
            return fail(controller, ERR_TIMEOUT, ready ? "it does not become ready" : "it does not stop");
        pause(controller);
    }
}

enum status nvme_controller_stop(struct nvme_controller *controller)
{
    write32(controller, NVME_CC, 0);
    return await_ready(controller, false);
}

static enum status capabilities(struct nvme_controller *controller)
{
    uint64_t cap = read32(controller, NVME_CAP) | (uint64_t)read32(controller, NVME_CAP + 4) << 32;

    if (cap == UINT64_MAX)
        return fail(controller, ERR_IO, "it does not answer");
    if (!(cap & NVME_CAP_CSS_NVM) || NVME_CAP_MPSMIN(cap) != 0 || NVME_CAP_MQES(cap) < 2)
        return fail(controller, ERR_UNSUPPORTED, "it has no NVM command set with pages of 4 KiB");
    if (NVME_DOORBELLS + 2ull * (controller->queues + 1) * NVME_CAP_DSTRD(cap) > controller->hardware.size)
        return fail(controller, ERR_UNSUPPORTED, "its doorbells are not in its registers");
    controller->cap = cap;
    if (controller->depth > NVME_CAP_MQES(cap))
        controller->depth = (uint16_t)NVME_CAP_MQES(cap);
    return OK;
}

static enum status enable(struct nvme_controller *controller)
{
    struct nvme_queue *queue = &controller->admin;

    nvme_queue_init(queue, &controller->hardware, 0, NVME_ADMIN_DEPTH, NVME_CAP_DSTRD(controller->cap),
                    controller->admin_memory);
    write32(controller, NVME_AQA, (NVME_ADMIN_DEPTH - 1) << 16 | (NVME_ADMIN_DEPTH - 1));
    write64(controller, NVME_ASQ, queue->submission_bus);
    write64(controller, NVME_ACQ, queue->completion_bus);
    write32(controller, NVME_CC, NVME_CC_EN | NVME_CC_IOSQES | NVME_CC_IOCQES);
    return await_ready(controller, true);
}

/* ---- identify ---- */

static uint32_t get16(const uint8_t *at)
{
    return at[0] | (uint32_t)at[1] << 8;
}

static uint64_t get64(const uint8_t *at)
{
    uint64_t value = 0;

    for (unsigned i = 8; i-- > 0;)
        value = value << 8 | at[i];
    return value;
}

/* ASCII, padded with blanks; what is not printable would upset a log. */
static void text_take(char *out, const uint8_t *from, unsigned length)
{
    while (length > 0 && (from[length - 1] == ' ' || from[length - 1] == 0))
        length--;
    for (unsigned i = 0; i < length; i++)
        out[i] = from[i] >= 0x20 && from[i] < 0x7f ? (char)from[i] : '?';
    out[length] = '\0';
}

static enum status identify(struct nvme_controller *controller, uint32_t nsid, uint32_t cns)
{
    struct nvme_command command = {.nsid = nsid, .dptr = {controller->scratch.bus}, .cdw10 = cns};

    return admin(controller, NVME_IDENTIFY, &command, NULL);
}

static enum status identify_controller(struct nvme_controller *controller)
{
    const uint8_t *id = controller->scratch.address;

    if (identify(controller, 0, NVME_CNS_CONTROLLER) != OK)
        return fail(controller, ERR_IO, "it does not identify itself");
    uint32_t mdts = id[NVME_ID_MDTS], oncs = get16(id + NVME_ID_ONCS);

    controller->transfer_max = mdts && mdts < 16 ? NVME_PAGE << mdts : UINT32_MAX;
    controller->deallocate = oncs & NVME_ONCS_DSM;
    controller->write_zeroes = oncs & NVME_ONCS_WRITE_ZEROES;
    controller->write_cache = id[NVME_ID_VWC] & 1;
    controller->sgl = get16(id + NVME_ID_SGLS) & 3;
    text_take(controller->model, id + NVME_ID_MODEL, 40);
    text_take(controller->serial, id + NVME_ID_SERIAL, 20);
    return OK;
}

static enum status identify_namespace(struct nvme_controller *controller)
{
    const uint8_t *id = controller->scratch.address;
    enum status status = identify(controller, controller->nsid, NVME_CNS_NAMESPACE);

    if (status == ERR_TIMEOUT)
        return fail(controller, status, NO_ANSWER);
    if (status != OK)
        return fail(controller, ERR_IO, "there is no such namespace");
    uint64_t blocks = get64(id + NVME_NS_NSZE);
    const uint8_t *format = id + NVME_NS_LBAF0 + 4 * (id[NVME_NS_FLBAS] & 15u);
    uint32_t shift = format[2];

    if (blocks == 0)
        return fail(controller, ERR_UNSUPPORTED, "the namespace is empty or not active");
    if (get16(format) != 0 || (id[NVME_NS_DPS] & 7))
        return fail(controller, ERR_UNSUPPORTED, "the namespace has metadata");
    if ((shift != 9 && shift != 12) || blocks > UINT64_MAX >> shift)
        return fail(controller, ERR_UNSUPPORTED, "the namespace's blocks have neither 512 nor 4096 bytes");
    if (controller->space.block_size != 0 && controller->space.block_size != 1u << shift)
        return fail(controller, ERR_UNSUPPORTED, "the namespace has been formatted with other blocks");
    controller->space = (struct nvme_namespace){
        .blocks = blocks,
        .block_size = 1u << shift,
        .read_only = id[NVME_NS_NSATTR] & NVME_NSATTR_PROTECTED,
    };
    return OK;
}

/* ---- I/O queues ---- */

static enum status create_pair(struct nvme_controller *controller, uint16_t id)
{
    struct nvme_queue *queue = &controller->io[id - 1];
    uint32_t shape = (uint32_t)(controller->depth - 1) << 16 | id;
    struct nvme_command completion = {.dptr = {0}, .cdw10 = shape};
    struct nvme_command submission = {
        .dptr = {0}, .cdw10 = shape, .cdw11 = (uint32_t)id << 16 | NVME_QUEUE_CONTIGUOUS};

    nvme_queue_init(queue, &controller->hardware, id, controller->depth, NVME_CAP_DSTRD(controller->cap),
                    controller->memory[id - 1]);
    completion.dptr[0] = queue->completion_bus;
    completion.cdw11 =
        (uint32_t)((id - 1) % controller->vectors) << 16 | NVME_CQ_INTERRUPTS | NVME_QUEUE_CONTIGUOUS;
    submission.dptr[0] = queue->submission_bus;
    enum status status = admin(controller, NVME_CREATE_CQ, &completion, NULL);

    return status == OK ? admin(controller, NVME_CREATE_SQ, &submission, NULL) : status;
}

static enum status create_queues(struct nvme_controller *controller)
{
    uint32_t wanted = controller->queues - 1u, got = 0;
    struct nvme_command command = {.cdw10 = NVME_FEATURE_QUEUES, .cdw11 = wanted << 16 | wanted};

    if (admin(controller, NVME_SET_FEATURES, &command, &got) != OK)
        return fail(controller, ERR_IO, "it gives no queues");
    uint32_t submission = (got & 0xffff) + 1, completion = (got >> 16) + 1;
    uint32_t most = submission < completion ? submission : completion;

    if (controller->queues > most)
        controller->queues = (uint16_t)most;
    for (uint16_t id = 1; id <= controller->queues; id++)
        if (create_pair(controller, id) != OK)
            return fail(controller, ERR_IO, "it refuses a queue");
    return OK;
}

/* Optional: a controller that knows no such events only leaves us without news. */
static void events_start(struct nvme_controller *controller)
{
    struct nvme_command command = {.cdw10 = NVME_FEATURE_EVENTS, .cdw11 = NVME_EVENT_NAMESPACE};

    if (admin(controller, NVME_SET_FEATURES, &command, NULL) == OK)
        event_ask(controller);
}

enum status nvme_controller_start(struct nvme_controller *controller)
{
    enum status status = capabilities(controller);

    controller->event_pending = false;
    if (status == OK)
        status = nvme_controller_stop(controller);
    if (status == OK) {
        controller->hardware.rested(controller->hardware.context);
        status = enable(controller);
    }
    if (status == OK)
        status = identify_controller(controller);
    if (status == OK)
        status = identify_namespace(controller);
    if (status == OK)
        status = create_queues(controller);
    if (status != OK)
        return status;
    events_start(controller);
    controller->problem_opt = NULL;
    return OK;
}

/* Reading the log is what allows the next event (5.2). */
enum status nvme_controller_refresh(struct nvme_controller *controller)
{
    struct nvme_command command = {.nsid = UINT32_MAX,
                                   .dptr = {controller->scratch.bus},
                                   .cdw10 = NVME_LOG_CHANGED_NAMESPACES | (NVME_PAGE / 4 - 1) << 16};

    if (admin(controller, NVME_GET_LOG_PAGE, &command, NULL) == ERR_TIMEOUT)
        return fail(controller, ERR_TIMEOUT, NO_ANSWER);
    event_ask(controller);
    return identify_namespace(controller);
}

bool nvme_controller_broken(const struct nvme_controller *controller)
{
    uint32_t status = read32(controller, NVME_CSTS);

    return status == ABSENT || (status & NVME_CSTS_CFS) || !(status & NVME_CSTS_RDY);
}
