/* SPDX-License-Identifier: MIT */
/* Wrong configurations are refused, by place and by what was expected: a stage that does something else than it says proves nothing. */
#include "app/block_tester/stage.h"
#include "lib/config/test/world.h"
#include "lib/xml/test/parse.h"

static const char *said(const char *attributes, const char *stage)
{
    static struct settings settings;
    static struct stage read;
    static char text[400];
    struct xml_node root, node;

    message[0] = '\0';
    snprintf(text, sizeof(text), "<config %s>%s</config>", attributes, stage);
    root = xml_parsed(text);
    enum status status = settings_read(root, &settings);
    if (status == OK && xml_first_child_named(root, "stage", &node))
        status = stage_read(node, &settings, &read);
    CHECK_EQ(status == OK, message[0] == '\0');
    return message;
}

int main(void)
{
    CASE("what is right");
    CHECK_STR(said("size='16M' sessions='4' depth='64'",
                   "<stage name='a' pattern='random' block='64K' write='50' errors='some'/>"),
              "");

    CASE("what is wrong");
    CHECK_STR(said("", "<stage name='a' pattern='randm'/>"),
              "config:1: <stage>: pattern=\"randm\": must be sequential, random or trace");
    CHECK_STR(said("", "<stage name='a' errors='yes'/>"),
              "config:1: <stage>: errors=\"yes\": must be none, any or some");
    CHECK_STR(said("", "<stage name='a'/><stge name='b'/>"), "config:1: <stge>: unknown node, known: stage");
    CHECK_STR(said("", "<stage name='a' block='0'/>"),
              "config:1: <stage>: block=\"0\": must be a size from 512 to 1048576");
    CHECK_STR(said("", "<stage name='a' wirte='5'/>"), "config:1: <stage>: unknown attribute `wirte'");
    CHECK_STR(said("", "<stage name='a' write='60' zeroes='50'/>"),
              "config:1: <stage>: write=\"60\": with zeroes and discard is more than 100");
    CHECK_STR(said("depth='48'", ""), "config:1: <config>: depth=\"48\": must be a power of two");
    CHECK_STR(said("sessions='2'", ""),
              "config:1: <config>: sessions=\"2\": more than one needs a size to divide");
    CHECK_STR(said("sessions='17'", ""),
              "config:1: <config>: sessions=\"17\": must be a number from 1 to 16");
    return check_finish();
}
