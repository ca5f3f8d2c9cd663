/* SPDX-License-Identifier: MIT */
/* Would the model of a queue (lib/block/model/queue.pml) notice? One rule left out in each variant. */
#include "test/model.h"

#define SEARCH(variant) model_errors("lib/block/model/queue.pml", variant, "-DSAFETY", "-m1000000")

int main(void)
{
    CASE("caught: what may have been carried out by an earlier server is called aborted");
    CHECK_EQ(SEARCH("BROKEN_ABORTED_AGAIN"), 1);
    CASE("caught: what was in flight at the end of the queue is forgotten");
    CHECK_EQ(SEARCH("BROKEN_DETACH_FORGET"), 1);
    CASE("caught: a request that the device has is cancelled");
    CHECK_EQ(SEARCH("BROKEN_CANCEL_BEGUN"), 1);
    CASE("caught: a tag completes twice");
    CHECK_EQ(SEARCH("BROKEN_COMPLETE_TWICE"), 1);
    CASE("caught: the completion of a CANCEL ends the request as well");
    CHECK_EQ(SEARCH("BROKEN_CANCEL_DONE"), 1);
    CASE("caught: completions of the old ring are looked at after the queue's end");
    CHECK_EQ(SEARCH("BROKEN_OLD_RING"), 1);
    return check_finish();
}
