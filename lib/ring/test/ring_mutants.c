/* SPDX-License-Identifier: MIT */
/*
 * Would the model notice? Each variant of model/ring.pml leaves out or turns around one thing that the protocol
 * needs; the search must find an error in every one of them, and none in the model as it stands.
 */
#include "test/model.h"

static int search(const char *variant)
{
    return model_errors("lib/ring/model/ring.pml", variant, "-DSAFETY", "-m1000000");
}

int main(void)
{
    CASE("the model as it stands has no error");
    CHECK_EQ(search("COMPLETE"), 0);
    CASE("caught: the consumer does not look again before it sleeps");
    CHECK_EQ(search("BROKEN_CONSUMER"), 1);
    CASE("caught: the producer does not look again before it sleeps");
    CHECK_EQ(search("BROKEN_PRODUCER"), 1);
    CASE("caught: the event is read before the index is published");
    CHECK_EQ(search("BROKEN_PUBLISH"), 1);
    CASE("caught: the event lies one element too far");
    CHECK_EQ(search("BROKEN_EVENT"), 1);
    CASE("caught: a slot is given back before it was read");
    CHECK_EQ(search("BROKEN_GIVE_BACK"), 1);
    return check_finish();
}
