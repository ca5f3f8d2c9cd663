/* SPDX-License-Identifier: MIT */
/*
 * Model of sessions between a client, their parent, and a server (contract/parent/wire.h; init/session.c and
 * session_server.c are the parent's part, each request to it one step).
 *
 * The client opens sessions, one after the other or two at a time, lends a unit of quota for each, may lend one more, closes
 * them whenever it likes, even before they are there, and may die. The server fetches requests when it is notified, works, answers
 * or refuses, and may die and come back or not; it need not answer an upgrade. All that passes between them are requests to the parent and notifications,
 * one bit each, which signals set and waiting clears.
 *
 * Checked:
 *   - quota is neither lost nor made: what client, server and parent hold is always the same (assertions)
 *   - the server gets a CLOSE for what it created and only for that, once (assertions)
 *   - while a server has something of a client's, the client's memory is there, also when the client has died (assertion)
 *   - the client never waits for ever: each opening is answered, refused, or known to have lost its server; and when it
 *     has closed everything, all that it lent comes back (invalid end states)
 *
 * Variants that must fail (contract/parent/test/session_mutants.c) are named BROKEN_*.
 */
#define SESSIONS 2
#define QUOTA    3
#define OPENINGS 3 /* that the client makes */
#define DEATHS   2 /* of the server, at most; it returns after all but one */
#define NONE     255

#define FREE     0
#define WAITING  1 /* the server has not fetched the request */
#define CREATING 2
#define OPEN     3
#define ENDING   4 /* closed, the server has not fetched that */
#define CLOSING  5
#define FAILED   6

typedef session {
    byte state;
    bool abandoned; /* closed while CREATING */
    bool upgrading; /* the server has fetched an upgrade */
    byte ram, more;
    bool made;      /* ghost: the server has it, and has got no CLOSE for it */
}

session s[SESSIONS];
byte client_quota = QUOTA, server_quota, dead_quota;
bool client_alive = true, server_alive = true, server_returns = true;
bool client_memory = true; /* init takes a dead client apart when nobody has anything of it */
bit client_note, server_note;

#define HELD(x) ((s[x].state == ENDING || s[x].state == CLOSING) && !s[x].abandoned)

byte at_parent, j;

/* What the server holds for a session is in server_quota already. */
inline check_quota()
{
    at_parent = 0;
    for (j : 0 .. SESSIONS - 1) {
        if
        :: s[j].state == WAITING || s[j].state == FAILED -> at_parent = at_parent + s[j].ram
        :: else
        fi;
        if
        :: !s[j].upgrading -> at_parent = at_parent + s[j].more
        :: else
        fi
    }
    assert(client_quota + server_quota + dead_quota + at_parent == QUOTA);
    at_parent = 0; j = 0
}

/* ---- the parent (names as in init/) ---- */

inline repay(amount)
{
    if
    :: client_alive -> client_quota = client_quota + amount
    :: else -> dead_quota = dead_quota + amount
    fi
}

inline finish(x)
{
    repay(s[x].ram + s[x].more);
    s[x].state = FREE;
    s[x].ram = 0;
    s[x].more = 0;
    s[x].abandoned = false;
    s[x].upgrading = false;
    s[x].made = false
}

inline fail(x)
{
    s[x].state = FAILED;
#ifndef BROKEN_FAIL
    client_note = 1
#endif
}

inline leave(x)
{
    if
    :: s[x].state == WAITING || s[x].state == FAILED -> finish(x)
#ifdef BROKEN_ABANDON
    :: s[x].state == CREATING -> server_quota = server_quota - s[x].ram; finish(x)
#else
    :: s[x].state == CREATING -> s[x].abandoned = true
#endif
    :: s[x].state == OPEN ->
        s[x].state = ENDING;
#ifndef BROKEN_CLOSE
        server_note = 1
#endif
    :: else
    fi
}

inline upgraded(x, good)
{
    if
    :: good -> s[x].ram = s[x].ram + s[x].more
    :: else -> server_quota = server_quota - s[x].more; repay(s[x].more)
    fi;
    s[x].more = 0;
    s[x].upgrading = false
}

/* session_request_next(): `got` is the session, NONE if no request is waiting. */
inline request_next()
{
    got = NONE;
    for (i : 0 .. SESSIONS - 1) {
        if
        :: got == NONE && s[i].state == WAITING ->
            got = i;
            kind = WAITING;
            server_quota = server_quota + s[i].ram;
            s[i].state = CREATING
        :: got == NONE && s[i].state == ENDING ->
            got = i;
            kind = ENDING;
            s[i].state = CLOSING
        :: got == NONE && s[i].state == OPEN && !s[i].upgrading && s[i].more ->
            got = i;
            kind = OPEN;
            server_quota = server_quota + s[i].more;
            s[i].upgrading = true
        :: else
        fi
    }
    i = 0
}

inline answer_create(x, good)
{
    assert(s[x].state == CREATING);
    if
    :: good && s[x].abandoned -> s[x].state = ENDING; s[x].made = true; server_note = 1
    :: good && !s[x].abandoned -> s[x].state = OPEN; s[x].made = true; client_note = 1
    :: !good && s[x].abandoned -> server_quota = server_quota - s[x].ram; finish(x)
    :: else -> server_quota = server_quota - s[x].ram; fail(x)
    fi
}

inline answer_close(x)
{
    assert(s[x].state == CLOSING && s[x].made);
    assert(client_memory || s[x].abandoned); /* up to here the server may have used it */
#ifndef BROKEN_CLOSE_UPGRADING
    if
    :: s[x].upgrading -> upgraded(x, true)
    :: else
    fi;
#endif
    server_quota = server_quota - s[x].ram;
    finish(x)
}

/* session_server_ended(): what its PD session returned is all that it was lent, here. */
inline server_ended()
{
    for (i : 0 .. SESSIONS - 1) {
        if
        :: s[i].state == CREATING || s[i].state == OPEN || s[i].state == ENDING || s[i].state == CLOSING ->
            server_quota = server_quota - s[i].ram;
            if
            :: s[i].upgrading -> server_quota = server_quota - s[i].more
            :: else
            fi;
            s[i].upgrading = false;
            s[i].made = false;
            if
            :: s[i].state == CREATING && !s[i].abandoned && server_returns -> s[i].state = WAITING
            :: s[i].abandoned || s[i].state == ENDING || s[i].state == CLOSING -> finish(i)
            :: else -> fail(i)
            fi
        :: s[i].state == WAITING && !server_returns -> fail(i)
        :: else
        fi
    }
    assert(server_quota == 0);
    i = 0
}

/* ---- the client ---- */

proctype client()
{
    byte opened, i, mine = NONE, other = NONE;

    do
    :: opened < OPENINGS && mine == NONE && client_quota ->
        d_step { /* session_request() */
            i = 0;
            do
            :: s[i].state == FREE -> break
            :: i + 1 < SESSIONS && s[i].state != FREE -> i++
            :: else -> i = NONE; break
            od;
            if
            :: i != NONE && (server_alive || server_returns) ->
                mine = i;
                client_quota--;
                s[i].ram = 1;
                s[i].state = WAITING;
                server_note = 1
            :: else
            fi;
            i = 0;
            opened++;
            check_quota()
        }
    :: mine != NONE -> /* session_open() waits; session_await() and session_cancel() leave it at that */
        if
        :: true ->
            do
            :: true ->
#ifdef BROKEN_AWAIT
                if
                :: s[mine].state != WAITING && s[mine].state != CREATING -> break
                :: else
                fi;
                client_note = 0;
                client_note == 1
#else
                if
                :: s[mine].state != WAITING && s[mine].state != CREATING -> break
                :: else
                fi;
                atomic { client_note -> client_note = 0 }
#endif
            od
        :: true
        fi;
        if
        :: client_quota && s[mine].state == OPEN && !s[mine].upgrading && !s[mine].more ->
            d_step { /* session_enlarge(); the state may have changed since */
                if
                :: client_quota && s[mine].state == OPEN && !s[mine].upgrading ->
                    client_quota--;
                    s[mine].more++;
                    server_note = 1
                :: else
                fi;
                check_quota()
            }
        :: true
        fi;
        if
        :: other == NONE -> other = mine; mine = NONE /* keep it while another one is opened */
        :: true -> d_step { leave(mine); mine = NONE; check_quota() }
        fi
    :: mine == NONE && other != NONE -> d_step { leave(other); other = NONE; check_quota() }
    :: opened == OPENINGS && mine == NONE && other == NONE -> break
    :: true -> /* dies: session_client_ended() */
        d_step {
            client_alive = false;
            dead_quota = dead_quota + client_quota;
            client_quota = 0;
            if
            :: mine != NONE -> leave(mine)
            :: else
            fi;
            if
            :: other != NONE -> leave(other)
            :: else
            fi;
            check_quota()
        };
#ifndef BROKEN_LEAVE
        d_step { !HELD(0) && !HELD(1) -> client_memory = false };
#else
        client_memory = false;
#endif
        break
    :: mine == NONE && other == NONE && !client_quota -> break
    od;
    client_quota + dead_quota == QUOTA /* everything comes back */
}

/* ---- the server ---- */

proctype server()
{
    byte deaths, got, kind, i;

    select(deaths : 0 .. DEATHS);
end:
    do
    :: atomic { server_note -> server_note = 0 };
        do
        :: d_step { request_next(); check_quota() };
            if
            :: got == NONE -> break
            :: got != NONE && kind == WAITING ->
                if
                :: d_step { answer_create(got, true); check_quota() }
                :: d_step { answer_create(got, false); check_quota() }
                fi
            :: got != NONE && kind == OPEN ->
                if
                :: d_step { upgraded(got, true); check_quota() }
                :: d_step { upgraded(got, false); check_quota() }
                :: skip /* only when the session is closed */
                fi
            :: got != NONE && kind == ENDING -> d_step { answer_close(got); check_quota() }
            fi
        :: deaths > 1 -> goto dies
        od
    :: deaths > 1 ->
dies:   skip;
        d_step {
            deaths--;
            got = NONE;
            server_returns = true;
            server_ended();
            check_quota();
            server_note = 1 /* a new life announces its service, and looks for requests */
        }
    :: deaths == 1 -> /* for ever */
        d_step {
            server_returns = false;
            server_alive = false;
            server_ended();
            check_quota()
        };
        break
    od
}

init {
    atomic {
        run client();
        run server()
    }
}
