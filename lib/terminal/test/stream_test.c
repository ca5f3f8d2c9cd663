/* SPDX-License-Identifier: MIT */
/* Byte streams of terminals: layouts, transport driven only by notifications, hostile peers. */
#include "lib/terminal/stream.h"

#include "test/check.h"

#include <stdlib.h>

#define TOTAL 1000000u

static _Alignas(64) uint8_t memory[64 << 10];
static struct stream client, server;
static struct terminal_connect layout;

static void open_both(uint32_t output, uint32_t input)
{
    size_t size;

    memset(memory, 0, sizeof(memory));
    REQUIRE(stream_layout(output, input, &layout, &size) == OK && size <= sizeof(memory));
    REQUIRE(stream_open(memory, size, &layout, STREAM_CLIENT, &client) == OK);
    REQUIRE(stream_open(memory, size, &layout, STREAM_SERVER, &server) == OK);
}

static void test_layout(void)
{
    struct terminal_connect bad;
    struct stream out;
    size_t size;

    CASE("layouts that cannot be are refused");
    CHECK_EQ(stream_layout(100, 64, &layout, &size), ERR_INVALID);
    CHECK_EQ(stream_layout(64, 0, &layout, &size), ERR_INVALID);
    CHECK_EQ(stream_layout(1 << 20, 64, &layout, &size), ERR_RANGE);

    CASE("a layout that leaves the memory is refused");
    open_both(1024, 512);
    REQUIRE(stream_layout(1024, 512, &layout, &size) == OK);
    CHECK_EQ(stream_open(memory, size - 1, &layout, STREAM_SERVER, &out), ERR_RANGE);
    bad = layout;
    bad.output_offset = 0xffffffc0;
    CHECK_EQ(stream_open(memory, size, &bad, STREAM_SERVER, &out), ERR_RANGE);
    bad = layout;
    bad.input_offset += 8;
    CHECK_EQ(stream_open(memory, size, &bad, STREAM_SERVER, &out), ERR_INVALID);
    bad = layout;
    bad.output_elements = 2048;
    CHECK_EQ(stream_open(memory, size, &bad, STREAM_SERVER, &out), ERR_RANGE);
    bad = layout;
    bad.input_elements = 100;
    CHECK_EQ(stream_open(memory, size, &bad, STREAM_SERVER, &out), ERR_INVALID);
}

static void test_directions(void)
{
    char text[16];
    size_t n;
    bool notify;

    CASE("each side reads what the other wrote");
    open_both(64, 16);
    CHECK_EQ(stream_write(&client, "hello", 5, &n, &notify), OK);
    CHECK_EQ(n, 5);
    CHECK(notify);
    CHECK_EQ(stream_read(&server, text, sizeof(text), &n, &notify), OK);
    CHECK_EQ(n, 5);
    CHECK_MEM(text, "hello", 5);
    CHECK_EQ(stream_write(&server, "typed", 5, &n, &notify), OK);
    CHECK_EQ(stream_read(&client, text, sizeof(text), &n, &notify), OK);
    CHECK_EQ(n, 5);
    CHECK_MEM(text, "typed", 5);

    CASE("a full ring takes no more and wakes the writer when half is free");
    CHECK_EQ(stream_write(&server, "0123456789abcdefXYZ", 19, &n, &notify), OK);
    CHECK_EQ(n, 16);
    CHECK_EQ(stream_read(&client, text, 2, &n, &notify), OK);
    CHECK(!notify);
    CHECK_EQ(stream_read(&client, text, 1, &n, &notify), OK);
    CHECK(notify);
}

/* Writer and reader run only when notified, as two components do. */
static void test_transport(uint32_t elements, unsigned seed)
{
    uint32_t sent = 0, received = 0, wakeups = 0;
    bool writer_runs = true, reader_runs = true;
    uint8_t piece[700];

    open_both(elements, 1);
    srand(seed);
    while (received < TOTAL && (writer_runs || reader_runs)) {
        size_t n = 0, want = 1 + (size_t)rand() % sizeof(piece);
        bool notify = false, good = true;
        if (writer_runs && (!reader_runs || rand() % 2)) {
            if (want > TOTAL - sent)
                want = TOTAL - sent;
            for (size_t i = 0; i < want; i++)
                piece[i] = (uint8_t)((sent + i) * 2654435761u >> 24);
            REQUIRE(stream_write(&client, piece, want, &n, &notify) == OK);
            sent += (uint32_t)n;
            writer_runs = n == want && sent < TOTAL;
            reader_runs |= notify;
        } else {
            REQUIRE(stream_read(&server, piece, want, &n, &notify) == OK);
            for (size_t i = 0; i < n; i++)
                good &= piece[i] == (uint8_t)((received + i) * 2654435761u >> 24);
            REQUIRE(good);
            received += (uint32_t)n;
            reader_runs = n == want;
            writer_runs |= notify && sent < TOTAL;
        }
        wakeups += notify;
    }
    CHECK_EQ(received, TOTAL);
    CHECK(elements == 1 || wakeups < TOTAL / elements * 8);
}

static void test_hostile(void)
{
    struct ring_shared *output;
    char text[16];
    size_t n;
    bool notify;

    CASE("an impossible index breaks the stream for good");
    open_both(64, 64);
    output = (struct ring_shared *)memory;
    output->producer.index = 1000;
    CHECK_EQ(stream_read(&server, text, sizeof(text), &n, &notify), ERR_INVALID);
    CHECK_EQ(n, 0);
    CHECK_EQ(stream_read(&server, text, sizeof(text), &n, &notify), ERR_PEER_GONE);

    CASE("the other direction does not care");
    CHECK_EQ(stream_write(&server, "x", 1, &n, &notify), OK);
    CHECK_EQ(n, 1);

    CASE("a consumer that gives back what it never got is found out");
    open_both(64, 64);
    output->consumer.index = 200;
    n = 0;
    for (unsigned i = 0; i < 100 && stream_write(&client, "0123456789abcdef", 16, &n, &notify) == OK; i++)
        ;
    CHECK_NE(stream_write(&client, "y", 1, &n, &notify), OK);
}

int main(void)
{
    test_layout();
    test_directions();
    CASE("a million bytes through 1024, woken by notifications only");
    test_transport(1024, 1);
    CASE("a million bytes through 64");
    test_transport(64, 2);
    CASE("a million bytes through 1");
    test_transport(1, 3);
    test_hostile();
    return check_finish();
}
