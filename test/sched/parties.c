/* SPDX-License-Identifier: MIT */
/* Sessions to all of them, see parties.h. */
#include "test/sched/parties.h"

#include "lib/base/ipc.h"
#include "lib/base/session.h"

#define PIECE_ROUNDS 300u

static struct connection loads[PARTIES], servers[SERVERS];

static void open_all(const char *service, const char *const *labels, unsigned count, struct connection *out)
{
    for (unsigned i = 0; i < count; i++) {
        struct session_options options = {.service = service, .label_opt = labels[i]};

        REQUIRE(session_open(&options, &out[i]) == OK);
    }
}

void parties_open(void)
{
    static const char *const load_labels[] = {"low", "low_back", "middle", "turn_2", "turn_6"};
    static const char *const server_labels[] = {"back", "front"};

    open_all(LOAD_SERVICE, load_labels, PARTIES, loads);
    open_all(WORK_SERVICE, server_labels, SERVERS, servers);
}

void load_start(enum party party, const struct load_start *start)
{
    REQUIRE(ipc_call(&(struct ipc){
                .portal = loads[party].slot, .opcode = LOAD_START, .in = start, .in_size = sizeof(*start)}) ==
            OK);
}

struct load_state load_state(enum party party)
{
    struct load_state state;

    REQUIRE(
        ipc_call(&(struct ipc){
            .portal = loads[party].slot, .opcode = LOAD_STATE, .out = &state, .out_size = sizeof(state)}) ==
        OK);
    return state;
}

uint64_t server_call(enum server server, const struct work_do *request)
{
    uint64_t start = time_now();

    REQUIRE(
        ipc_call(&(struct ipc){
            .portal = servers[server].slot, .opcode = WORK_DO, .in = request, .in_size = sizeof(*request)}) ==
        OK);
    return time_now() - start;
}

void compute_until(enum party party, uint64_t until)
{
    struct load_start start = {.until = until, .requests = UINT64_MAX, .rounds = PIECE_ROUNDS, .threads = 1};

    load_start(party, &start);
}
