/* SPDX-License-Identifier: MIT */
/*
 * Model of calls on one CPU: donation, helping, park and resume, abort, and the death of every party (kernel/ipc,
 * kernel/object/ec.c, kernel/sched/sched.c; doc/decision/0003-ipc.md).
 *
 * Two clients with a scheduling context each, two servers without one at first. Both clients may call the first server,
 * one of them also the second, or raise an event; each server may call the other while it serves, and park clients. A kernel entry is one step,
 * as in the kernel, where interrupts are off. What an entry does is written after the functions of the same names. Between
 * two entries the program of the running context chooses what it asks for; a turn ends after at most SLICE entries; and up to
 * CONTROLS times somebody aborts, resumes, destroys or creates a context, a scheduling context or a portal, or signals.
 *
 * Checked after each entry:
 *   - E1 to E4 of kernel/object/ec.h; no dead context is reached from a live one
 *   - every scheduling context that has a context is at one place: current, in the queue, or blocked
 *   - what runs is what the current scheduling context leads to; if nothing runs, nothing could
 *   - an answer goes to the call that the handler received, and to no other one of the same caller (or of another
 *     that lives where it lived); each call has one result when its caller goes on
 *   - in every endless run, and at the end of every other one, each call whose caller has a scheduling context
 *     ends (the formulas at the end of the file)
 *
 * Variants that must fail, run by kernel/test/ipc_mutants.c, are named BROKEN_*.
 */
#ifndef CONTROLS
#define CONTROLS 2
#endif
#ifndef SLICE
#define SLICE 2
#endif
#define CONTEXTS 4
#define NONE     4
#define IS(c)    (1 << (c))

/* The clients, and the servers behind the portals of the same numbers. */
#define A 0
#define B 1
#define S 2
#define T 3

/* enum ec_state */
#define PARKED  0
#define READY   1
#define WAIT    2
#define CALLING 3
#define RETRY   4

#define NO_RESULT 0
#define ANSWERED  1
#define FAILED    2

typedef context {
    bool alive;
    bool event;      /* what it sends */
    byte state;
    byte target;     /* handler of the portal that its registers name */
    byte callee, caller, senders;
    bool wait_again; /* what a server's notification holds */
    /* What its program knows. */
    byte result;
    bool in_call, number; /* number: of its last call, modulo 2 */
    bool asked;           /* server: it has called the other one in this request */
    byte serves;          /* server: whose call it received, and which one */
    bool serves_number;
}

context ec[CONTEXTS];
bool portal[CONTEXTS]; /* portal into this handler is alive */

/* Scheduling contexts have the numbers of their contexts. */
#define NO_SC   0
#define CURRENT 1
#define QUEUED  2
#define BLOCKED 3
byte place[CONTEXTS], blocked_at[CONTEXTS];
byte queue[CONTEXTS], queued;

byte current = NONE; /* scheduling context */
byte running = NONE; /* context */
bool reschedule;
byte slice, controls = CONTROLS;

/* Inputs of one step, and what it uses inside. */
#define CALL           1
#define EVENT          2
#define REPLY          3
#define REPLY_PARKING  4
#define TICK           5
#define ABORT          6
#define RESUME         7
#define DESTROY        8
#define CREATE         9
#define SC_DESTROY     10
#define SC_CREATE      11
#define PORTAL_DESTROY 12
#define SIGNAL         13
byte op, arg;
byte next, sending, c, h, i, j, k, steps, last;
bool flag;

#define ACCEPTS(x) (ec[x].state == WAIT)
#define SENDS(x)   (ec[x].state == CALLING || ec[x].state == RETRY)

#ifdef BROKEN_RETRY
#define RETRY_LOST true
#else
#define RETRY_LOST false
#endif

#ifdef URGENT
#define MORE_URGENT(x, y) ((x) == A && (y) != A)
#else
#define MORE_URGENT(x, y) false
#endif

/* ---- kernel/sched/sched.c ---- */

inline queue_append(sc)
{
    queue[queued] = sc;
    queued++;
    place[sc] = QUEUED
}

inline queue_remove(sc)
{
    k = 0;
    do
    :: queue[k] == sc -> break
    :: else -> k++
    od;
    do
    :: k + 1 < queued -> queue[k] = queue[k + 1]; k++
    :: else -> break
    od;
    queued--;
    queue[queued] = 0;
    place[sc] = NO_SC
}

inline sc_ready(sc)
{
    if
    :: current == NONE || MORE_URGENT(sc, current) -> reschedule = true
    :: else
    fi;
    queue_append(sc)
}

inline sc_detach(sc)
{
    if
    :: place[sc] == QUEUED -> queue_remove(sc)
    :: place[sc] == CURRENT -> current = NONE; reschedule = true
    :: else
    fi;
    blocked_at[sc] = NONE;
    place[sc] = NO_SC
}

inline sched_release(x)
{
    for (i : 0 .. CONTEXTS - 1) {
        if
        :: place[i] == BLOCKED && blocked_at[i] == x -> blocked_at[i] = NONE; sc_ready(i)
        :: else
        fi
    }
}

inline sched_release_chain(x)
{
    j = x;
    do
    :: j != NONE ->
#ifndef BROKEN_RELEASE
        sched_release(j);
#endif
#ifdef BROKEN_CHAIN
        j = NONE
#else
        j = ec[j].callee
#endif
    :: else -> break
    od;
    reschedule = true
}

inline sched_wake(x)
{
    ec[x].state = READY;
#ifndef BROKEN_WAKE
    sched_release(x)
#endif
}

/* ---- kernel/object/ec.c, kernel/ipc ---- */

inline unlink_callee(x)
{
    ec[ec[x].callee].senders = ec[ec[x].callee].senders & ~IS(x);
    ec[x].callee = NONE
}

inline ipc_end_send(x)
{
    h = ec[x].callee;
    if
    :: ec[x].state == CALLING ->
#ifndef BROKEN_END
        ec[h].caller = NONE;
#endif
        ec[x].callee = NONE
    :: else -> unlink_callee(x)
    fi;
    sched_release_chain(h);
    if
    :: ec[x].event -> ec[x].state = PARKED
    :: else ->
        assert(ec[x].result == NO_RESULT);
        ec[x].result = FAILED;
        sched_wake(x)
    fi
}

inline ec_destroy(x)
{
    if
    :: ec[x].callee != NONE -> ipc_end_send(x)
    :: else
    fi;
#ifndef BROKEN_DESTROY_CALLER
    if
    :: ec[x].caller != NONE -> c = ec[x].caller; ipc_end_send(c)
    :: else
    fi;
#endif
#ifndef BROKEN_DESTROY_SENDERS
    do
    :: ec[x].senders ->
        c = 0;
        do
        :: ec[x].senders & IS(c) -> break
        :: else -> c++
        od;
        ipc_end_send(c)
    :: else -> break
    od;
#endif
    ec[x].state = PARKED;
    sched_release(x);
#ifndef BROKEN_DETACH
    sc_detach(x);
#endif
    if
    :: running == x -> running = NONE; reschedule = true
    :: else
    fi;
    ec[x].alive = false;
    portal[x] = false
}

/* What its program forgets with it, too, so that one who lives there later is not taken for it. */
inline ec_create(x)
{
    ec[x].alive = true;
    ec[x].event = false;
    ec[x].wait_again = false;
    ec[x].result = NO_RESULT;
    ec[x].in_call = false;
    ec[x].asked = false;
    ec[x].serves = NONE;
    ec[x].serves_number = false;
    ec[x].target = 0;
    ec[x].number = !ec[x].number;
    if
    :: x >= S -> ec[x].state = WAIT; portal[x] = true
    :: else -> ec[x].state = PARKED
    fi
}

inline sc_destroy(x)
{
    sc_detach(x);
#ifndef BROKEN_SC_DESTROY
    sched_release_chain(x)
#endif
}

/* Does the chain that begins at `from` contain x? Result in `flag`. */
inline reaches(from, x)
{
    j = from;
    flag = false;
    do
    :: j == NONE -> break
    :: j == x -> flag = true; break
    :: else -> j = ec[j].callee
    od
}

inline send_failed(x)
{
    if
    :: ec[x].event -> ec[x].state = PARKED; next = NONE
    :: else -> ec[x].result = FAILED; next = x
    fi
}

/* ipc_call() and ipc_send_event() of a READY context; `next` is who goes on, NONE for the dispatcher. */
inline send(x)
{
    h = ec[x].target;
    if
    :: !portal[h] || h == x -> send_failed(x)
    :: else ->
        if
        :: ACCEPTS(h) ->
            ec[x].state = CALLING;
            ec[x].callee = h;
            ec[h].caller = x;
            ec[h].state = READY;
            assert(ec[h].serves == NONE);
#ifdef URGENT
            assert(place[A] == NO_SC || ec[A].state != RETRY || ec[A].callee != h);
#endif
            ec[h].serves = x;
            ec[h].serves_number = ec[x].number;
            next = h
        :: else ->
            reaches(h, x);
#ifdef BROKEN_DEADLOCK
            flag = false;
#endif
            if
            :: flag -> send_failed(x)
            :: else ->
                ec[x].state = RETRY;
                ec[x].callee = h;
                ec[h].senders = ec[h].senders | IS(x);
                next = NONE
            fi
        fi
    fi
}

/* ipc_reply_wait(); `flag`: the answer or the parking went to somebody. */
inline reply_wait(x, parks)
{
    c = ec[x].caller;
    flag = (c != NONE);
    if
    :: c != NONE ->
        assert(ec[x].serves == c && ec[x].serves_number == ec[c].number);
        if
        :: !ec[c].event ->
            assert(ec[c].result == NO_RESULT);
            ec[c].result = (parks -> FAILED : ANSWERED)
        :: else
        fi;
        ec[x].caller = NONE;
        ec[c].callee = NONE;
        ec[c].state = (parks -> PARKED : READY)
    :: else
    fi;
    ec[x].serves = NONE;
    ec[x].serves_number = false;
    ec[x].asked = false;
    if
    :: ec[x].wait_again ->
        ec[x].wait_again = false;
#ifdef BROKEN_FINISH_WAKE
        next = x
#else
        if
        :: flag -> sched_wake(x); next = NONE
        :: else -> next = x
        fi
#endif
    :: else ->
        ec[x].state = WAIT;
#ifdef BROKEN_REPLY
        next = ((c != NONE && ec[c].state == READY) -> c : NONE)
#else
        next = ((c != NONE && current == c && ec[c].state == READY) -> c : NONE)
#endif
    fi
}

/* sched_dispatch(), and sched_continue() for whoever is `next`. */
inline dispatch()
{
    do
    :: sending != NONE -> c = sending; sending = NONE; send(c)
    :: sending == NONE && next != NONE && !reschedule -> running = next; break
    :: else ->
        next = NONE;
        if
        :: current == NONE || reschedule ->
            if
            :: current != NONE -> /* at the head: its turn is not over */
                k = queued;
                do
                :: k > 0 -> queue[k] = queue[k - 1]; k--
                :: else -> break
                od;
                queue[0] = current;
                queued++;
                place[current] = QUEUED;
                current = NONE
            :: else
            fi;
            reschedule = false;
            if
            :: queued ->
                current = (MORE_URGENT(A, queue[0]) && place[A] == QUEUED -> A : queue[0]);
                queue_remove(current);
                place[current] = CURRENT
            :: else
            fi
        :: else
        fi;
        if
        :: current == NONE -> running = NONE; break
        :: else
        fi;
        c = current; /* resolve() */
        steps = 0;
        do
        :: ec[c].state == CALLING || (ec[c].state == RETRY && (!ACCEPTS(ec[c].callee) || RETRY_LOST)) ->
            c = ec[c].callee;
            steps++;
            assert(steps < CONTEXTS) /* E3 */
        :: else -> break
        od;
        if
        :: ec[c].state == READY -> running = c; break
        :: ec[c].state == RETRY -> unlink_callee(c); ec[c].state = READY; sending = c
        :: else -> place[current] = BLOCKED; blocked_at[current] = c; current = NONE
        fi
    od
}

/* ---- what must hold ---- */

/* Whom scheduling context x would run, in `last`; NONE: nobody. */
inline driven(x)
{
    last = x;
    steps = 0;
    do
    :: ec[last].state == CALLING || (ec[last].state == RETRY && !ACCEPTS(ec[last].callee)) ->
        last = ec[last].callee;
        steps++;
        assert(steps < CONTEXTS) /* E3 */
    :: else -> break
    od;
    last = ((ec[last].state == READY || ec[last].state == RETRY) -> last : NONE)
}

inline check_context(x)
{
    assert(SENDS(x) == (ec[x].callee != NONE)); /* E1 */
    if
    :: ec[x].callee != NONE ->
        assert(ec[ec[x].callee].alive);
        assert((ec[x].state == RETRY) == ((ec[ec[x].callee].senders & IS(x)) != 0));
        assert(ec[x].state == RETRY || ec[ec[x].callee].caller == x) /* E2 */
    :: else
    fi;
    if
    :: ec[x].caller != NONE ->
        assert(ec[ec[x].caller].alive && ec[ec[x].caller].state == CALLING && ec[ec[x].caller].callee == x); /* E2 */
        assert(!ACCEPTS(x))
    :: else
    fi;
    for (j : 0 .. CONTEXTS - 1) {
        assert(!(ec[x].senders & IS(j)) || (ec[j].alive && ec[j].state == RETRY && ec[j].callee == x))
    }
}

/* E4: blocked although it leads to somebody who can run: then others, who are not blocked, lead there. */
inline check_sc(x)
{
    assert(ec[x].alive && (place[x] != BLOCKED || ec[blocked_at[x]].alive));
    assert((place[x] == CURRENT) == (current == x));
    driven(x);
    c = last;
    if
    :: place[x] == BLOCKED && c != NONE ->
        flag = false;
        for (j : 0 .. CONTEXTS - 1) {
            if
            :: place[j] == CURRENT || place[j] == QUEUED ->
                driven(j);
                flag = flag || last == c
            :: else
            fi
        }
        assert(flag)
    :: else
    fi
}

inline check()
{
    for (i : 0 .. CONTEXTS - 1) {
        if
        :: ec[i].alive -> check_context(i)
        :: else
        fi;
        if
        :: place[i] != NO_SC -> check_sc(i)
        :: else -> assert(current != i)
        fi
    }
    if
    :: running == NONE -> assert(current == NONE && !queued)
    :: else ->
        assert(ec[running].alive && ec[running].state == READY && current != NONE);
        driven(current);
        assert(last == running)
    fi
}

/* ---- one kernel entry ---- */

/* The program goes on after a call. */
inline consume(x)
{
    if
    :: ec[x].in_call && !ec[x].event -> assert(ec[x].result != NO_RESULT)
    :: else
    fi;
    ec[x].in_call = false;
    ec[x].result = NO_RESULT
}

inline begin_send(is_event)
{
    consume(running);
    ec[running].in_call = true;
    ec[running].number = !ec[running].number;
    ec[running].event = is_event;
    ec[running].target = arg;
    sending = running
}

inline enter_kernel()
{
    d_step {
        printf("%d runs: operation %d on %d\n", running, op, arg);
        next = running;
        sending = NONE;
        if
        :: op == CALL -> begin_send(false)
        :: op == EVENT -> begin_send(true)
        :: op == REPLY -> consume(running); reply_wait(running, false)
        :: op == REPLY_PARKING -> consume(running); reply_wait(running, true)
        :: op == TICK -> c = current; current = NONE; queue_append(c); reschedule = true
        :: op == ABORT -> ipc_end_send(arg); next = (running == NONE -> NONE : next)
        :: op == RESUME -> sched_wake(arg)
        :: op == DESTROY -> ec_destroy(arg); next = running
        :: op == CREATE -> ec_create(arg)
        :: op == SC_DESTROY -> sc_destroy(arg); next = NONE
        :: op == SC_CREATE -> sc_ready(arg)
        :: op == PORTAL_DESTROY -> portal[arg] = false
        :: op == SIGNAL ->
            if
            :: ec[arg].state == WAIT -> sched_wake(arg)
            :: else -> ec[arg].wait_again = true
            fi
        fi;
        if
        :: op == TICK -> slice = 0
        :: op < TICK -> slice++
        :: else
        fi;
        dispatch();
        check();
        op = 0; arg = 0; next = 0; sending = 0; c = 0; h = 0; i = 0; j = 0; k = 0; steps = 0; last = 0;
        flag = false
    }
}

active proctype processor()
{
    d_step {
        for (i : 0 .. CONTEXTS - 1) {
            ec[i].callee = NONE;
            ec[i].caller = NONE;
            blocked_at[i] = NONE;
            ec_create(i)
        }
        for (i : A .. B) {
            ec[i].state = READY;
            queue_append(i)
        }
        reschedule = true;
        next = NONE;
        sending = NONE;
        dispatch();
        i = 0; j = 0; k = 0; c = 0; h = 0; next = 0; sending = 0; flag = false
    }
end:
    do
    :: atomic {
        if
        :: running != NONE && slice < SLICE ->
            if
            :: running == A -> op = CALL; arg = S
            :: running == B -> op = CALL; arg = S
            :: running == B -> op = CALL; arg = T
            :: running == B -> op = EVENT; arg = S
            :: running >= S -> op = REPLY
            :: running >= S && ec[running].serves <= B -> op = REPLY_PARKING
            :: running >= S && !ec[running].asked && ec[running].serves != NONE ->
                ec[running].asked = true;
                op = CALL;
                arg = (running == S -> T : S)
            fi
#ifdef FULL_TURNS
        :: running != NONE && slice == SLICE -> op = TICK
#else
        :: running != NONE && slice -> op = TICK
#endif
        :: controls ->
            controls--;
            select(arg : 0 .. CONTEXTS - 1);
            if
            :: ec[arg].alive && SENDS(arg) -> op = ABORT
            :: ec[arg].alive && ec[arg].state == PARKED -> op = RESUME
            :: ec[arg].alive -> op = DESTROY
            :: !ec[arg].alive -> op = CREATE
            :: place[arg] != NO_SC -> op = SC_DESTROY
            :: ec[arg].alive && place[arg] == NO_SC -> op = SC_CREATE
            :: portal[arg] -> op = PORTAL_DESTROY
            :: ec[arg].alive && arg >= S -> op = SIGNAL
            fi
        fi;
        enter_kernel()
    }
    od
}

#define PENDING(x) (SENDS(x) && place[x] != NO_SC)

#ifdef URGENT
ltl urgent_calls_end { [] (PENDING(A) -> <> !PENDING(A)) }
#else
ltl calls_end { [] ((PENDING(A) -> <> !PENDING(A)) && (PENDING(B) -> <> !PENDING(B))) }
#endif
