/* SPDX-License-Identifier: MIT */
/*
 * Model of what CPUs do to each other (kernel/smp.h, kernel/smp.c, kernel/object/notification.c, wait_begin() in
 * kernel/ipc/reply.c): the ticket lock, stopping, notifications that are signalled and waited for on different CPUs, and
 * the death of one.
 *
 * CPU 0 runs a thread that waits at the notification, again and again; the others signal it, each once through an object that
 * they look up without the lock; one of them also destroys something with all CPUs stopped, and uses the memory anew. Each
 * access to shared memory is a step. The processor may do a read before an earlier write of its own (x86): where that matters,
 * between the waiter's state and its look at the bits, the model without its fence makes the read first.
 *
 * Checked:
 *   - who holds a reference to the object finds it alive: its memory is not used for anything else meanwhile (assertions)
 *   - at the end every signal has been received: no wake-up is lost; nobody waits for the lock, for a stop, or for being
 *     let go (invalid end states)
 *
 * Variants that must fail (kernel/test/smp_mutants.c) are named BROKEN_*.
 */
#ifndef SIGNALLERS
#define SIGNALLERS 2
#endif
#define CPUS    3
#define WAITER  0

/* ---- the lock, and stops (kernel/smp.c) ---- */

#define RUNS    0
#define ASKED   1
#define STOPPED 2

byte next_ticket, serving; /* grow: the run is finite */
byte stop[CPUS];
bit interrupt[CPUS]; /* an interrupt from another CPU is pending */

inline stop_here(me)
{
    if
    :: stop[me] == ASKED ->
        stop[me] = STOPPED;
#ifndef BROKEN_STAY
        stop[me] != STOPPED
#endif
    :: else
    fi
}

inline kernel_lock(me)
{
    atomic { ticket = next_ticket; next_ticket++ };
    do
    :: serving == ticket -> break
#ifndef BROKEN_SPIN
    :: serving != ticket && stop[me] == ASKED -> stop_here(me)
#endif
    od
}

inline kernel_unlock(me)
{
    for (i : 0 .. CPUS - 1) {
        if
        :: stop[i] == STOPPED -> stop[i] = RUNS
        :: else
        fi
    }
    serving++
}

/* With the lock. Afterwards all inboxes are empty, too. */
inline cpus_stop(me)
{
    for (i : 0 .. CPUS - 1) {
        if
        :: i != me -> stop[i] = ASKED; interrupt[i] = 1
        :: else
        fi
    }
#ifndef BROKEN_ACKNOWLEDGE
    for (i : 0 .. CPUS - 1) {
        stop[i] != ASKED
    }
#endif
    if
    :: inbox -> inbox = 0; posted = 0; deliver()
    :: else
    fi
}

/* ---- the notification ---- */

bool pending, waiting; /* waiting: the thread's state is WAIT, and it is the registered waiter */
bit inbox, posted;     /* of the waiter's CPU; the notification is in it */
byte received, sent;   /* ghosts: signals whose bits were taken; signals made */
byte bits;             /* ghost: how many signals `pending` stands for */

bool alive = true; /* the object that signallers look up */
byte holders;      /* ghost: CPUs that hold a reference to it */

/* By the waiter's CPU, or with that stopped. */
inline deliver()
{
    atomic {
        if
        :: waiting && pending -> pending = false; received = received + bits; bits = 0; waiting = false
        :: else
        fi
    }
}

/* An interrupt is taken in user mode and idle only. */
inline take_interrupt(me)
{
    atomic { interrupt[me] -> interrupt[me] = 0 };
    stop_here(me);
    if
    :: me == WAITER ->
        if
        :: inbox -> inbox = 0; posted = 0; deliver()
        :: else
        fi
    :: else
    fi
}

proctype waiter()
{
    byte i;
    bool seen;
    byte ticket;

    do
    :: waiting && interrupt[WAITER] -> take_interrupt(WAITER) /* idle */
    :: !waiting && interrupt[WAITER] -> take_interrupt(WAITER) /* user mode */
    :: !waiting && received == SIGNALLERS -> break
    :: !waiting && received < SIGNALLERS ->
        /* notification_wait */
#ifdef BROKEN_FENCE
        seen = pending;
        waiting = true;
#else
        waiting = true;
        seen = pending;
#endif
        if
        :: seen -> deliver()
        :: else
        fi;
        seen = false
    od;
end:
    do
    :: take_interrupt(WAITER)
    od
}

proctype signaller(byte me)
{
    byte i, ticket;
    bool found, done, destroyed, waits;

    do
    :: interrupt[me] -> take_interrupt(me)
    :: !done ->
        atomic { found = alive; holders = holders + found };
        /* the thread's hypercall: without the lock, on the object that was found */
        if
        :: found ->
            assert(alive);
            atomic { holders--; found = false }
        :: else
        fi;
#ifdef BROKEN_ORDER
        waits = waiting;
#endif
        atomic { pending = true; bits++; sent++ };
#ifndef BROKEN_ORDER
        waits = waiting;
#endif
        if
        :: waits ->
            if
            :: atomic { !posted -> posted = 1 };
                inbox = 1;
#ifndef BROKEN_IPI
                interrupt[WAITER] = 1
#endif
            :: posted
            fi
        :: else
        fi;
        waits = false;
        done = true
    :: !destroyed && me == 1 ->
        kernel_lock(me);
#ifndef BROKEN_DESTROY
        cpus_stop(me);
#endif
        assert(!holders);
        alive = false;
        kernel_unlock(me);
        destroyed = true
    :: !destroyed && me == 2 -> /* another one who uses the lock, and finds the memory used for something else */
        kernel_lock(me);
#ifndef BROKEN_DESTROY
        cpus_stop(me);
#endif
        assert(!holders);
        kernel_unlock(me);
        destroyed = true
    :: done && destroyed && !interrupt[me] -> break
    od;
end:
    do
    :: take_interrupt(me)
    od
}

init {
    atomic {
        run waiter();
        run signaller(1);
        run signaller(2)
    }
}
