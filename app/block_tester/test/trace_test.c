/* SPDX-License-Identifier: MIT */
/* Traces: what is a request, and what is left out. */
#include "app/block_tester/trace.h"

#include "test/check.h"

static struct trace trace_of(const char *text)
{
    return (struct trace){.text = text, .length = strlen(text)};
}

int main(void)
{
    struct trace trace =
        trace_of("time,op,lba,bytes\n# a comment\n\n1,R,8,4096\r\n2.5,w,16, 512\n3,F,0,0\n4,X,1,1\n5,R,1\n"
                 "6,R,99999999999999999999,1\n7,R,1,1,more\n8,R,2,3");
    struct trace_record record;

    CASE("lines are requests");
    REQUIRE(trace_next(&trace, &record));
    CHECK(record.operation == 'R' && record.offset == 4096 && record.length == 4096);
    REQUIRE(trace_next(&trace, &record));
    CHECK(record.operation == 'W' && record.offset == 8192);
    REQUIRE(trace_next(&trace, &record));
    CHECK_EQ(record.operation, 'F');

    CASE("what is none is counted and left out");
    REQUIRE(trace_next(&trace, &record));
    CHECK_EQ(trace.bad_lines, 4);
    CHECK(record.offset == 1024 && record.length == 3);
    CHECK(!trace_next(&trace, &record));
    CHECK(!trace_next(&trace, &record));

    CASE("nothing, and rubbish");
    trace = trace_of("");
    CHECK(!trace_next(&trace, &record));
    trace = trace_of(",,,,,,,\n\n,R,,\n\1\2\3,R");
    CHECK(!trace_next(&trace, &record));
    return check_finish();
}
