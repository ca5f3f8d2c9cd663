/* SPDX-License-Identifier: MIT */
/* What several consoles look like on one screen. */
#include "server/terminal_mux/mux.h"

#include "test/check.h"

static struct mux mux;
static struct mux_client shell, other, logger;
static char screen[1 << 20];

static void setup(void)
{
    mux_init(&mux, 0x14);
    shell = (struct mux_client){.name = "vm1"};
    other = (struct mux_client){.name = "vm2"};
    logger = (struct mux_client){.name = "log", .plain = true};
    mux_add(&mux, &shell);
    mux_add(&mux, &other);
    mux_add(&mux, &logger);
    mux_sent(&mux, mux.sink_length);
}

/* Everything that went to the screen since the last time. */
static const char *seen(void)
{
    const uint8_t *bytes;
    size_t n, total = 0;

    while ((n = mux_pending(&mux, &bytes)) != 0) {
        memcpy(screen + total, bytes, n);
        total += n;
        mux_sent(&mux, n);
    }
    screen[total] = '\0';
    return screen;
}

static void say(struct mux_client *client, const char *text)
{
    size_t length = strlen(text);

    while (length) {
        size_t n = length < MUX_CHUNK ? length : MUX_CHUNK;
        CHECK(mux_room(&mux) >= MUX_ROOM);
        mux_output(&mux, client, (const uint8_t *)text, n);
        text += n;
        length -= n;
    }
}

static void test_focused(void)
{
    CASE("the focused client's bytes pass as they come");
    setup();
    say(&shell, "\033[1mhi\033[0m\r\n/ # ");
    CHECK_STR(seen(), "\033[1mhi\033[0m\r\n/ # ");
    say(&shell, "l");
    CHECK_STR(seen(), "l");

    CASE("a bare newline also returns the carriage");
    setup();
    say(&shell, "a\nb\r\n");
    CHECK_STR(seen(), "a\r\nb\r\n");
}

static void test_others(void)
{
    CASE("others are shown in whole lines, with their name");
    setup();
    say(&other, "half");
    CHECK_STR(seen(), "");
    say(&other, " a line\r\nand");
    CHECK_STR(seen(), "[vm2] half a line\r\n");
    say(&logger, "[init] started\n");
    CHECK_STR(seen(), "[init] started\r\n");

    CASE("a prompt is printed again after others' lines");
    setup();
    say(&shell, "/ # ls");
    (void)seen();
    say(&logger, "one\ntwo\n");
    CHECK_STR(seen(), "\r\none\r\ntwo\r\n/ # ls");
    say(&shell, " -l\r\n");
    CHECK_STR(seen(), " -l\r\n");
    say(&logger, "three\n");
    CHECK_STR(seen(), "three\r\n");

    CASE("a line written over by a carriage return is printed again as it stands");
    setup();
    say(&shell, "10 %\r20 %\r30 %");
    (void)seen();
    say(&logger, "x\n");
    CHECK_STR(seen(), "\r\nx\r\n30 %");

    CASE("an unfinished escape sequence is cancelled and repeated");
    setup();
    say(&shell, "a\033[3");
    (void)seen();
    say(&logger, "x\n");
    CHECK_STR(seen(), "\x18\r\nx\r\na\033[3");

    CASE("others cannot move the cursor");
    setup();
    say(&other, "\033[2J\033[31mred\033[0m\a\b\tx\n");
    CHECK_STR(seen(), "[vm2] red??\tx\r\n");

    CASE("very long lines are shown in pieces");
    setup();
    for (unsigned i = 0; i < 1000; i++)
        say(&other, "x");
    CHECK_EQ(strlen(seen()), 6 + MUX_LINE_MAX + 2);
    say(&other, "\n");
    CHECK_EQ(strlen(seen()), 6 + 1000 - MUX_LINE_MAX + 2);

    CASE("of a very long focused line the end is printed again");
    setup();
    for (unsigned i = 0; i < 1000; i++)
        say(&shell, i < 999 ? "x" : "y");
    (void)seen();
    say(&logger, "z\n");
    CHECK_EQ(strlen(seen()), 2 + 3 + MUX_LINE_MAX);
    CHECK_EQ(screen[2 + 3 + MUX_LINE_MAX - 1], 'y');
}

static void test_focus(void)
{
    CASE("the key cycles and is given to nobody");
    setup();
    CHECK(mux_input(&mux, 'a') == &shell);
    CHECK(mux_input(&mux, 0x14) == NULL);
    CHECK_STR(seen(), "[console] input goes to vm2 (ctrl-t: next)\r\n");
    CHECK(mux_input(&mux, 'a') == &other);
    (void)mux_input(&mux, 0x14);
    (void)mux_input(&mux, 0x14);
    CHECK(mux_input(&mux, 'a') == &shell);

    CASE("what a client had not finished appears when it gets the focus");
    setup();
    say(&shell, "login: ");
    say(&other, "/ # ");
    (void)seen();
    (void)mux_input(&mux, 0x14);
    CHECK_STR(seen(), "\r\n[console] input goes to vm2 (ctrl-t: next)\r\n/ # ");

    CASE("and the one that lost it finishes its line with its name");
    say(&shell, "root\r\n");
    CHECK_STR(seen(), "\r\n[vm1] login: root\r\n/ # ");

    CASE("the last words of a client are shown, its focus goes on");
    setup();
    say(&other, "dying");
    mux_remove(&mux, &other);
    CHECK_STR(seen(), "[vm2] dying\r\n");
    say(&shell, "prompt");
    mux_remove(&mux, &shell);
    CHECK_STR(seen(), "prompt\r\n[console] input goes to log (ctrl-t: next)\r\n");
    mux_remove(&mux, &logger);
    CHECK(mux_input(&mux, 'a') == NULL);
    CHECK(mux_input(&mux, 0x14) == NULL);
}

static void test_output_only(void)
{
    CASE("a client that takes no input is passed by, first, in turn and at the end");
    mux_init(&mux, 0x14);
    logger = (struct mux_client){.name = "log", .output_only = true};
    shell = (struct mux_client){.name = "vm1"};
    other = (struct mux_client){.name = "vm2"};
    mux_add(&mux, &logger);
    CHECK(mux_input(&mux, 'a') == NULL);
    say(&logger, "line\n");
    CHECK_STR(seen(), "[log] line\r\n");
    mux_add(&mux, &shell);
    mux_add(&mux, &other);
    CHECK(mux_input(&mux, 'a') == &shell);
    (void)mux_input(&mux, 0x14);
    CHECK(mux_input(&mux, 'a') == &other);
    (void)mux_input(&mux, 0x14);
    CHECK(mux_input(&mux, 'a') == &shell);
    mux_remove(&mux, &shell);
    CHECK(mux_input(&mux, 'a') == &other);
    mux_remove(&mux, &other);
    CHECK(mux_input(&mux, 'a') == NULL);
    say(&logger, "end\n");
    (void)seen();
    mux_remove(&mux, &logger);
}

static void test_worst(void)
{
    CASE("a chunk never needs more than MUX_ROOM");
    setup();
    memset(other.name, 'n', MUX_NAME_MAX - 1);
    for (unsigned i = 0; i < MUX_LINE_MAX; i++)
        say(&shell, "p");
    for (unsigned i = 0; i < MUX_LINE_MAX; i++)
        say(&other, "q");
    (void)seen();
    char lines[MUX_CHUNK + 1];
    memset(lines, '\n', MUX_CHUNK);
    lines[MUX_CHUNK] = '\0';
    say(&other, lines);
    CHECK(mux.sink_length > 2000 && mux.sink_length <= MUX_ROOM);
}

static void test_key(void)
{
    uint8_t key = 0;

    CASE("names of keys");
    CHECK(mux_key_parse("ctrl-a", 6, &key) && key == 1);
    CHECK(mux_key_parse("ctrl-z", 6, &key) && key == 26);
    CHECK(mux_key_parse("ctrl-^", 6, &key) && key == 0x1e);
    CHECK(!mux_key_parse("ctrl-]", 6, &key));
    CHECK(!mux_key_parse("ctrl-", 5, &key));
    CHECK(!mux_key_parse("strg-a", 6, &key));
    CHECK(!mux_key_parse("ctrl-ab", 7, &key));
}

int main(void)
{
    test_focused();
    test_others();
    test_focus();
    test_output_only();
    test_worst();
    test_key();
    return check_finish();
}
