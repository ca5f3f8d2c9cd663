/* SPDX-License-Identifier: MIT */
/*
 * Client of the console stack: a tiny command line on a TERMINAL session. Echoes what is typed; the commands are
 * `log TEXT` (says it in the log), `flood` (2000 numbered lines, more than all buffers on the way hold), `crash`, `quit`.
 */
#include "lib/base/env.h"
#include "lib/base/log.h"
#include "lib/fmt/fmt.h"
#include "lib/fmt/status_text.h"
#include "lib/string/string.h"
#include "lib/terminal/client.h"

#define FLOOD_LINES 2000u

static struct terminal_client terminal;
static char line[128];
static size_t line_length;

/* Output that the terminal has not taken yet; the flood makes its lines when there is room. */
static char output[1024];
static size_t output_length;
static unsigned flood_next = FLOOD_LINES;

static void drain(void)
{
    size_t taken;

    if (terminal_client_write(&terminal, output, output_length, &taken) != OK)
        component_exit(3);
    output_length -= taken;
    memmove(output, output + taken, output_length);
}

static void print(const char *text, size_t length)
{
    if (length > sizeof(output) - output_length)
        length = sizeof(output) - output_length;
    memcpy(output + output_length, text, length);
    output_length += length;
    drain();
}

static void print_text(const char *text)
{
    print(text, strlen(text));
}

static void flood(void)
{
    char text[32];

    while (flood_next < FLOOD_LINES && sizeof(output) - output_length >= sizeof(text)) {
        size_t n = fmt_format(text, sizeof(text), "flood %u\n", flood_next++);
        print(text, n);
        if (flood_next == FLOOD_LINES)
            print_text("$ ");
    }
}

static void command(void)
{
    line[line_length] = '\0';
    line_length = 0;
    print_text("\r\n");
    if (strcmp(line, "quit") == 0)
        component_exit(0);
    if (strcmp(line, "crash") == 0)
        __asm__ volatile("movb $1, 16"); /* nothing is mapped there */
    if (strncmp(line, "log ", 4) == 0)
        log_info("%s", line + 4);
    if (strcmp(line, "flood") == 0)
        flood_next = 0;
    else
        print_text("$ ");
}

static void typed(char c)
{
    if (c == '\r') {
        command();
    } else if (line_length < sizeof(line) - 1) {
        line[line_length++] = c;
        print(&c, 1);
    }
}

static void changed(struct terminal_client *client)
{
    char bytes[16];
    size_t got;

    drain();
    flood();
    do {
        if (terminal_client_read(client, bytes, sizeof(bytes), &got) != OK)
            component_exit(2);
        for (size_t i = 0; i < got; i++)
            typed(bytes[i]);
        flood();
    } while (got == sizeof(bytes));
}

int component_main(struct env *environment)
{
    enum status status = terminal_client_open(&environment->entrypoint, "console", changed, &terminal);

    if (status != OK) {
        log_error("no terminal: %s", status_text(status));
        return 1;
    }
    print_text("$ ");
    changed(&terminal);
    entrypoint_run(&environment->entrypoint);
    return 0;
}
