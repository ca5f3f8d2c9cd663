/* SPDX-License-Identifier: MIT */
/*
 * Searches of Spin models by host tests: would a model notice? A variant of a model (a macro that leaves out or turns around
 * one thing that the protocol needs) must have an error.
 *
 * Runs spin and the C compiler in a folder of its own; the program is started in the root of the tree.
 */
#ifndef TEST_MODEL_H
#define TEST_MODEL_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "test/check.h"

enum { MODEL_COMMAND_MAX = 2048 };

/*
 * The number of errors that a complete search of tree file `model` finds (1 for any, since it stops there), or -1 if the
 * search could not be made or was not complete. `compile` and `search` are options of the verifier.
 */
static inline int model_errors(const char *model, const char *variant, const char *compile,
                               const char *search)
{
    char folder[] = "/tmp/model.XXXXXX", root[512], command[MODEL_COMMAND_MAX];
    int errors = -1;

    REQUIRE(mkdtemp(folder) && getcwd(root, sizeof root));
    snprintf(
        command, sizeof command,
        "cd %s && spin -D%s -a %s/%s >spin.log && gcc -O0 -w -DMEMLIM=2048 %s -o pan pan.c && "
        "./pan %s | sed -n -e 's/.*errors: //p' -e 's/.*too small.*/-1/p' -e 's/.*reached -DMEMLIM.*/-1/p'",
        folder, variant, root, model, compile, search);
    FILE *output = popen(command, "r");
    REQUIRE(output != NULL);
    if (fscanf(output, "%d", &errors) != 1)
        errors = -1;
    pclose(output);
    snprintf(command, sizeof command, "rm -r %s", folder);
    CHECK_EQ(system(command), 0);
    return errors;
}

#endif
