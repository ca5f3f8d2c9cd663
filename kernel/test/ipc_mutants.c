/* SPDX-License-Identifier: MIT */
/* Would the model of calls (kernel/model/ipc.pml) notice? One step left out in each variant. */
#include "test/model.h"

#define SAFETY(variant)   model_errors("kernel/model/ipc.pml", variant, "-DSAFETY -DNOCLAIM", "-m1000000")
#define LIVENESS(variant) model_errors("kernel/model/ipc_live.pml", variant, "", "-a -m1000000")

static void test_release(void)
{
    CASE("caught: whoever is blocked at the end of a chain is not released when an edge goes");
    CHECK_EQ(SAFETY("BROKEN_RELEASE"), 1);
    CASE("caught: only those at the chain's first context are");
    CHECK_EQ(SAFETY("BROKEN_CHAIN"), 1);
    CASE("caught: waking a context leaves those blocked there");
    CHECK_EQ(SAFETY("BROKEN_WAKE"), 1);
    CASE("caught: destroying a scheduling context does");
    CHECK_EQ(SAFETY("BROKEN_SC_DESTROY"), 1);
    CASE("caught: a server that finds a notification goes on with its client's scheduling context");
    CHECK_EQ(SAFETY("BROKEN_FINISH_WAKE"), 1);
    CASE("caught: a reply goes on with a client although another one's scheduling context was running");
    CHECK_EQ(SAFETY("BROKEN_REPLY"), 1);
}

static void test_death(void)
{
    CASE("caught: the caller of a dead handler is not told");
    CHECK_EQ(SAFETY("BROKEN_DESTROY_CALLER"), 1);
    CASE("caught: those who wait for a dead handler are not told");
    CHECK_EQ(SAFETY("BROKEN_DESTROY_SENDERS"), 1);
    CASE("caught: a dead context keeps its scheduling context");
    CHECK_EQ(SAFETY("BROKEN_DETACH"), 1);
    CASE("caught: an aborted call stays known to the handler");
    CHECK_EQ(SAFETY("BROKEN_END"), 1);
}

static void test_waiting(void)
{
    CASE("caught: nobody looks whether a wait would be a circle");
    CHECK_EQ(SAFETY("BROKEN_DEADLOCK"), 1);
    CASE("caught: those who wait do not try again when the handler accepts");
    CHECK_EQ(SAFETY("BROKEN_RETRY"), 1);
    CASE("... which the search for calls without an end finds, too");
    CHECK_EQ(LIVENESS("BROKEN_RETRY"), 1);
    CASE("a call can wait for ever if turns are shorter than requests, as ipc_live.pml says");
    CHECK_EQ(model_errors("kernel/model/ipc.pml", "CONTROLS=0", "", "-a -m1000000"), 1);
}

int main(void)
{
    test_release();
    test_death();
    test_waiting();
    return check_finish();
}
