/* SPDX-License-Identifier: MIT */
/* Log lines: assembly, the full queue, core's log. */
#include "server/log_terminal/lines.h"

#include "test/check.h"

static struct lines_queue queue;
static struct core_log core_log;
static char text[LINES_QUEUE + 1];

static const char *drain(void)
{
    const char *bytes;
    size_t n, total = 0;

    while ((n = lines_pending(&queue, &bytes)) != 0) {
        memcpy(text + total, bytes, n);
        total += n;
        lines_sent(&queue, n);
    }
    text[total] = '\0';
    return text;
}

static void add(struct lines_source *source, const char *s)
{
    lines_add(&queue, source, s, strlen(s));
}

static void core_say(const char *s)
{
    for (; *s; s++)
        core_log.text[core_log.written++ % CORE_LOG_TEXT] = *s;
}

static void test_lines(void)
{
    struct lines_source a = {.label = "vm -> main"}, b = {.label = "b"}, bare = {.label = ""};

    CASE("chunks of two sources never mix");
    add(&a, "first ");
    add(&b, "second\nthi");
    add(&a, "half\r\n");
    add(&b, "rd\n");
    CHECK_STR(drain(), "[b] second\n[vm -> main] first half\n[b] third\n");

    CASE("control characters do not reach the terminal");
    add(&a, "\033[2Jx\ty\a\n");
    CHECK_STR(drain(), "[vm -> main] ?[2Jx\ty?\n");

    CASE("long lines come in pieces, unfinished ones when the session ends");
    for (unsigned i = 0; i < LINES_LENGTH + 5; i++)
        add(&bare, "x");
    CHECK_EQ(strlen(drain()), LINES_LENGTH + 1);
    lines_finish(&queue, &bare);
    CHECK_STR(drain(), "xxxxx\n");
    lines_finish(&queue, &bare);
    CHECK_STR(drain(), "");
}

static void test_full(void)
{
    struct lines_source a = {.label = "a"};
    unsigned count = 0;

    CASE("a full queue drops whole lines and says how many");
    while (LINES_QUEUE - queue.length >= LINES_LINE_MAX + 64) {
        add(&a, "0123456789012345678901234567890123456789\n");
        count++;
    }
    add(&a, "lost\nlost\nlost\n");
    CHECK_EQ(strlen(drain()), (size_t)count * 45);
    add(&a, "back\n");
    CHECK_STR(drain(), "[log] 3 lines lost\n[a] back\n");
}

static void test_core(void)
{
    struct lines_source source = {.label = ""};
    uint64_t position = 0;

    CASE("core's log is read on where it was left");
    core_say("core: one\n[init] tw");
    lines_add_core(&queue, &source, &core_log, &position);
    CHECK_STR(drain(), "core: one\n");
    core_say("o\n");
    lines_add_core(&queue, &source, &core_log, &position);
    CHECK_STR(drain(), "[init] two\n");

    CASE("it waits while the queue is full");
    for (unsigned i = 0; i < CORE_LOG_TEXT / 16; i++)
        core_say("0123456789abcde\n");
    lines_add_core(&queue, &source, &core_log, &position);
    CHECK(!lines_room(&queue) || position == core_log.written);
    unsigned total = (unsigned)strlen(drain());
    lines_add_core(&queue, &source, &core_log, &position);
    total += (unsigned)strlen(drain());
    CHECK_EQ(total, CORE_LOG_TEXT / 16 * 16);
    CHECK_EQ(position, core_log.written);

    CASE("a reader that is too late says so");
    for (unsigned i = 0; i < CORE_LOG_TEXT / 8; i++)
        core_say("0123456789abcde\n");
    lines_add_core(&queue, &source, &core_log, &position);
    CHECK(strncmp(drain(), "[log] ", 6) == 0 && strstr(text, " bytes lost\n"));

    CASE("thousands of empty lines do not overflow the queue");
    position = core_log.written;
    for (unsigned i = 0; i < CORE_LOG_TEXT; i++)
        core_say("\n");
    lines_add_core(&queue, &source, &core_log, &position);
    CHECK(queue.length <= LINES_QUEUE);
    (void)drain();
}

int main(void)
{
    test_lines();
    test_full();
    test_core();
    return check_finish();
}
