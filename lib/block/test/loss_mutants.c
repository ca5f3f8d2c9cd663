/* SPDX-License-Identifier: MIT */
/* Would the model of losses (lib/block/model/loss.pml) notice? One rule left out in each variant. */
#include "test/model.h"

#define SEARCH(variant) model_errors("lib/block/model/loss.pml", variant, "-DSAFETY", "-m1000000")

int main(void)
{
    CASE("caught: nothing is written again");
    CHECK_EQ(SEARCH("BROKEN_NO_REPLAY -DRETAIN"), 1);
    CASE("caught: a FLUSH in flight at the death is taken as done");
    CHECK_EQ(SEARCH("BROKEN_FLUSH_DONE"), 1);
    CHECK_EQ(SEARCH("BROKEN_FLUSH_DONE -DRETAIN"), 1);
    CASE("caught: the server lets FLUSHes succeed after a loss that nobody has acknowledged");
    CHECK_EQ(SEARCH("BROKEN_SERVER_FORGETS"), 1);
    CHECK_EQ(SEARCH("BROKEN_SERVER_FORGETS -DRETAIN"), 1);
    CASE("caught: the server loses writes and keeps its verifier");
    CHECK_EQ(SEARCH("BROKEN_SAME_VERIFIER"), 1);
    CASE("caught: a FLUSH covers what was completed after its submission");
    CHECK_EQ(SEARCH("BROKEN_FLUSH_COVERS_LATER"), 1);
    CASE("caught: the loss is acknowledged while a barrier write is still in flight");
    CHECK_EQ(SEARCH("BROKEN_ACKNOWLEDGE_EARLY -DRETAIN"), 1);
    CASE("caught: an older write is written again over a newer one");
    CHECK_EQ(SEARCH("BROKEN_REPLAY_OLDER -DRETAIN"), 1);
    CASE("caught: what was in flight is submitted again before the replay is over");
    CHECK_EQ(SEARCH("BROKEN_REPLAY_LATE -DRETAIN"), 1);
    return check_finish();
}
