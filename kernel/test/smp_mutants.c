/* SPDX-License-Identifier: MIT */
/* Would the models of several CPUs (kernel/model/smp.pml, smp_call.pml) notice? One step left out in each variant. */
#include "test/model.h"

#define STOPS(variant) model_errors("kernel/model/smp.pml", variant, "-DSAFETY", "-m1000000")
#define CALLS(variant) model_errors("kernel/model/smp_call.pml", variant, "-DSAFETY", "-m1000000")

static void test_stops(void)
{
    CASE("caught: a stopped CPU does not wait until it may go on");
    CHECK_EQ(STOPS("BROKEN_STAY"), 1);
    CASE("caught: a CPU that waits for the lock does not stop");
    CHECK_EQ(STOPS("BROKEN_SPIN"), 1);
    CASE("caught: the holder does not wait until the others have stopped");
    CHECK_EQ(STOPS("BROKEN_ACKNOWLEDGE"), 1);
    CASE("caught: something dies without a stop");
    CHECK_EQ(STOPS("BROKEN_DESTROY"), 1);
}

static void test_signals(void)
{
    CASE("caught: no fence between becoming a waiter and looking at the bits");
    CHECK_EQ(STOPS("BROKEN_FENCE"), 1);
    CASE("caught: who signals looks for a waiter before the bits are there");
    CHECK_EQ(STOPS("BROKEN_ORDER"), 1);
    CASE("caught: a posted notification without an interrupt");
    CHECK_EQ(STOPS("BROKEN_IPI"), 1);
}

static void test_calls(void)
{
    CASE("caught: a call posted to another CPU without an interrupt");
    CHECK_EQ(CALLS("BROKEN_IPI"), 1);
    CASE("caught: a handler that waits does not look at its queue");
    CHECK_EQ(CALLS("BROKEN_QUEUE"), 1);
    CASE("caught: an aborted caller stays known to the handler");
    CHECK_EQ(CALLS("BROKEN_CALLER"), 1);
    CASE("caught: somebody dies while other CPUs run");
    CHECK_EQ(CALLS("BROKEN_STOP"), 1);
    CASE("caught: somebody dies who is still in an inbox");
    CHECK_EQ(CALLS("BROKEN_DRAIN"), 1);
}

int main(void)
{
    test_stops();
    test_signals();
    test_calls();
    return check_finish();
}
