/* SPDX-License-Identifier: MIT */
/* The report `devices`, see report.h. */
#include "driver/platform/report.h"

#include "contract/report/client.h"
#include "driver/platform/confinement.h"
#include "driver/platform/function.h"
#include "lib/fmt/fmt.h"

#define REPORT_SIZE (64u << 10)

struct text {
    char *start;
    size_t size, length; /* length may exceed size: it was cut */
};

#define WRITE(text, ...)                                                               \
    ((text)->length +=                                                                 \
     fmt_format((text)->length < (text)->size ? (text)->start + (text)->length : NULL, \
                (text)->length < (text)->size ? (text)->size - (text)->length : 0, __VA_ARGS__))

static void write_function(struct text *text, const struct function *function)
{
    WRITE(text,
          "    <device address=\"%s\" vendor=\"0x%04x\" device=\"0x%04x\" class=\"0x%06x\" interrupts=\"%u\" "
          "iommu=\"%s\">",
          function->name, function->node->vendor, function->node->device, function->node->class_code,
          function_is_device(function) ? function_interrupts(function) : 0u, function->unit ? "yes" : "no");
    for (unsigned i = 0; i < PCI_BARS; i++)
        if (function->bar[i].size && !function->bar[i].ports)
            WRITE(text, " <bar index=\"%u\" address=\"0x%llx\" size=\"0x%llx\"/>", i,
                  (unsigned long long)function->bar[i].address, (unsigned long long)function->bar[i].size);
    WRITE(text, " </device>\n");
}

enum status report_devices(void)
{
    static struct report report; /* open as long as the component lives: so is the report */
    const struct function *function;
    enum status status = report_open("devices", REPORT_SIZE, &report);

    if (status != OK)
        return status;
    struct text text = {.start = report.text, .size = report.size};

    WRITE(&text, "<devices iommu=\"%s\">\n", confinement_works() ? "yes" : "no");
    for (unsigned i = 0; (function = function_at(i)); i++)
        write_function(&text, function);
    WRITE(&text, "</devices>\n");
    return text.length < text.size ? report_submit(&report, text.length) : ERR_OVERFLOW;
}
