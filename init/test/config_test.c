/* SPDX-License-Identifier: MIT */
/*
 * Configurations, good and bad: each kind of mistake with the message that a person sees.
 */
#include "init/config.h"
#include "init/quota.h"
#include "init/route.h"
#include "init/test/host.h"
#include "test/check.h"

#define MESSAGES_MAX 16

static char messages[MESSAGES_MAX][CONFIG_MESSAGE_MAX];
static unsigned message_count;

static void collect(struct config_report *report, const char *text)
{
    (void)report;
    if (message_count < MESSAGES_MAX)
        snprintf(messages[message_count++], CONFIG_MESSAGE_MAX, "%s", text);
}

/* The text is a block of its own, so that reading past its end is found. */
static char *text_block;

static enum status read(const char *text, struct config *out)
{
    struct config_report report = {.line = collect};
    size_t length = strlen(text);

    message_count = 0;
    memset(messages, 0, sizeof(messages));
    free(text_block);
    text_block = malloc(length ? length : 1);
    memcpy(text_block, text, length);
    enum status status = config_read(text_block, length, &report, out);

    CHECK_EQ(report.count, message_count);
    return status;
}

static void refuse(const char *text, const char *message)
{
    struct config config = {.child_count = 4711};

    CHECK_EQ(read(text, &config), ERR_INVALID);
    CHECK_EQ(message_count, 1);
    CHECK_STR(messages[0], message);
    CHECK_EQ(config.child_count, 4711);
}

#define HEAD                                                                                        \
    "<config>\n<parent-provides><service name=\"LOG\"/><service name=\"ROM\"/></parent-provides>\n" \
    "<default-route><any-service><parent/><any-child/></any-service></default-route>\n"             \
    "<default caps=\"100\" ram=\"1M\"/>\n"
#define TAIL "</config>"

static void test_good(void)
{
    struct config config;

    CASE("a configuration becomes a model");
    CHECK_EQ(
        read(HEAD
             "<start name=\"timer\" priority=\"100\"><binary name=\"pit_timer\"/>"
             "<resource name=\"RAM\" quantum=\"2M\"/><provides><service name=\"TIMER\"/></provides></start>"
             "<start name=\"app\" caps=\"50\"><exit propagate=\"yes\"/><config><a b='c'/></config>"
             "<route><service name=\"TIMER\"><child name=\"timer\" "
             "label=\"x\"/></service></route></start>" TAIL,
             &config),
        OK);
    REQUIRE(config.child_count == 2);
    const struct config_child *timer = config.children, *app = timer->next;

    CHECK_STR(timer->binary, "pit_timer");
    CHECK_EQ(timer->ram, 2 << 20);
    CHECK_EQ(timer->caps, 100);
    CHECK_EQ(timer->priority, 100);
    CHECK(config_provides(timer->provides, "TIMER", NULL));
    CHECK(!config_provides(timer->provides, "LOG", NULL));
    CHECK(!timer->exit_propagate && !timer->has_routes);
    CHECK_STR(app->binary, "app");
    CHECK_EQ(app->ram, 1 << 20);
    CHECK_EQ(app->caps, 50);
    CHECK(app->exit_propagate && app->has_routes);
    CHECK(app->routes->targets->child_opt == timer);
    CHECK(xml_slice_is(config_of_child(app), "<config><a b='c'/></config>"));
    CHECK(xml_slice_is(config_of_child(timer), "<config/>"));
    config_free(&config);

    CASE("an empty configuration has no children");
    CHECK_EQ(read("<config/>", &config), OK);
    CHECK_EQ(config.child_count, 0);
    config_free(&config);
}

static void test_document(void)
{
    struct config config;

    CASE("what is not XML is refused");
    CHECK_EQ(read("<config>\n<start name=\"x\">\n</config>", &config), ERR_INVALID);
    CHECK_EQ(message_count, 1);
    CHECK(strncmp(messages[0], "config:3: column ", 17) == 0 && strstr(messages[0], "not XML: "));
    CHECK_EQ(read("", &config), ERR_INVALID);
    CHECK_EQ(message_count, 1);
    CHECK_EQ(read("\177ELF", &config), ERR_INVALID);
    CHECK_EQ(message_count, 1);

    CASE("another root node is refused");
    refuse("<conf/>", "config:1: <conf>: unknown node, a configuration is a <config>");

    CASE("unknown nodes are refused, everywhere");
    refuse(HEAD "<stop name=\"x\"/>" TAIL, "config:5: <stop name=\"x\">: unknown node in <config>, known: "
                                           "parent-provides default-route default affinity-space heartbeat "
                                           "report alias service start");
    refuse(HEAD "<start name=\"x\">\n<binry name=\"y\"/></start>" TAIL,
           "config:6: <binry name=\"y\">: unknown node in <start>, known: binary resource provides exit "
           "config route configfile request restart heartbeat affinity");
    refuse(HEAD "<start name=\"x\"><provides><sevice/></provides></start>" TAIL,
           "config:5: <sevice>: unknown node in <provides>, known: service");
    refuse(HEAD
           "<start name=\"x\"><route><service name=\"LOG\"><parent/><mother/></service></route></start>" TAIL,
           "config:5: <mother>: unknown node in <service>, known: parent child any-child");
    refuse(HEAD "<start name=\"x\"><binary name=\"y\"><z/></binary></start>" TAIL,
           "config:5: <z>: unknown node in <binary>, there is none");

    CASE("unknown attributes are refused");
    refuse("<config verbse=\"yes\"/>", "config:1: <config>: unknown attribute `verbse', known: verbose");
    refuse(
        HEAD "<start name=\"x\" cap=\"3\"/>" TAIL,
        "config:5: <start name=\"x\">: unknown attribute `cap', known: name caps priority slice_us version");
    refuse(
        HEAD
        "<start name=\"x\"><route><service name=\"LOG\" lable=\"a\"><parent/></service></route></start>" TAIL,
        "config:5: <service name=\"LOG\">: unknown attribute `lable', known: name label label_prefix "
        "label_suffix "
        "label_last unscoped_label");

    CASE("all mistakes are reported, not only the first");
    CHECK_EQ(read(HEAD "<start name=\"x\" a=\"1\"/><start name=\"x\"/><b/>" TAIL, &config), ERR_INVALID);
    CHECK_EQ(message_count, 3);
}

static void test_values(void)
{
    CASE("values have types");
    refuse("<config verbose=\"maybe\"/>", "config:1: <config>: verbose=\"maybe\" is not yes or no");
    refuse(HEAD "<start name=\"x\" caps=\"many\"/>" TAIL,
           "config:5: <start name=\"x\">: caps=\"many\" is not a number");
    refuse(HEAD "<start name=\"x\"><resource name=\"RAM\" quantum=\"1T\"/></start>" TAIL,
           "config:5: <resource name=\"RAM\">: quantum=\"1T\" is not a size (a number, with K, M or G)");
    refuse(HEAD "<start name=\"x\" caps=\"99999999999\"/>" TAIL,
           "config:5: <start name=\"x\">: capability quota is too large");
    refuse(HEAD "<start name=\"x\" priority=\"128\"/>" TAIL,
           "config:5: <start name=\"x\">: priority is more than 127");
    refuse(HEAD "<start name=\"x\" slice_us=\"99\"/>" TAIL,
           "config:5: <start name=\"x\">: slice_us is not 100 to 1000000");

    CASE("what is needed must be there, once");
    refuse(HEAD "<start/>" TAIL, "config:5: <start>: attribute `name' is missing");
    refuse(HEAD "<start name=\"\"/>" TAIL, "config:5: <start name=\"\">: attribute `name' is empty");
    refuse(HEAD "<start name=\"x\"><binary/></start>" TAIL,
           "config:5: <binary>: attribute `name' is missing");
    refuse(HEAD "<start name=\"x\"><binary name=\"a\"/><binary name=\"b\"/></start>" TAIL,
           "config:5: <binary name=\"b\">: given twice");
    refuse(HEAD "<start name=\"x\"><resource name=\"RAM\"/></start>" TAIL,
           "config:5: <resource name=\"RAM\">: attribute `quantum' is missing");
    refuse(HEAD "<start name=\"x\"><resource name=\"CPU\" quantum=\"1\"/></start>" TAIL,
           "config:5: <resource name=\"CPU\">: unknown resource, only RAM is one");
    refuse("<config><start name=\"x\" caps=\"5\"/></config>",
           "config:1: <start name=\"x\">: no RAM quota: <resource name=\"RAM\" quantum=\"...\"/>");
    refuse("<config><start name=\"x\"><resource name=\"RAM\" quantum=\"1M\"/></start></config>",
           "config:1: <start name=\"x\">: no capability quota: attribute `caps', or <default caps=\"...\"/>");

    CASE("names are short and fit into labels");
    refuse(HEAD "<start name=\"a-name-of-thirty-two-characters-\"/>" TAIL,
           "config:5: <start name=\"a-name-of-thirty-two-characters-\">: attribute `name' is longer than 31 "
           "bytes");
    refuse(HEAD "<start name=\"a -&gt; b\"/>" TAIL,
           "config:5: <start name=\"a -&gt; b\">: name has characters that labels cannot have");
}

static void test_whole(void)
{
    CASE("a name is given once");
    refuse(HEAD "<start name=\"x\"/>\n<start name=\"x\"/>" TAIL,
           "config:6: <start name=\"x\">: a child of this name is on line 5 already");

    CASE("a route to nobody is refused");
    refuse(
        HEAD
        "<start name=\"x\"><route><service name=\"LOG\"><child name=\"y\"/></service></route></start>" TAIL,
        "config:5: <child name=\"y\">: there is no child of this name");
    refuse(HEAD "<start name=\"y\"/><start name=\"x\"><route><service name=\"LOG\">\n<child name=\"y\"/>"
                "</service></route></start>" TAIL,
           "config:6: <child name=\"y\">: does not provide `LOG'");
    refuse(HEAD "<start name=\"y\"/><start name=\"x\"><route><any-service><child name=\"y\"/></any-service>"
                "</route></start>" TAIL,
           "config:5: <child name=\"y\">: provides no service at all");
    refuse(HEAD "<start name=\"x\"><route><service name=\"TIMER\"><parent/></service></route></start>" TAIL,
           "config:5: <parent>: `TIMER' is not in <parent-provides>");
    refuse(HEAD
           "<start name=\"x\"><route><service name=\"TIMER\"><any-child/></service></route></start>" TAIL,
           "config:5: <any-child>: no child provides `TIMER'");
    refuse(HEAD "<start name=\"x\"><route><service name=\"LOG\"/></route></start>" TAIL,
           "config:5: <service name=\"LOG\">: a route to nobody: neither <parent> nor <child>");
    refuse(HEAD "<start name=\"x\"><provides><service name=\"LOG\"/></provides><route><service name=\"LOG\">"
                "<child name=\"x\"/></service></route></start>" TAIL,
           "config:5: <child name=\"x\">: a child cannot be its own server");
    refuse("<config><default-route><service name=\"LOG\"><parent/></service></default-route></config>",
           "config:1: <parent>: `LOG' is not in <parent-provides>");

    CASE("a service is provided once");
    refuse(HEAD
           "<start name=\"x\"><provides><service name=\"A\"/><service name=\"A\"/></provides></start>" TAIL,
           "config:5: <start name=\"x\">: provides `A' twice");
}

/* Later finds have the same form. */
static void test_late(void)
{
    struct config_report report = {.line = collect};
    struct config config;
    char reason[CONFIG_MESSAGE_MAX];

    CASE("a missing module and a quota that is too large name the child");
    REQUIRE(read(HEAD "<start name=\"x\"><binary name=\"y\"/></start>" TAIL, &config) == OK);
    struct config_child *x = config.children;

    message_count = 0;
    config_complain(&report, x->node, "not started: there is no ROM module `%s'", x->binary);
    CHECK_STR(messages[0], "config:5: <start name=\"x\">: not started: there is no ROM module `y'");
    CHECK_EQ(quota_check((struct quota){1 << 20, 100}, x, reason, sizeof(reason)), OK);
    CHECK_EQ(quota_check((struct quota){1 << 19, 100}, x, reason, sizeof(reason)), ERR_NO_RAM);
    CHECK_STR(reason, "RAM quota of 1024K is larger than the 512K that are left");
    CHECK_EQ(quota_check((struct quota){1 << 20, 99}, x, reason, sizeof(reason)), ERR_NO_CAPS);
    CHECK_STR(reason, "capability quota of 100 is larger than the 99 that are left");
    config_free(&config);

    CASE("init keeps a reserve");
    struct quota left = quota_for_child((struct quota){1 << 20, 50});

    CHECK_EQ(left.ram, (1 << 20) - QUOTA_RESERVE_RAM - QUOTA_CHILD_RAM);
    CHECK_EQ(left.caps, 50 - QUOTA_RESERVE_CAPS - QUOTA_CHILD_CAPS);
    left = quota_for_child((struct quota){5, 5});
    CHECK_EQ(left.ram, 0);
    CHECK_EQ(left.caps, 0);
}

/* ---- routes ---- */

static struct config routed;

static const struct config_child *child_named(const char *name)
{
    const struct config_child *child = routed.children;

    while (strcmp(child->name, name) != 0)
        child = child->next;
    return child;
}

static void expect_route(const char *client, const char *service, const char *label, const char *server,
                         const char *out_label)
{
    struct route route = {0};

    CHECK_EQ(route_find(&routed, child_named(client), service, label, &route), OK);
    CHECK_STR(route.server_opt ? route.server_opt->name : "parent", server);
    CHECK_STR(route.label, out_label);
}

static void expect_refusal(const char *client, const char *service, const char *label, enum status status)
{
    struct route route;

    CHECK_EQ(route_find(&routed, child_named(client), service, label, &route), status);
}

static void test_routes(void)
{
    char long_label[PARENT_LABEL_MAX];

    REQUIRE(read(HEAD "<start name=\"log\"><provides><service name=\"LOG\"/></provides></start>"
                      "<start name=\"t1\"><provides><service name=\"T\"/></provides></start>"
                      "<start name=\"t2\"><provides><service name=\"T\"/></provides></start>"
                      "<start name=\"plain\"/>"
                      "<start name=\"mute\"><route/></start>"
                      "<start name=\"c\"><route>"
                      "<service name=\"T\" label=\"one\"><child name=\"t1\"/></service>"
                      "<service name=\"T\" label_prefix=\"two\" label_suffix=\"x\"><child name=\"t2\" "
                      "label=\"new\"/></service>"
                      "<service name=\"T\" label_last=\"end\"><child name=\"t2\"/></service>"
                      "<service name=\"T\" unscoped_label=\"c -&gt; three\"><child name=\"t1\"/></service>"
                      "<service name=\"ROM\" label=\"config\"><parent label=\"c.config\"/></service>"
                      "<any-service><child name=\"t1\"/><parent/></any-service>"
                      "</route></start>" TAIL,
                 &routed) == OK);

    CASE("the default route: the parent, then the only child that provides it");
    expect_route("plain", "LOG", "", "parent", "plain");
    expect_route("plain", "ROM", "data", "parent", "plain -> data");
    expect_refusal("plain", "T", "", ERR_EXISTS);
    expect_refusal("plain", "BLOCK", "", ERR_DENIED);
    expect_route("t1", "T", "", "t2", "t1");

    CASE("a child's own routes replace the default route");
    expect_refusal("mute", "LOG", "", ERR_DENIED);

    CASE("conditions on labels, and new labels");
    expect_route("c", "T", "one", "t1", "c -> one");
    expect_route("c", "T", "two x", "t2", "new");
    expect_route("c", "T", "two y", "t1", "c -> two y");
    expect_route("c", "T", "a -> end", "t2", "c -> a -> end");
    expect_route("c", "T", "end", "t2", "c -> end");
    expect_route("c", "T", "three", "t1", "c -> three");
    expect_route("c", "LOG", "x", "parent", "c -> x");
    expect_route("c", "ROM", "config", "parent", "c.config");
    CHECK(route_overrides_config(&routed, child_named("c")));
    CHECK(!route_overrides_config(&routed, child_named("plain")));

    CASE("labels that do not fit are refused");
    memset(long_label, 'l', sizeof(long_label) - 1);
    long_label[sizeof(long_label) - 1] = 0;
    expect_refusal("plain", "LOG", long_label, ERR_OVERFLOW);
    long_label[sizeof(long_label) - 1 - strlen("plain -> ")] = 0;
    struct route route;
    CHECK_EQ(route_find(&routed, child_named("plain"), "LOG", long_label, &route), OK);
    config_free(&routed);
}

static void test_memory(void)
{
    struct config config;

    CASE("without memory nothing is left behind, wherever it ends");
    for (long i = 1; i < 64; i++) {
        host_heap_fail_at = i;
        enum status status = read(HEAD "<start name=\"x\"><provides><service name=\"A\"/></provides><route>"
                                       "<service name=\"LOG\" label=\"l\"><parent label=\"m\"/></service>"
                                       "<any-service><parent/></any-service></route></start>" TAIL,
                                  &config);
        bool exhausted = host_heap_fail_at == 0;

        host_heap_fail_at = -1;
        if (!exhausted) {
            CHECK_EQ(status, OK);
            config_free(&config);
            return;
        }
        CHECK_EQ(status, ERR_NO_RAM);
    }
    CHECK(false);
}

static void test_policies(void)
{
    struct config config;

    CASE("restart, heartbeat, affinity, requests, report, offers");
    REQUIRE(read(HEAD "<affinity-space width=\"4\"/><heartbeat rate_ms=\"250\"/>"
                      "<report child_ram=\"yes\" delay_ms=\"7\"/><alias name=\"y\" child=\"x\"/>"
                      "<service name=\"S\"><child name=\"y\"/></service>"
                      "<start name=\"x\" version=\"3\"><provides><service name=\"S\"/></provides>"
                      "<restart on=\"always\" delay_ms=\"5\" limit=\"9\"/><heartbeat limit=\"4\"/>"
                      "<affinity xpos=\"1\" width=\"3\"/><request ram=\"2M\" caps=\"200\"/>"
                      "<configfile name=\"f\"/></start>" TAIL,
                 &config) == OK);
    const struct config_child *x = config.children;

    CHECK_EQ(config.affinity_width, 4);
    CHECK_EQ(config.heartbeat_ms, 250);
    CHECK(config.state.wanted && config.state.child_ram && !config.state.child_caps);
    CHECK_EQ(config.state.delay_ms, 7);
    CHECK(config.services->targets->child_opt == x);
    CHECK_EQ(x->restart.on, CONFIG_RESTART_ALWAYS);
    CHECK_EQ(x->restart.delay_ms, 5);
    CHECK_EQ(x->restart.max_delay_ms, 10000);
    CHECK_EQ(x->restart.limit, 9);
    CHECK(x->heartbeat.wanted && !x->heartbeat.restart && x->heartbeat.limit == 4);
    CHECK(x->affinity.given && x->affinity.first == 1 && x->affinity.count == 3);
    CHECK_EQ(x->request_ram, 2 << 20);
    CHECK_EQ(x->request_caps, 200);
    CHECK_STR(x->version_opt, "3");
    CHECK_STR(x->config_file_opt, "f");
    config_free(&config);

    CASE("policies that make no sense");
    refuse(HEAD "<start name=\"x\"><restart on=\"never\"/></start>" TAIL,
           "config:5: <restart>: attribute `on' must be fault, failure or always");
    refuse(HEAD "<start name=\"x\"><restart delay_ms=\"0\"/></start>" TAIL,
           "config:5: <restart>: delay_ms must be 1 to 86400000");
    refuse(HEAD "<start name=\"x\"><restart delay_ms=\"5\" max_delay_ms=\"4\"/></start>" TAIL,
           "config:5: <restart>: max_delay_ms must be delay_ms to 86400000");
    refuse(HEAD "<start name=\"x\"><heartbeat/></start>" TAIL,
           "config:5: <heartbeat>: there is no <heartbeat rate_ms=\"...\"/> in <config> before");
    refuse(HEAD "<heartbeat rate_ms=\"9\"/>" TAIL, "config:5: <heartbeat>: rate_ms must be 10 to 86400000");
    refuse(HEAD
           "<affinity-space width=\"2\"/><start name=\"x\"><affinity xpos=\"1\" width=\"2\"/></start>" TAIL,
           "config:5: <affinity>: not inside the affinity space of width 2");
    refuse(HEAD "<start name=\"x\"><affinity/></start>" TAIL,
           "config:5: <affinity>: there is no <affinity-space> in <config> before");
    refuse(HEAD "<start name=\"x\"><request ram=\"4K\"/></start>" TAIL,
           "config:5: <start name=\"x\">: <request> allows less than the quota, or too much");
    refuse(HEAD "<alias name=\"y\" child=\"z\"/>" TAIL,
           "config:5: <alias name=\"y\">: there is no child `z'");
    refuse(HEAD "<service name=\"LOG\"><parent/></service>" TAIL,
           "config:5: <parent>: what the parent asks for cannot come from the parent");
    refuse(HEAD "<start name=\"x\"><config/><configfile name=\"f\"/></start>" TAIL,
           "config:5: <start name=\"x\">: <config> and <configfile> exclude each other");
}

int main(void)
{
    test_good();
    test_document();
    test_values();
    test_whole();
    test_late();
    test_routes();
    test_memory();
    test_policies();
    free(text_block);
    return check_finish();
}
