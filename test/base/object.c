/* SPDX-License-Identifier: MIT */
/* Running out: kernel memory is bought with RAM, slots end with ERR_NO_CAPS. */
#include "test/base/base_test.h"

#include "lib/base/cap.h"
#include "lib/base/env.h"
#include "lib/base/notification.h"
#include "lib/base/pd_session.h"
#include "lib/base/time.h"

#define OBJECTS 1000

static uint32_t slots[70000];

static void test_kernel_memory(void)
{
    struct pd_info before = {0}, after = {0};
    unsigned count = 0;

    test_case("kernel memory grows with the objects that a component creates");
    CHECK_EQ(pd_info(ENV_SLOT_PD_SESSION, &before), OK);
    while (count < OBJECTS && notification_create(&slots[count]) == OK)
        count++;
    CHECK_EQ(pd_info(ENV_SLOT_PD_SESSION, &after), OK);
    CHECK(after.kmem_frames > before.kmem_frames || count < 200);
    CHECK(count > 100);
    for (unsigned i = 0; i < count; i++)
        notification_destroy(slots[i]);
}

static void test_slots(void)
{
    unsigned count = 0;
    enum status status;
    uint32_t slot = 0;

    test_case("slots end with ERR_NO_CAPS, and come back");
    while (count < sizeof(slots) / sizeof(*slots) && (status = cap_alloc(&slots[count])) == OK)
        count++;
    CHECK_EQ(status, ERR_NO_CAPS);
    CHECK_EQ(notification_create(&slot), ERR_NO_CAPS);
    CHECK_EQ(slot, 0);
    for (unsigned i = 0; i < count; i++)
        cap_free(slots[i]);
    CHECK_EQ(notification_create(&slot), OK);

    uint64_t bits = 0;
    uint32_t badged;

    test_case("a badge arrives as the bits, a wait ends at its deadline");
    CHECK_EQ(cap_copy(slot, RIGHT_NOTIFICATION_SIGNAL, 0x40, &badged), OK);
    notification_signal(badged);
    notification_signal(slot);
    CHECK_EQ(notification_wait(slot, TIME_NEVER, &bits), OK);
    CHECK_EQ(bits, 0x41);
    CHECK_EQ(notification_wait(badged, 0, &bits), ERR_DENIED);
    CHECK_EQ(notification_wait(slot, time_after_ns(100000), &bits), ERR_TIMEOUT);
    notification_destroy(slot);
    cap_free(badged);
}

void test_objects(void)
{
    test_kernel_memory();
    test_slots();
}
