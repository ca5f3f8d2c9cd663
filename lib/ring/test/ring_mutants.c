/* SPDX-License-Identifier: MIT */
/*
 * Would the model notice? Each variant of model/ring.pml leaves out or turns around one thing that the protocol
 * needs; the search must find an error in every one of them, and none in the model as it stands.
 *
 * Runs spin and the C compiler in a folder of its own, from the root of the tree.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "test/check.h"

enum { COMMAND_MAX = 1024 };

/* The number of errors that a complete search finds, or -1 if it could not be made. */
static int search(const char *variant)
{
    char folder[] = "/tmp/ring_mutants.XXXXXX", root[512], command[COMMAND_MAX];
    int errors = -1;

    REQUIRE(mkdtemp(folder) && getcwd(root, sizeof root));
    snprintf(
        command, sizeof command,
        "cd %s && spin -D%s -a %s/lib/ring/model/ring.pml >spin.log && gcc -O1 -w -DSAFETY -o pan pan.c && "
        "./pan -m1000000 | sed -n -e 's/.*errors: //p' -e 's/.*too small.*/-1/p'",
        folder, variant, root);
    FILE *output = popen(command, "r");
    REQUIRE(output != NULL);
    if (fscanf(output, "%d", &errors) != 1)
        errors = -1;
    pclose(output);
    snprintf(command, sizeof command, "rm -r %s", folder);
    CHECK_EQ(system(command), 0);
    return errors;
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
