/* SPDX-License-Identifier: MIT */
/*
 * The children's sessions: from the request of one to the answer of another, or of init's parent.
 *
 * Nobody waits in init: a request gets its id at once, the server fetches it when it likes, and the client is notified
 * when something has changed. So a server that hangs holds up its own clients only.
 *
 * What the client lends goes from its PD session to init's when it asks, and on to the server's when that fetches the
 * request; it comes back in the same steps. Besides, each session costs its client QUOTA_SESSION_RAM and
 * QUOTA_SESSION_CAPS, which pay for what init keeps about it.
 */
#ifndef INIT_SESSION_H
#define INIT_SESSION_H

#include "init/init.h"
#include "init/route.h"

enum session_state {
    SESSION_OPENING,  /* at init's parent: not there yet */
    SESSION_WAITING,  /* the server has not fetched the request */
    SESSION_CREATING, /* fetched, not answered */
    SESSION_OPEN,
    SESSION_ENDING, /* the client has closed it, the server has not fetched that */
    SESSION_CLOSING, /* fetched, not answered; at init's parent: closed, and the server beyond it has not let go */
    SESSION_FAILED, /* `status` says why; it only waits for the client to close it */
};

enum session_target {
    SESSION_AT_PARENT,
    SESSION_AT_CHILD,
    SESSION_CONFIG, /* the client's own ROM `config`, answered by init */
};

struct session {
    struct session *next; /* in the order of opening */
    uint64_t id;          /* for client and server */
    enum session_state state;
    enum session_target target;
    enum status status;
    struct init_child
        *client_opt; /* NULL: it has ended, only the server is still to be told; or of the parent */
    struct init_child *server_opt; /* of AT_CHILD; NULL also when it has ended */
    uint64_t parent_id;            /* not 0: asked for by init's parent under this name */
    bool parent_answered, parent_closes;
    struct upstream upstream;     /* of AT_PARENT */
    uint32_t slot;                /* the session capability, of AT_CHILD */
    uint32_t notify;              /* enum parent_notification of the client */
    bool abandoned;               /* the client has closed it while it was CREATING */
    bool upgrading;               /* the server has fetched an upgrade and not answered */
    uint64_t ram, caps;           /* lent by the client */
    uint64_t more_ram, more_caps; /* an upgrade that the server has not answered; not part of ram and caps */
    char service[PARENT_SERVICE_MAX];
    char asked[PARENT_LABEL_MAX]; /* the client's own label */
    char label[PARENT_LABEL_MAX]; /* what the server sees */
    char args[PARENT_ARGS_MAX];
};

/* As a client; see contract/parent/wire.h. */
[[nodiscard]] enum status session_request(struct init_child *client, const struct parent_session_open *in,
                                          uint64_t *id);
[[nodiscard]] enum status session_fetch(struct init_child *client, uint64_t id, uint32_t *slot);
[[nodiscard]] enum status session_enlarge(struct init_child *client, const struct parent_session_upgrade *in);
[[nodiscard]] enum status session_end(struct init_child *client, uint64_t id, struct parent_returned *out);

/* What clients have lent, and no server has at the moment: it is in init's account, but not init's to give. */
struct quota session_held(void);

/* As a server. */
[[nodiscard]] enum status session_request_next(const struct init_child *server, struct parent_request *out);
[[nodiscard]] enum status session_request_answer(const struct init_child *server,
                                                 const struct parent_deliver *in, uint32_t opened);

/*
 * As the parent's server: sessions of the parent's clients with children. What they lend has come to init; part of it
 * pays for what init keeps about the session. Each request is answered, perhaps later.
 */
void session_offer(const struct parent_request *request);

/*
 * The child leaves: nothing of it runs any more, and what it has open is closed, but for domains of its own, whose memory others
 * may know. Held: the name of who has not let go of its memory; NULL: nobody. A server that leaves too, with nothing running
 * in it, only counts for those that have not let go of the server's. What is let go is told by init_child_let_go().
 */
void session_client_leaves(const struct init_child *client);
const char *session_client_held(struct init_child *client);

/*
 * The child ends. Its own sessions are closed, before its PD session is; afterwards its clients lose theirs. They are paid
 * out of what its PD session returned: a server may have given away what it was lent. Requests that it has not fetched
 * wait for its next life, if it `returns`.
 */
void session_client_ended(const struct init_child *client);
void session_server_ended(const struct init_child *server, struct parent_returned returned, bool returns);

/* True if one of the child's sessions would go elsewhere by the new configuration, though its present server stays. */
bool session_would_move(const struct init_child *client, const struct config *after,
                        const struct config_child *client_after);

#endif
