/* SPDX-License-Identifier: MIT */
/* The list of functions, see function.h. */
#include "driver/platform/function.h"

#include "lib/base/log.h"
#include "lib/base/time.h"
#include "lib/fmt/fmt.h"

#define CLASS_BRIDGE 6u

static struct pci_node nodes[FUNCTIONS_MAX];
static struct function functions[FUNCTIONS_MAX];
static unsigned count;

/* ---- finding ---- */

static void name(struct function *function)
{
    uint16_t address = function->node->at.address;
    unsigned segment = function->node->at.access->segment, n = 0;

    if (segment)
        n = (unsigned)fmt_format(function->name, sizeof(function->name), "%04x:", segment);
    fmt_format(function->name + n, sizeof(function->name) - n, "%02x:%02x.%x", pci_bus(address),
               pci_device_number(address), pci_function_number(address));
}

static const char *interrupt_kind(const struct function *function)
{
    return function->msix.offset                ? "MSI-X"
           : function->msi.offset               ? "MSI"
           : function_interrupts(function) != 0 ? "INTx"
                                                : "no";
}

static void say(const struct function *function)
{
    char text[160];
    size_t n = 0;

    for (unsigned i = 0; i < PCI_BARS && n < sizeof(text); i++) {
        const struct pci_bar *bar = &function->bar[i];

        if (bar->size && !bar->ports)
            n += fmt_format(text + n, sizeof(text) - n, ", BAR%u %lluK%s", i,
                            (unsigned long long)(bar->size + 1023) / 1024,
                            bar->address ? "" : " (without an address)");
    }
    if (n == 0)
        text[0] = '\0';
    log_info("%s %04x:%04x class %06x, %u %s interrupt%s%s", function->name, function->node->vendor,
             function->node->device, function->node->class_code, function_interrupts(function),
             interrupt_kind(function), function_interrupts(function) == 1 ? "" : "s", text);
}

static void examine(struct function *function)
{
    struct pci_function at = function->node->at;

    name(function);
    function->requester = pci_requester(function->node);
    if (!function_is_device(function)) {
        log_info("%s %04x:%04x class %06x, %s", function->name, function->node->vendor,
                 function->node->device, function->node->class_code,
                 function->node->secondary_bus ? "bridge to another bus" : "bridge");
        return;
    }
    pci_command_change(at, PCI_COMMAND_MASTER, PCI_COMMAND_INTX_DISABLE);
    pci_bars_measure(at, PCI_BARS, function->bar);
    function->msi = pci_msi_find(at);
    function->msix = pci_msix_find(at, function->bar);
    pci_save(at, &function->saved);
    say(function);
}

void functions_find(const struct pci_access *access)
{
    unsigned room = FUNCTIONS_MAX - count, found = pci_enumerate(access, nodes + count, room);

    if (found > room) {
        log_error("%u functions are too many, %u are left out", found, found - room);
        found = room;
    }
    for (unsigned end = count + found; count < end; count++) {
        functions[count].node = &nodes[count];
        examine(&functions[count]);
    }
}

/* ---- looking up ---- */

struct function *function_at(unsigned index)
{
    return index < count ? &functions[index] : NULL;
}

const struct pci_node *functions_nodes(unsigned *number)
{
    *number = count;
    return nodes;
}

struct function *function_of_requester(uint16_t segment, uint16_t requester)
{
    struct function *found = NULL;

    for (unsigned i = 0; i < count; i++)
        if (functions[i].node->at.access->segment == segment && functions[i].requester == requester &&
            (!found || functions[i].session_opt))
            found = &functions[i];
    return found;
}

bool function_is_device(const struct function *function)
{
    return function->node->header == 0 && function->node->class_code >> 16 != CLASS_BRIDGE;
}

static struct policy_subject subject(const struct function *function)
{
    return (struct policy_subject){
        .vendor = function->node->vendor,
        .device = function->node->device,
        .class_code = function->node->class_code,
        .segment = function->node->at.access->segment,
        .address = function->node->at.address,
    };
}

enum status function_choose(const struct policy *policy, uint64_t index, struct function **out)
{
    for (unsigned i = 0; i < count; i++) {
        struct policy_subject what = subject(&functions[i]);

        if (!function_is_device(&functions[i]) || !policy_allows(policy, &what))
            continue;
        if (index-- == 0) {
            *out = &functions[i];
            return OK;
        }
    }
    return ERR_NOT_FOUND;
}

unsigned function_interrupts(const struct function *function)
{
    if (function->msix.offset)
        return function->msix.count;
    if (function->msi.offset)
        return 1;
    uint8_t line = function->saved.interrupt_line;

    return pci_read(function->node->at, PCI_INTERRUPT_PIN, 1) != 0 && line != 0 && line != 0xff ? 1 : 0;
}

/* ---- stopping ---- */

enum status function_reset(struct function *function)
{
    enum status status = pci_reset_begin(function->node->at);

    if (status == OK) {
        function->resetting = true;
        function->reset_end = time_after_ns(PCI_RESET_NS);
    }
    return status;
}

void function_halt(struct function *function)
{
    if (function_ready(function))
        pci_command_change(function->node->at, PCI_COMMAND_MASTER, 0);
}

void function_stop(struct function *function)
{
    struct pci_function at = function->node->at;

    /* A reset that goes on has stopped it, and nobody could touch it since. */
    if (!function_ready(function))
        return;
    pci_command_change(at, PCI_COMMAND_MASTER, PCI_COMMAND_INTX_DISABLE);
    if (function->msix.offset)
        pci_msix_mask(at, &function->msix);
    if (function->msi.offset)
        pci_msi_disable(at, &function->msi);
    if (function_reset(function) != OK)
        pci_restore(at, &function->saved);
}

bool function_ready(struct function *function)
{
    if (function->resetting && time_now() >= function->reset_end) {
        function->resetting = false;
        pci_restore(function->node->at, &function->saved);
    }
    return !function->resetting;
}
