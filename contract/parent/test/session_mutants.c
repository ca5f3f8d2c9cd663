/* SPDX-License-Identifier: MIT */
/* Would the model of sessions (contract/parent/model/session.pml) notice? One step left out in each variant. */
#include "test/model.h"

#define SEARCH(variant) model_errors("contract/parent/model/session.pml", variant, "-DSAFETY", "-m1000000")

int main(void)
{
    CASE("caught: the client is not told that an opening failed, or that its server died");
    CHECK_EQ(SEARCH("BROKEN_FAIL"), 1);
    CASE("caught: the server is not told that a session was closed");
    CHECK_EQ(SEARCH("BROKEN_CLOSE"), 1);
    CASE("caught: a session ends at once when its client closes it while the server creates it");
    CHECK_EQ(SEARCH("BROKEN_ABANDON"), 1);
    CASE("caught: an upgrade under way is forgotten when the session is closed");
    CHECK_EQ(SEARCH("BROKEN_CLOSE_UPGRADING"), 1);
    CASE("caught: the client clears its notification after it has looked");
    CHECK_EQ(SEARCH("BROKEN_AWAIT"), 1);
    CASE("caught: a client that dies loses its memory before its servers have answered");
    CHECK_EQ(SEARCH("BROKEN_LEAVE"), 1);
    return check_finish();
}
