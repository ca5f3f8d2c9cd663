/* SPDX-License-Identifier: MIT */
/*
 * Model of one queue between client and server: submission, completion, CANCEL, and its end (contract/block/wire.h; G1, G15, G21,
 * G24 of doc/storage-guarantees.md).
 *
 * The client has REQUESTS requests and TAGS tags. It issues a request under a free tag, may ask once that it be cancelled, which takes a
 * tag of its own, and frees a tag when its completion comes. The server takes elements in order, begins them in any order (then they
 * are issued to the device), completes what the device has done in any order, and answers a CANCEL at once: what it has not begun is
 * completed with ABORTED. A queue may end (the server dies, or ends it) at any moment, LIVES - 1 times; then the client frees all tags, what was in
 * flight waits again, and a new queue begins. Both rings have TAGS places.
 *
 * Checked:
 *   - done is called once a request; what is done with OK was carried out, what is done with ABORTED was not, in this queue
 *     or an earlier one (assertions)
 *   - a tag is never in two elements, and a completion always finds room and a tag in use (assertions)
 *   - in the end every request is done (invalid end states)
 *
 * Variants that must fail (lib/block/test/queue_mutants.c) are named BROKEN_*.
 */
#define REQUESTS 2
#define TAGS     2
#define LIVES    2
#define NONE     255

/* a request, at the client */
#define WAITING 0
#define ISSUED  1
#define DONE    2
/* an element, at the server */
#define FREE    0
#define TAKEN   1
#define BEGUN   2
#define ABORTED 3 /* to be told */

/* elements: tag and what it is for; a CANCEL names the tag that it is for */
chan submission = [TAGS] of { byte, byte, bool }; /* tag, request or tag to cancel, is a CANCEL */
chan completion = [TAGS] of { byte, bool, bool }; /* tag, ABORTED, of a CANCEL: it found what it was for */

byte state[REQUESTS];
bool cancelled[REQUESTS];  /* CANCEL has been sent */
bool unwanted[REQUESTS];   /* the client wants it cancelled */
bool again[REQUESTS];       /* issued, and then its queue ended */
bool carried_out[REQUESTS]; /* ghost: at least once */
byte done_count[REQUESTS];  /* ghost */
byte tag_of[TAGS];          /* client: the request, or NONE */
bool tag_used[TAGS];
byte lives = LIVES;
bool alive = true;
byte life_number;

inline finish(r, aborted)
{
    assert(state[r] != DONE);
    state[r] = DONE;
    done_count[r]++;
    assert(done_count[r] == 1);
    assert(aborted || carried_out[r]);
#ifdef BROKEN_ABORTED_AGAIN
    assert(!aborted || !carried_out[r])
#else
    assert(!aborted || again[r] || !carried_out[r]) /* with `again` it is told as PEER_GONE, not as ABORTED */
#endif
}

inline free_tag(t)
{
    t = 0;
    do
    :: tag_used[t] -> t++
    :: else -> break
    od
}

/* The client has seen the end of the queue. */
inline detach()
{
    i = 0;
    do
    :: i < REQUESTS ->
        if
        :: state[i] == ISSUED ->
            again[i] = true;
            state[i] = WAITING;
#ifdef BROKEN_DETACH_FORGET
            state[i] = ISSUED;
#endif
            cancelled[i] = false
        :: else
        fi;
        i++
    :: else -> break
    od;
    i = 0;
    do
    :: i < TAGS -> tag_used[i] = false; tag_of[i] = NONE; i++
    :: else -> break
    od;
    i = 0
}

#define may_issue(r)  (state[r] == WAITING && nfull(submission) && (!tag_used[0] || !tag_used[1]))
#define may_cancel(r) (state[r] == ISSUED && unwanted[r] && !cancelled[r] && nfull(submission) && (!tag_used[0] || !tag_used[1]))

inline issue(r)
{
    free_tag(t);
    tag_used[t] = true;
    tag_of[t] = r;
    state[r] = ISSUED;
    submission!t, r, false;
    t = 0
}

/* What waits is done at once. */
inline give_up(r)
{
    unwanted[r] = true;
    if
    :: state[r] == WAITING -> finish(r, true)
    :: else
    fi
}

inline cancel(r)
{
    free_tag(t);
    i = 0;
    do
    :: tag_of[i] != r -> i++
    :: else -> break
    od;
    tag_used[t] = true;
    cancelled[r] = true;
    submission!t, i, true;
    t = 0;
    i = 0
}

proctype server(byte life)
{
    byte job[TAGS];
    byte what[TAGS];
    byte t, x, wanted;
    bool is_cancel, found;

end:
    do
    :: atomic { life_number == life && submission?[t, x, is_cancel] ->
        submission?t, x, is_cancel;
        if
        :: is_cancel ->
            found = false;
            if
            :: job[x] == TAKEN -> job[x] = ABORTED; found = true
#ifdef BROKEN_CANCEL_BEGUN
            :: job[x] == BEGUN -> job[x] = ABORTED; found = true
#endif
            :: else
            fi;
            assert(nfull(completion));
            completion!t, false, found
        :: else ->
            assert(job[t] == FREE);
            job[t] = TAKEN;
            what[t] = x
        fi;
        t = 0; x = 0; is_cancel = false; found = false
       }
    /* begins one: the device has it, and may do it at any moment */
    :: atomic { life_number == life && job[0] == TAKEN -> job[0] = BEGUN; carried_out[what[0]] = true }
    :: atomic { life_number == life && job[1] == TAKEN -> job[1] = BEGUN; carried_out[what[1]] = true }
    :: atomic { life_number == life && job[0] >= BEGUN ->
        assert(nfull(completion));
#ifndef BROKEN_COMPLETE_TWICE
        completion!0, (job[0] == ABORTED), false;
        job[0] = FREE
#else
        completion!0, (job[0] == ABORTED), false
#endif
       }
    :: atomic { life_number == life && job[1] >= BEGUN ->
        assert(nfull(completion));
        completion!1, (job[1] == ABORTED), false;
        job[1] = FREE
       }
    :: life_number != life -> break
    od
}

active proctype client()
{
    byte t, i;
    bool aborted, found;

    d_step {
        tag_of[0] = NONE; tag_of[1] = NONE
    }
    run server(0);
    do
    :: atomic { may_issue(0) -> issue(0) }
    :: atomic { may_issue(1) -> issue(1) }
    :: atomic { state[0] != DONE && !unwanted[0] -> give_up(0) }
    :: atomic { state[1] != DONE && !unwanted[1] -> give_up(1) }
    :: atomic { may_cancel(0) -> cancel(0) }
    :: atomic { may_cancel(1) -> cancel(1) }
    /* complete */
    :: atomic { completion?[t, aborted, found] ->
        completion?t, aborted, found;
        assert(tag_used[t]);
        if
        :: tag_of[t] != NONE -> finish(tag_of[t], aborted)
#ifdef BROKEN_CANCEL_DONE
        :: tag_of[t] == NONE && found ->
            i = 0;
            do
            :: i < REQUESTS && !(cancelled[i] && state[i] == ISSUED) -> i++
            :: else -> break
            od;
            if
            :: i < REQUESTS -> finish(i, true)
            :: else
            fi;
            i = 0
#endif
        :: else
        fi;
        tag_used[t] = false;
        tag_of[t] = NONE;
        t = 0; aborted = false; found = false
       }
    /* the queue ends: rings are fresh, and nothing of the old ones is looked at */
    :: atomic { lives > 1 ->
        lives--;
        life_number++;
#ifndef BROKEN_OLD_RING
        do
        :: completion?[_, _, _] -> completion?_, _, _
        :: else -> break
        od;
#endif
        do
        :: submission?[_, _, _] -> submission?_, _, _
        :: else -> break
        od;
        detach();
        run server(life_number)
       }
    :: atomic { state[0] == DONE && state[1] == DONE -> break }
    od
}
