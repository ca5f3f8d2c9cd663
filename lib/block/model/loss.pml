/* SPDX-License-Identifier: MIT */
/*
 * Model of deaths, losses, replay and FLUSH (G6-G10, G16-G21 of doc/storage-guarantees.md; lib/block/client_loss.c).
 *
 * A disk of two blocks, each holding the number of its last write: `view` is what READs see, `platter` what survives. Block 0 is
 * written plainly, block 1 with a barrier (a log's commit record). The program submits up to OPS writes and FLUSHes, two in
 * flight. The server carries them out in any order, writes back when it likes, dies DEATHS times with a request in flight done or
 * not, with its cache (`view`) lost or kept, and may lose its cache without dying. Each step of the client, the server or the
 * disk is one step here; they come in any order.
 *
 * With -DRETAIN the client writes again what may be lost; without, FLUSH fails with LOST until the program acknowledges.
 *
 * Checked, after every step, as if the power went:
 *   - what a FLUSH covered that was done with OK is on the platter, or something newer (G6, G19)
 *   - if a barrier write is on the platter, so is everything that was completed before its submission (G9), but for what the
 *     program has acknowledged as lost
 *   - with RETAIN, the program never sees LOST (G20)
 * and in the end everything is done (invalid end states).
 *
 * Variants that must fail (lib/block/test/loss_mutants.c) are named BROKEN_*.
 */
#ifndef OPS
#define OPS 4
#endif
#ifndef DEATHS
#define DEATHS 1
#endif
#ifndef LOSSES
#define LOSSES 1
#endif

#define NONE    0
#define WRITE   1 /* block 0 */
#define BARRIER 2 /* block 1 */
#define FLUSH   3

#define WAITING  0
#define SENT     1
#define EXECUTED 2

typedef request {
    byte op, state, version;
    byte cover[2]; /* what was completed when it was submitted (FLUSH, BARRIER: issued) */
    bool refused;  /* the server said LOST */
}

request r[2];

/* server and disk */
bool alive = true;
byte verifier = 1, acked = 1;
byte view[2], platter[2];

/* client */
byte known = 1;
bool lost, draining, acknowledge_due;
byte completed[2], covered[2];
byte replay[2]; /* 0: no; 1: needed; 2: sent; 3: carried out */
#ifdef BROKEN_REPLAY_OLDER
byte older[2];  /* a retained write below the last one */
#define KEEP_OLDER(b) older[b] = completed[b]
#else
#define KEEP_OLDER(b) skip
#endif
byte last[2];

/* what was promised */
byte promised[2], forgotten[2];
byte barrier_version, barrier_cover;

byte ops = OPS, deaths = DEATHS, losses = LOSSES;

#define HELD (draining || acknowledge_due || replay[0] || replay[1])

inline check()
{
    assert(platter[0] >= promised[0] && platter[1] >= promised[1]);
    assert(barrier_version == 0 || platter[1] != barrier_version || platter[0] >= barrier_cover ||
           barrier_cover <= forgotten[0])
}

inline forget(b)
{
    if
    :: completed[b] > covered[b] -> forgotten[b] = completed[b]
    :: else
    fi
}

/* core_verifier_changed() */
inline changed()
{
    known = verifier;
#ifdef RETAIN
#ifndef BROKEN_NO_REPLAY
    replay[0] = (completed[0] > covered[0] -> 1 : 0);
    replay[1] = (completed[1] > covered[1] -> 1 : 0);
#endif
#else
    if
    :: completed[0] > covered[0] || completed[1] > covered[1] -> lost = true; forget(0); forget(1)
    :: else
    fi;
#endif
    draining = true;
    acknowledge_due = !lost
}

inline drain()
{
    if
    :: r[0].state == WAITING && r[1].state == WAITING && replay[0] < 2 && replay[1] < 2 -> draining = false
    :: else
    fi
}

inline cover_up(b, what)
{
    if
    :: what > covered[b] -> covered[b] = what
    :: else
    fi;
    if
    :: what > promised[b] && what > forgotten[b] -> promised[b] = what
    :: else
    fi
}

/* The program is told. */
inline done(x, is_lost)
{
#ifdef RETAIN
    assert(!is_lost);
#endif
    if
    :: is_lost -> skip
    :: !is_lost && r[x].op == WRITE -> KEEP_OLDER(0); completed[0] = r[x].version
    :: !is_lost && r[x].op == BARRIER ->
        cover_up(0, r[x].cover[0]);
        cover_up(1, r[x].cover[1]);
        KEEP_OLDER(1);
        completed[1] = r[x].version
    :: !is_lost && r[x].op == FLUSH ->
#ifdef BROKEN_FLUSH_COVERS_LATER
        cover_up(0, completed[0]);
        cover_up(1, completed[1])
#else
        cover_up(0, r[x].cover[0]);
        cover_up(1, r[x].cover[1])
#endif
    fi;
    r[x].op = NONE;
    r[x].state = WAITING;
    r[x].version = 0;
    r[x].cover[0] = 0;
    r[x].cover[1] = 0;
    r[x].refused = false
}

/* ---- program ---- */

#define may_submit(x) (ops > 0 && r[x].op == NONE)

inline submit(x)
{
    ops--;
    if
    :: r[1 - x].op != WRITE && last[0] < 3 -> r[x].op = WRITE; last[0]++; r[x].version = last[0]
    :: r[1 - x].op != BARRIER && last[1] < 2 ->
        r[x].op = BARRIER;
        last[1]++;
        r[x].version = last[1];
        barrier_version = last[1];
        barrier_cover = completed[0]
    :: true -> r[x].op = FLUSH
    fi
}

/* block_core_acknowledge(): what is forgotten is no loss again */
inline acknowledge()
{
    lost = false;
    acknowledge_due = true;
    if
    :: forgotten[0] > covered[0] -> covered[0] = forgotten[0]
    :: else
    fi;
    if
    :: forgotten[1] > covered[1] -> covered[1] = forgotten[1]
    :: else
    fi
}

/* ---- client ---- */

inline issue(x)
{
    if
    :: lost && r[x].op != WRITE -> done(x, true)
    :: else ->
        r[x].state = SENT;
        r[x].cover[0] = completed[0];
        r[x].cover[1] = completed[1]
    fi
}

inline complete(x)
{
    if
    :: verifier != known -> changed()
    :: else
    fi;
    if
    :: draining -> r[x].state = WAITING; r[x].refused = false; drain()
    :: else -> done(x, r[x].refused)
    fi
}

/* The session is lost. */
inline detach()
{
    draining = false;
    x = 0;
    do
    :: x < 2 ->
        if
#ifdef BROKEN_FLUSH_DONE
        :: r[x].state != WAITING && r[x].op == FLUSH -> done(x, false)
#endif
        :: else -> r[x].state = WAITING; r[x].refused = false
        fi;
        if
        :: replay[x] -> replay[x] = 1
        :: else
        fi;
        x++
    :: else -> break
    od;
    x = 0
}

/* ---- server ---- */

inline sync_platter()
{
    platter[0] = view[0];
    platter[1] = view[1]
}

inline execute(x)
{
    r[x].state = EXECUTED;
    if
    :: r[x].op == WRITE -> view[0] = r[x].version
#ifndef BROKEN_SERVER_FORGETS
    :: r[x].op != WRITE && acked != verifier -> r[x].refused = true
#endif
    :: else ->
        sync_platter();
        if
        :: r[x].op == BARRIER -> view[1] = r[x].version
        :: else
        fi
    fi
}

inline lose_cache()
{
    view[0] = platter[0];
    view[1] = platter[1];
#ifndef BROKEN_SAME_VERIFIER
    verifier++
#endif
}

inline die()
{
    deaths--;
    if
    :: r[0].op == WRITE && r[0].state == SENT -> view[0] = r[0].version
    :: r[1].op == WRITE && r[1].state == SENT -> view[0] = r[1].version
    :: true
    fi;
    if
    :: true -> lose_cache()
    :: true
    fi;
    alive = false;
    detach()
}

/* In a session that goes on: what is carried out and not told is carried out again. */
inline lose_alive()
{
    losses--;
    lose_cache();
    x = 0;
    do
    :: x < 2 ->
        if
        :: r[x].state == EXECUTED -> r[x].state = SENT; r[x].refused = false
        :: else
        fi;
        if
        :: replay[x] == 3 -> replay[x] = 2
        :: else
        fi;
        x++
    :: else -> break
    od;
    x = 0
}

inline attach()
{
    alive = true;
    acked = verifier;
    if
    :: verifier != known -> changed(); draining = false; acknowledge_due = false
    :: else
    fi
}

#define may_replay(b) (replay[b] == 1 && !draining && !acknowledge_due)

inline replayed(b)
{
    if
    :: verifier != known -> changed(); replay[b] = (completed[b] > covered[b] -> 1 : 0); drain()
    :: draining -> replay[b] = 1; drain()
    :: else -> replay[b] = 0
    fi
}

active proctype everything()
{
    byte x;

    do
    :: atomic { may_submit(0) -> submit(0); check() }
    :: atomic { may_submit(1) -> submit(1); check() }
#ifdef BROKEN_REPLAY_LATE
    :: atomic { alive && !draining && !acknowledge_due && r[0].op != NONE && r[0].state == WAITING -> issue(0); check() }
#else
    :: atomic { alive && !HELD && r[0].op != NONE && r[0].state == WAITING -> issue(0); check() }
#endif
    :: atomic { alive && !HELD && r[1].op != NONE && r[1].state == WAITING -> issue(1); check() }
    :: atomic { alive && r[0].op != NONE && r[0].state == SENT -> execute(0); check() }
    :: atomic { alive && r[1].op != NONE && r[1].state == SENT -> execute(1); check() }
    :: atomic { alive && r[0].op != NONE && r[0].state == EXECUTED -> complete(0); check() }
    :: atomic { alive && r[1].op != NONE && r[1].state == EXECUTED -> complete(1); check() }
    :: atomic { platter[0] != view[0] -> platter[0] = view[0]; check() }
    :: atomic { platter[1] != view[1] -> platter[1] = view[1]; check() }
    :: atomic { alive && deaths > 0 && (r[0].op != NONE || r[1].op != NONE) -> die(); check() }
    :: atomic { alive && losses > 0 && (view[0] != platter[0] || view[1] != platter[1]) -> lose_alive(); check() }
    :: atomic { !alive -> attach(); check() }
    :: atomic { alive && verifier != known -> changed(); drain(); check() } /* by INFO */
#ifdef BROKEN_ACKNOWLEDGE_EARLY
    :: atomic { alive && acknowledge_due ->
#else
    :: atomic { alive && acknowledge_due && !draining ->
#endif
        acknowledge_due = false;
        if
        :: known == verifier -> acked = verifier
        :: else
        fi }
#ifdef BROKEN_REPLAY_OLDER
    :: atomic { alive && may_replay(0) && older[0] > covered[0] -> view[0] = older[0]; older[0] = 0; check() }
#endif
    :: atomic { alive && may_replay(0) -> replay[0] = 2 }
    :: atomic { alive && may_replay(1) -> replay[1] = 2 }
    :: atomic { alive && replay[0] == 2 -> view[0] = completed[0]; replay[0] = 3; check() }
    :: atomic { alive && replay[1] == 2 -> view[1] = completed[1]; replay[1] = 3; check() }
    :: atomic { alive && replay[0] == 3 -> replayed(0); check() }
    :: atomic { alive && replay[1] == 3 -> replayed(1); check() }
    /* the program acknowledges, when it likes */
    :: atomic { lost -> acknowledge() }
    :: atomic { ops == 0 && r[0].op == NONE && r[1].op == NONE && alive && !HELD && !lost -> break }
    od
}
