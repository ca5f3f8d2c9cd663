/* SPDX-License-Identifier: MIT */
/*
 * Model of the ring's indices and of its sleep and wake-up protocol (lib/ring/ring.c).
 *
 * One producer, one consumer, a ring of CAPACITY slots, indices modulo MODULUS. Every access to shared memory is a
 * step of its own; as the accesses of the real ring are sequentially consistent or ordered by release and acquire
 * behind them, interleaving is the right memory model. Both sides batch as they like: the producer stages one or more
 * elements before it publishes, the consumer takes one or more before it gives the slots back, and a producer without
 * room waits for any number of slots. A notification is one bit that signals OR together.
 *
 * Checked:
 *   - no unread element is overwritten, and each is read once, in order, complete           (assertions)
 *   - an honest peer's index always passes the range check                                  (assertions)
 *   - no lost wake-up: the two never both sleep, nor one for ever                           (invalid end states)
 *   - progress: in every endless run elements are consumed again and again                  (progress label, pan -l -f)
 *
 * Variants that must fail, to show that the model would notice: -DBROKEN_CONSUMER and -DBROKEN_PRODUCER leave out the
 * second look before sleeping; -DBROKEN_PUBLISH reads the peer's event before publishing instead of after it;
 * -DBROKEN_EVENT asks for a notification one element too late; -DBROKEN_GIVE_BACK gives slots back before reading.
 */
#define CAPACITY 2
#define MODULUS 8
#define MINUS(a, b) (((a) + MODULUS - (b)) % MODULUS)

byte producer_index, producer_event, consumer_index, consumer_event;
bit producer_notified, consumer_notified;

/* Slots: what they hold, and whether it is still to be read. */
byte slot[CAPACITY];
bit unread[CAPACITY];

/* Publishes `new` as `own_index`, and notifies the peer if it asked for it. */
inline publish(own_index, old, new, peer_event, peer_notified)
{
#ifdef BROKEN_PUBLISH
    event = peer_event;
    own_index = new;
#else
    own_index = new;
    event = peer_event;
#endif
    if
    :: MINUS(event, old) < MINUS(new, old) -> peer_notified = 1
    :: else
    fi;
    d_step { old = new; event = 0 }
}

active proctype producer()
{
    byte next, published, seen, index, event, wanted;

    do
    :: MINUS(next, seen) < CAPACITY ->
        /* stage: in the real ring this is a copy, here a write that must not hit an unread element */
        atomic {
            assert(!unread[next % CAPACITY]);
            slot[next % CAPACITY] = next;
            unread[next % CAPACITY] = 1;
            next = (next + 1) % MODULUS
        }
    :: published != next ->
        publish(producer_index, published, next, consumer_event, consumer_notified)
    :: MINUS(next, seen) == CAPACITY && published == next ->
        index = consumer_index;
        assert(MINUS(index, seen) <= MINUS(published, seen));
        d_step { seen = index; index = 0 };
        if
        :: MINUS(next, seen) < CAPACITY
        :: else ->
            select(wanted : 1 .. CAPACITY);
#ifdef BROKEN_EVENT
            producer_event = MINUS(next + wanted, CAPACITY) % MODULUS;
#else
            producer_event = MINUS(next + wanted + MODULUS - 1, CAPACITY) % MODULUS;
#endif
#ifndef BROKEN_PRODUCER
            index = consumer_index;
            assert(MINUS(index, seen) <= MINUS(published, seen));
            d_step { seen = index; index = 0 }
#endif
            if
            :: CAPACITY - MINUS(next, seen) < wanted -> atomic { producer_notified -> producer_notified = 0 }
            :: else
            fi;
            wanted = 0
        fi
    od
}

active proctype consumer()
{
    byte next, given_back, seen, index, event;

    do
    :: next != seen ->
#ifdef BROKEN_GIVE_BACK
        index = (next + 1) % MODULUS;
        publish(consumer_index, given_back, index, producer_event, producer_notified);
        index = 0;
#endif
progress:
        atomic {
            assert(unread[next % CAPACITY]);
            assert(slot[next % CAPACITY] == next);
            unread[next % CAPACITY] = 0;
            next = (next + 1) % MODULUS
        }
    :: given_back != next ->
        publish(consumer_index, given_back, next, producer_event, producer_notified)
    :: next == seen && given_back == next ->
        index = producer_index;
        assert(MINUS(index, seen) <= CAPACITY - MINUS(seen, given_back));
        d_step { seen = index; index = 0 };
        if
        :: next != seen
        :: else ->
#ifdef BROKEN_EVENT
            consumer_event = (next + 1) % MODULUS;
#else
            consumer_event = next;
#endif
#ifndef BROKEN_CONSUMER
            index = producer_index;
            assert(MINUS(index, seen) <= CAPACITY - MINUS(seen, given_back));
            d_step { seen = index; index = 0 }
#endif
            if
            :: next == seen -> atomic { consumer_notified -> consumer_notified = 0 }
            :: else
            fi
        fi
    od
}
