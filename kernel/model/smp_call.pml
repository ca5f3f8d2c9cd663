/* SPDX-License-Identifier: MIT */
/*
 * Model of a call from one CPU to another (kernel/ipc/remote.c, send_away() and release_any() in kernel/ipc): the caller becomes
 * REMOTE and goes through the inbox of the handler's CPU, is served or waits in the handler's queue, and the answer goes back
 * through its own CPU's inbox; meanwhile a third CPU aborts the call, or destroys the caller or the handler, with all CPUs
 * stopped and all inboxes emptied.
 *
 * What happens without the lock, in one entry of a CPU, is split where it touches what others read. The lock and the stops are those
 * of smp.pml, here as what they come to: the holder of the lock acts when all others are out of the kernel or wait for the lock.
 *
 * Checked: a dead context is in no inbox and no queue, and is never acted on; each call ends once (answered, failed, aborted, or its
 * caller is dead); at the end no call is left (invalid end states).
 *
 * Variants that must fail (kernel/test/smp_mutants.c) are named BROKEN_*.
 */
#define CALLERS 2 /* on CPUs of their own */
#define HANDLER 2 /* number of the handler, and of its CPU */
#define NONE    3
#define CALLS   2 /* of each caller */

#define READY  0
#define REMOTE 1
#define WAIT   2 /* the handler */

byte state[3];
bool alive[3];
byte callee[3];          /* HANDLER or NONE */
byte caller = NONE;      /* whom the handler serves */
byte inbox[3];           /* of each CPU: bits of contexts */
byte queue;              /* of the handler: bits of contexts */
bool outstanding[CALLERS]; /* ghost: a call that has not ended */
byte ended[CALLERS], begun[CALLERS];

bool lock;
bool outside[3] = true; /* the CPU is not in the kernel, or waits for the lock: it can be stopped */
bit interrupt[3];

#define IS(x) (1 << (x))

inline end_call(x)
{
    assert(outstanding[x]);
    outstanding[x] = false;
    ended[x]++
}

/* A CPU waits for the lock and may be stopped meanwhile. */
inline take_lock(cpu)
{
    outside[cpu] = true;
    atomic { !lock -> lock = true; outside[cpu] = false }
}

/* The handler takes those who wait, with the lock. */
inline serve_next()
{
    do
    :: alive[HANDLER] && state[HANDLER] == WAIT && queue ->
        x = (queue & IS(0) -> 0 : 1);
        queue = queue & ~IS(x);
        assert(alive[x] && state[x] == REMOTE);
        caller = x;
        state[HANDLER] = READY
    :: else -> break
    od
}

/* What is in the inbox of a CPU, with the lock. */
inline drain(cpu)
{
    atomic {
        x = 0;
        for (x : 0 .. CALLERS - 1) {
            if
            :: inbox[cpu] & IS(x) ->
                inbox[cpu] = inbox[cpu] & ~IS(x);
                assert(alive[x]);
                if
                :: callee[x] == NONE -> assert(cpu == x && state[x] == REMOTE); state[x] = READY; end_call(x)
                :: else -> assert(cpu == HANDLER && alive[HANDLER]); queue = queue | IS(x)
                fi
            :: else
            fi
        }
        serve_next();
        x = 0
    }
}

inline take_interrupt(cpu)
{
    atomic { interrupt[cpu] && outside[cpu] && !stopping -> interrupt[cpu] = 0; outside[cpu] = false };
    if
    :: inbox[cpu] -> take_lock(cpu); drain(cpu); lock = false
    :: else
    fi;
    outside[cpu] = true
}

bool stopping; /* all others are stopped */

proctype calling(byte me)
{
    byte x;

    do
    :: take_interrupt(me)
    :: outside[me] && (!alive[me] || (begun[me] == CALLS && !outstanding[me])) -> break
    :: atomic { outside[me] && !stopping && alive[me] && state[me] == READY && begun[me] < CALLS ->
            outside[me] = false };
        begun[me]++;
        outstanding[me] = true;
        if
        :: !alive[HANDLER] -> end_call(me)
        :: alive[HANDLER] ->
            callee[me] = HANDLER;
            state[me] = REMOTE;
            inbox[HANDLER] = inbox[HANDLER] | IS(me);
#ifndef BROKEN_IPI
            interrupt[HANDLER] = 1
#endif
        fi;
        outside[me] = true
    od;
end:
    do
    :: take_interrupt(me)
    od
}

proctype handling()
{
    byte x, y;

end:
    do
    :: take_interrupt(HANDLER)
    :: atomic { outside[HANDLER] && !stopping && alive[HANDLER] && state[HANDLER] == READY -> outside[HANDLER] = false };
        /* reply_wait */
        y = caller;
        if
        :: y != NONE ->
            assert(alive[y] && state[y] == REMOTE && callee[y] == HANDLER);
            caller = NONE;
            callee[y] = NONE;
            inbox[y] = inbox[y] | IS(y);
            interrupt[y] = 1
        :: else
        fi;
        state[HANDLER] = WAIT;
        y = 0;
#ifndef BROKEN_QUEUE
        if
        :: queue -> take_lock(HANDLER);
            atomic { serve_next(); x = 0 };
            lock = false
        :: else
        fi;
#endif
        outside[HANDLER] = true
    od
}

inline end_send(x)
{
    callee[x] = NONE;
    queue = queue & ~IS(x);
#ifndef BROKEN_CALLER
    if
    :: caller == x -> caller = NONE
    :: else
    fi;
#endif
    state[x] = READY;
    end_call(x)
}

/* Somebody with a capability, on a CPU that the model does not have. */
proctype controlling()
{
    byte x, i;

    do
    :: atomic { !lock -> lock = true };
        /* cpus_stop() */
#ifdef BROKEN_STOP
        stopping = true;
#else
        atomic { outside[0] && outside[1] && outside[2] -> stopping = true };
#endif
#ifndef BROKEN_DRAIN
        do
        :: inbox[0] -> drain(0)
        :: inbox[1] -> drain(1)
        :: inbox[2] -> drain(2)
        :: else -> break
        od;
#endif
        atomic {
            x = 0;
            if
            :: i == 0 -> /* abort */
                if
                :: alive[0] && callee[0] != NONE -> end_send(0)
                :: else
                fi
            :: i == 1 -> /* a caller dies */
                if
                :: alive[1] && callee[1] != NONE -> end_send(1)
                :: else
                fi;
                alive[1] = false;
                assert(!((inbox[0] | inbox[1] | inbox[2] | queue) & IS(1)) && caller != 1)
            :: i == 2 -> /* the handler dies */
                for (x : 0 .. CALLERS - 1) {
                    if
                    :: alive[x] && callee[x] != NONE -> end_send(x)
                    :: else
                    fi
                }
                alive[HANDLER] = false;
                assert(!queue && caller == NONE)
            fi;
            x = 0
        };
        i++;
        stopping = false;
        lock = false;
        if
        :: i == 3 -> break
        :: i == 2 -> break /* the handler lives on */
        :: i < 3
        fi
    od
}

init {
    byte i;

    atomic {
        for (i : 0 .. 2) {
            alive[i] = true;
            callee[i] = NONE
        }
        state[HANDLER] = WAIT;
        run calling(0);
        run calling(1);
        run handling();
        run controlling()
    }
}
