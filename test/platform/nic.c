/* SPDX-License-Identifier: MIT */
/*
 * Network controllers of Intel's as sources of interrupts, since a register of theirs raises any cause by hand: the 82574
 * (e1000e) has MSI-X, the 82540EM (e1000) only a line.
 *
 * PCI/PCI-X Family of Gigabit Ethernet Controllers Software Developer's Manual, 13.4.17 to 13.4.21; 82574 datasheet, 10.2.4.
 */
#include "test/platform/platform_test.h"

#include "lib/base/cap.h"
#include "lib/base/interrupt.h"
#include "lib/base/log.h"
#include "lib/base/notification.h"
#include "lib/base/time.h"
#include "lib/device/device.h"

enum nic_register {
    NIC_CAUSE_READ = 0xc0, /* ICR: reading clears */
    NIC_CAUSE_SET = 0xc8,
    NIC_MASK_SET = 0xd0,
    NIC_VECTORS = 0xe4, /* IVAR of the 82574 */
};

/* Causes 20 to 24 of the 82574 go to the vectors that IVAR says: each a field of 4 bits, bit 3 of it "valid". */
#define CAUSE_QUEUE(n) (1u << (20 + (n)))
#define QUEUES         5u
#define VECTORS_1_TO_1 0xcba98u

#define CAUSE_LINK 4u

#define SECOND 1000000000ull

static struct device device;
static volatile uint8_t *registers;

static uint32_t nic_read(unsigned offset)
{
    return *(volatile uint32_t *)(registers + offset);
}

static void nic_write(unsigned offset, uint32_t value)
{
    *(volatile uint32_t *)(registers + offset) = value;
}

static void nic_open(void)
{
    volatile void *memory;
    uint64_t size;

    must(device_open(&device, "nic", NULL), "opening the controller");
    must(device_bar(&device, 0, &memory, &size), "its registers");
    registers = memory;
    expect(size == 128u << 10, "BAR0 has 128 KiB");
}

/* ---- messages ---- */

struct vector {
    uint32_t notification, interrupt;
};

static void vector_bind(struct vector *vector, unsigned index)
{
    bool level;

    must(notification_create(&vector->notification), "notification");
    must(device_interrupt(&device, index, vector->notification, &vector->interrupt, &level), "a vector");
    expect(!level, "messages are edges");
    must(interrupt_ack(vector->interrupt), "acknowledging");
}

/* Each cause arrives at its own vector only. */
static void raise_all(const struct vector *vectors)
{
    uint64_t bits;

    nic_write(NIC_VECTORS, VECTORS_1_TO_1);
    nic_write(NIC_MASK_SET, CAUSE_QUEUE(0) * ((1u << QUEUES) - 1));
    for (unsigned i = 0; i < QUEUES; i++) {
        nic_write(NIC_CAUSE_SET, CAUSE_QUEUE(i));
        must(notification_wait(vectors[i].notification, time_after_ns(SECOND), &bits), "a message");
        for (unsigned other = 0; other < QUEUES; other++)
            if (other != i)
                expect(notification_wait(vectors[other].notification, 0, &bits) == ERR_TIMEOUT,
                       "a message goes to one vector");
        (void)nic_read(NIC_CAUSE_READ);
    }
}

int role_messages(struct env *environment)
{
    struct vector vectors[QUEUES];

    (void)environment;
    nic_open();
    expect(device.info.interrupts == QUEUES, "there are five vectors");
    for (unsigned i = 0; i < QUEUES; i++)
        vector_bind(&vectors[i], i);
    must(device_bus_master(&device, true), "bus mastering");
    raise_all(vectors);
    log_info("messages reach five vectors");

    log_info("messages: %u failed", failures());
    return failures() ? 1 : 0;
}

/* ---- a line ---- */

int role_line(struct env *environment)
{
    uint32_t notification, interrupt;
    uint64_t bits;
    bool level;

    (void)environment;
    nic_open();
    expect(device.info.interrupts == 1, "there is one line");
    must(notification_create(&notification), "notification");
    must(device_interrupt(&device, 0, notification, &interrupt, &level), "the line");
    expect(level, "a line is level-triggered");
    must(interrupt_ack(interrupt), "acknowledging");
    nic_write(NIC_MASK_SET, CAUSE_LINK);
    for (unsigned i = 0; i < 20; i++) {
        nic_write(NIC_CAUSE_SET, CAUSE_LINK);
        must(notification_wait(notification, time_after_ns(SECOND), &bits), "an interrupt");
        expect(nic_read(NIC_CAUSE_READ) & CAUSE_LINK, "its cause");
        must(interrupt_ack(interrupt), "acknowledging");
    }
    log_info("line: %u failed", failures());
    return failures() ? 1 : 0;
}
