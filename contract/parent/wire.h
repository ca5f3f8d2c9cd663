/* SPDX-License-Identifier: MIT */
/*
 * PARENT: what every component can ask of the one that started it. Calls go up, never down, and none of them waits:
 * opening a session gives an id at once, and a notification tells the child when to ask again.
 *
 * Client side: SESSION_OPEN, then SESSION_GET until it is no longer ERR_AGAIN, SESSION_UPGRADE, SESSION_CLOSE. After that the server may go on for
 * a while with what it got through the session, memory above all: SESSION_GET is ERR_BUSY until it has answered. Who
 * gives memory away that is not its own (mediators, parents) waits for that before it says that it has gone.
 * Server side: ANNOUNCE, then on each notification REQUEST_NEXT until ERR_NOT_FOUND, answering each by REQUEST_DELIVER.
 * Both: RESOURCE_REQUEST asks for more quota; on the notification for it CONTROL says what became of that, and whether
 * the parent wants quota back, which YIELDED answers. Calling CONTROL is also the answer to a heartbeat.
 * core is init's parent; init is its children's parent; a nested init works the same.
 *
 * A child has PARENT_NOTIFICATIONS places for notifications. Place REQUESTS is signalled for requests (server side),
 * CONTROL for the parent's wishes; an opening names the place that is signalled when that session is ready, has failed,
 * has lost its server, or has been let go by it after closing.
 */
#ifndef CONTRACT_PARENT_WIRE_H
#define CONTRACT_PARENT_WIRE_H

#include <stdint.h>

#define PARENT_SERVICE_MAX 32u
#define PARENT_LABEL_MAX   160u
#define PARENT_ARGS_MAX    256u

/* How long a closed session is waited for. Longer than a disk driver needs to bring a command to its end that the disk does not
   answer: one of AHCI has given up after three attempts of ten seconds each for it and for those who came before; one of virtio
   resets after 30 s and issues it again. */
#define PARENT_LET_GO_S 60u

enum parent_opcode {
    PARENT_SESSION_OPEN = 1,    /* struct parent_session_open -> struct parent_session_id */
    PARENT_SESSION_GET = 2,     /* struct parent_session_id -> capability 0: session (CALL)
                                    ERR_AGAIN: not yet; ERR_PEER_GONE: its server died; ERR_BUSY: closed, the server has not let go;
                                    ERR_NOT_FOUND: closed; else the reason of failure */
    PARENT_SESSION_UPGRADE = 3, /* struct parent_session_upgrade -> - */
    PARENT_SESSION_CLOSE = 4,   /* struct parent_session_id -> struct parent_returned */
    PARENT_SET_NOTIFICATION =
        5,           /* struct parent_set_notification, capability 0: notification (SIGNAL) -> - */
    PARENT_EXIT = 6, /* struct parent_exit -> does not return, or -: the caller then waits for its end */
    PARENT_RESOURCE_REQUEST =
        7, /* struct parent_resource -> -: CONTROL tells the answer. ERR_BUSY: one is waiting */

    PARENT_ANNOUNCE = 8,     /* struct parent_announce -> - */
    PARENT_REQUEST_NEXT = 9, /* - -> struct parent_request; ERR_NOT_FOUND: none is waiting */
    PARENT_REQUEST_DELIVER =
        10, /* struct parent_deliver, capability 0: session (CREATE that succeeded), else empty place */

    PARENT_CONTROL = 11, /* - -> struct parent_control */
    PARENT_YIELDED =
        12, /* struct parent_resource -> -: so much of its quota is free, the parent may take it; 0: none */
    PARENT_OPCODE_COUNT = 13,
};

enum parent_notification {
    PARENT_NOTIFY_REQUESTS = 0, /* server side: there is a request */
    PARENT_NOTIFY_BLOCKING = 1, /* lib/base: for session_open, which waits */
    PARENT_NOTIFY_CLIENT = 2,   /* free for the component (init: sessions that it opens for its children) */
    PARENT_NOTIFY_WATCH = 3,    /* lib/base: for session_watch_begin, which does not wait */
    PARENT_NOTIFY_CONTROL = 4,  /* lib/base: there is something for CONTROL */
    PARENT_NOTIFICATIONS = 5,
};

/* Texts are terminated. The label is relative: each parent puts its child's name before it. */
struct parent_session_open {
    char service[PARENT_SERVICE_MAX];
    char label[PARENT_LABEL_MAX];
    char args[PARENT_ARGS_MAX]; /* name=value or name="value", separated by ", " */
    uint64_t ram;               /* bytes of the caller's quota lent for the session's life */
    uint32_t caps;
    uint32_t notify; /* enum parent_notification, neither REQUESTS nor CONTROL */
};

struct parent_session_id {
    uint64_t id; /* never 0 */
};

/* What comes back, at once or when the server has closed: a PD session may have given or received quota meanwhile. */
struct parent_returned {
    uint64_t ram;
    uint32_t caps;
    uint32_t reserved; /* 0 */
};

struct parent_session_upgrade {
    uint64_t id;
    uint64_t ram;
    uint32_t caps;
    uint32_t reserved; /* 0 */
};

struct parent_set_notification {
    uint32_t place;    /* enum parent_notification */
    uint32_t reserved; /* 0 */
};

struct parent_exit {
    int32_t code;      /* 0: success */
    uint32_t reserved; /* 0 */
};

struct parent_resource {
    uint64_t ram;
    uint32_t caps;
    uint32_t reserved; /* 0 */
};

/* What CONTROL tells; each is told once. */
enum parent_control_flag {
    PARENT_CONTROL_HEARTBEAT = 1u << 0, /* this call was waited for */
    PARENT_CONTROL_YIELD = 1u << 1,     /* ram and caps are wanted back */
    PARENT_CONTROL_GRANTED = 1u << 2,   /* what RESOURCE_REQUEST asked for is there */
    PARENT_CONTROL_REFUSED = 1u << 3,   /* it will not come */
    PARENT_CONTROL_FLAGS = (1u << 4) - 1,
};

struct parent_control {
    uint32_t flags;
    uint32_t caps; /* wanted back */
    uint64_t ram;
};

struct parent_announce {
    char service[PARENT_SERVICE_MAX];
};

enum parent_request_kind {
    PARENT_REQUEST_CREATE = 1,
    PARENT_REQUEST_UPGRADE = 2, /* ram and caps are what came in addition */
    PARENT_REQUEST_CLOSE = 3,   /* service, label and args are empty */
};

/* A session that the child, as a server, shall create, enlarge or close. */
struct parent_request {
    uint64_t id;   /* the parent's name of the session; the same one for all its requests */
    uint32_t kind; /* enum parent_request_kind */
    uint32_t caps;
    uint64_t ram;
    char service[PARENT_SERVICE_MAX];
    char label[PARENT_LABEL_MAX]; /* full path below this parent, e.g. "vm -> terminal" */
    char args[PARENT_ARGS_MAX];
};

/* The answer to a request; CREATE with OK carries the session capability. */
struct parent_deliver {
    uint64_t id;
    uint32_t status; /* enum status */
    uint32_t kind;   /* which request is answered */
};

_Static_assert(sizeof(struct parent_session_open) == 464, "wire");
_Static_assert(sizeof(struct parent_session_id) == 8, "wire");
_Static_assert(sizeof(struct parent_returned) == 16, "wire");
_Static_assert(sizeof(struct parent_session_upgrade) == 24, "wire");
_Static_assert(sizeof(struct parent_set_notification) == 8, "wire");
_Static_assert(sizeof(struct parent_exit) == 8, "wire");
_Static_assert(sizeof(struct parent_resource) == 16, "wire");
_Static_assert(sizeof(struct parent_control) == 16, "wire");
_Static_assert(sizeof(struct parent_announce) == 32, "wire");
_Static_assert(sizeof(struct parent_request) == 472, "wire");
_Static_assert(sizeof(struct parent_deliver) == 16, "wire");

#endif
