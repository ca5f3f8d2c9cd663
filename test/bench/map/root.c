/* SPDX-License-Identifier: MIT */
/*
 * Map and unmap of 4 KiB in the kernel. Only the holder of a space can ask for that, so this program runs in core's place
 * and maps into its own space; it looks through each mapping, and at both of two frames, to see that something was done.
 */
#include "abi/boot.h"
#include "lib/base/log.h"
#include "lib/fmt/fmt.h"
#include "test/bench/ipc/measure.h"

#define FRAME          4096ull
#define ACCOUNT_FRAMES 64u
#define WINDOW         0x10000000ull

void root_main(const struct boot_info *boot);

static void put_line(const char *format, va_list arguments)
{
    char line[160];

    (void)fmt_vformat(line, sizeof(line), format, arguments);
    for (const char *c = line; *c; c++)
        (void)kernel_operation(HYPERCALL_MACHINE_CONTROL, ROOT_SLOT_MACHINE, MACHINE_CONSOLE_WRITE,
                               (uint8_t)*c, 0, 0, 0);
    (void)kernel_operation(HYPERCALL_MACHINE_CONTROL, ROOT_SLOT_MACHINE, MACHINE_CONSOLE_WRITE, '\n', 0, 0,
                           0);
}

/* In place of lib/base's, whose LOG session there is not. */
void log_info(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    put_line(format, arguments);
    va_end(arguments);
}

void log_error(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    put_line(format, arguments);
    va_end(arguments);
}

/* One page; `physical` does not matter for UNMAP. */
static inline bool update(uint64_t address, enum space_operation operation, uint64_t physical)
{
    struct message_area *area = (struct message_area *)ROOT_MESSAGE_AREA;
    uint64_t done, pages;

    ((struct space_entry *)area->words)[0] =
        (struct space_entry){address, physical, 1, operation, SPACE_WRITE};
    return kernel_space_update(ROOT_SLOT_HOST_SPACE, 1, &done, &pages) == OK && done == 1;
}

static volatile uint64_t *word(void)
{
    return (volatile uint64_t *)WINDOW;
}

/* Two frames by turns at the same address: a mapping that had stayed would show the other one's mark. */
static void mark(uint64_t frame)
{
    for (uint64_t i = 0; i < 2; i++) {
        CHECK(update(WINDOW, SPACE_MAP, frame + i * FRAME));
        *word() = i;
        CHECK(update(WINDOW, SPACE_UNMAP, 0));
    }
}

static void measure_parts(uint64_t frame)
{
    for (unsigned i = 0; i < MEASURE_SAMPLES; i++) {
        MEASURE_SAMPLE(i, CHECK(update(WINDOW, SPACE_MAP, frame + i % 2 * FRAME)));
        CHECK(*word() == i % 2);
        CHECK(update(WINDOW, SPACE_UNMAP, 0));
    }
    measure_report("kernel_map");
    for (unsigned i = 0; i < MEASURE_SAMPLES; i++) {
        CHECK(update(WINDOW, SPACE_MAP, frame + i % 2 * FRAME));
        CHECK(*word() == i % 2);
        MEASURE_SAMPLE(i, CHECK(update(WINDOW, SPACE_UNMAP, 0)));
    }
    measure_report("kernel_unmap");
}

static void measure_both(const char *name, uint64_t frame)
{
    for (unsigned i = 0; i < MEASURE_SAMPLES; i++) {
        MEASURE_SAMPLE(i, {
            CHECK(update(WINDOW, SPACE_MAP, frame + i % 2 * FRAME));
            CHECK(*word() == i % 2);
            CHECK(update(WINDOW, SPACE_UNMAP, 0));
        });
    }
    measure_report(name);
}

/* As a rule there are other pages around, so that the page table stays; else it comes and goes as well. */
static void measure(uint64_t frame)
{
    mark(frame);
    measure_both("kernel_map_unmap_and_tables", frame);
    CHECK(update(WINDOW + FRAME, SPACE_MAP, frame + 2 * FRAME));
    measure_both("kernel_map_unmap", frame);
    measure_parts(frame);
}

void root_main(const struct boot_info *boot)
{
    uint64_t base = 0;

    for (uint32_t i = 0; i < boot->memory_count; i++)
        if (boot->memory[i].type == BOOT_MEMORY_FREE && boot->memory[i].size > 4 << 20)
            base = boot->memory[i].base;
    CHECK(base != 0);
    CHECK(kernel_pd_give_frames(ROOT_SLOT_PD, base, ACCOUNT_FRAMES, ROOT_SLOT_MACHINE) == OK);
    measure_calibrate();
    measure(base + ACCOUNT_FRAMES * FRAME);
    log_info("%s", measure_failed() ? "FAIL: the figures are worth nothing" : "all measured");
    for (;;)
        (void)kernel_operation(HYPERCALL_MACHINE_CONTROL, ROOT_SLOT_MACHINE, MACHINE_EXIT, 0, 0, 0, 0);
}
