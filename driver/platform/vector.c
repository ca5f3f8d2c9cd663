/* SPDX-License-Identifier: MIT */
/*
 * Interrupts of a session's function: MSI-X if it has that, else MSI (one message), else its line.
 *
 * Which line a function pulls on an I/O APIC stands in the firmware's _PRT, which is a program in ACPI's language and not
 * read here. The interrupt-line register is right where the I/O APIC's inputs 0 to 15 are also the interrupts of the old
 * controllers, as in QEMU's and Bochs' PCs.
 */
#include "contract/irq/client.h"
#include "driver/platform/session.h"
#include "lib/base/cap.h"
#include "lib/base/heap.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/fmt/fmt.h"

static const struct session_options irq = {.service = IRQ_SERVICE,
                                           .label_opt = "interrupt",
                                           .ram = SESSION_RAM_DEFAULT,
                                           .caps = SESSION_CAPS_DEFAULT};

static bool message_signalled(const struct function *function)
{
    return function->msix.offset || function->msi.offset;
}

static void write_args(const struct function *function, char *args, size_t size)
{
    if (!message_signalled(function))
        fmt_format(args, size, "gsi=%u, trigger=level, polarity=high", function->saved.interrupt_line);
    else if (function->unit_remaps)
        fmt_format(args, size, "type=msi, device=0x%04x, unit=0x%llx", function->requester,
                   (unsigned long long)function->unit);
    else
        fmt_format(args, size, "type=msi, device=0x%04x", function->requester);
}

/* ---- the table of MSI-X ---- */

static enum status table_attach(struct platform_session *session)
{
    const struct pci_msix *msix = &session->function->msix;
    struct window *window = &session->window[msix->table_bar];
    void *memory;
    enum status status = window_open(session, msix->table_bar);

    if (session->msix_table_opt || status != OK)
        return status;
    uint64_t table = window->page_offset + msix->table_offset;
    uint64_t page = table & ~(PAGE_SIZE - 1);

    status = memory_attach_at(window->dataspace, page,
                              page_round_up(table + (uint64_t)msix->count * PCI_MSIX_ENTRY_SIZE) - page,
                              PD_ANYWHERE, PD_READ | PD_WRITE, &memory);
    if (status != OK)
        return status;
    session->msix_table_opt = (volatile uint32_t *)((uint8_t *)memory + (table - page));
    for (unsigned i = 0; i < msix->count; i++)
        pci_msix_entry_mask(session->msix_table_opt, i);
    pci_msix_enable(session->function->node->at, msix);
    return OK;
}

static void table_detach(struct platform_session *session)
{
    if (session->msix_table_opt)
        memory_detach((void *)((uint64_t)session->msix_table_opt & ~(PAGE_SIZE - 1)));
    session->msix_table_opt = NULL;
}

/* ---- telling the device ---- */

static enum status tell_device(struct platform_session *session, const struct vector *vector)
{
    const struct function *function = session->function;
    struct pci_function at = function->node->at;

    if (function->msix.offset) {
        pci_msix_entry_set(session->msix_table_opt, vector->index, vector->message.address,
                           vector->message.data);
        return OK;
    }
    if (function->msi.offset)
        return pci_msi_enable(at, &function->msi, vector->message.address, vector->message.data);
    pci_command_change(at, PCI_COMMAND_INTX_DISABLE, 0);
    return OK;
}

void vectors_restore(struct platform_session *session)
{
    const struct function *function = session->function;

    pci_command_change(function->node->at, 0, PCI_COMMAND_INTX_DISABLE);
    if (session->msix_table_opt) {
        for (unsigned i = 0; i < function->msix.count; i++)
            pci_msix_entry_mask(session->msix_table_opt, i);
        pci_msix_enable(function->node->at, &function->msix);
    }
    for (const struct vector *vector = session->vectors; vector; vector = vector->next)
        if (vector->interrupt != CAP_NONE && tell_device(session, vector) != OK)
            log_error("%s: interrupt %u is lost", function->name, vector->index);
}

/* ---- binding ---- */

static enum status vector_find(struct platform_session *session, unsigned index, struct vector **out)
{
    struct session_options options = irq;
    struct vector *vector = session->vectors;
    char args[64];

    while (vector && vector->index != index)
        vector = vector->next;
    if (vector) {
        *out = vector;
        return OK;
    }
    vector = heap_alloc(sizeof(*vector));
    if (!vector)
        return ERR_NO_RAM;
    *vector = (struct vector){.next = session->vectors, .index = index};
    write_args(session->function, args, sizeof(args));
    options.args_opt = args;
    enum status status = session_resource_open(session, &options, &vector->irq);

    if (status != OK) {
        heap_free(vector);
        return status;
    }
    session->vectors = vector;
    *out = vector;
    return OK;
}

static enum status bind(struct vector *vector, bool message, uint32_t notification, struct irq_line *line)
{
    uint32_t interrupt;
    enum status status = irq_bind(vector->irq.slot, notification, line, &interrupt);

    if (status != OK)
        return status;
    cap_free(vector->interrupt);
    vector->interrupt = interrupt;
    return message ? irq_msi(vector->irq.slot, &vector->message) : OK;
}

enum status vector_bind(struct platform_session *session, uint32_t index, uint32_t notification,
                        struct platform_interrupt *out, struct message_cap *interrupt)
{
    const struct function *function = session->function;
    struct irq_line line;
    struct vector *vector;
    enum status status = OK;

    if (index >= function_interrupts(function))
        return ERR_RANGE;
    if (function->msix.offset)
        status = table_attach(session);
    if (status == OK)
        status = vector_find(session, index, &vector);
    if (status == OK)
        status = bind(vector, message_signalled(function), notification, &line);
    if (status == OK)
        status = tell_device(session, vector);
    if (status != OK)
        return status;
    *out = (struct platform_interrupt){.level = line.level};
    *interrupt = (struct message_cap){.slot = vector->interrupt, .rights = RIGHT_INTERRUPT_ACK};
    return OK;
}

void vectors_close(struct platform_session *session)
{
    struct vector *next;

    table_detach(session);
    for (struct vector *vector = session->vectors; vector; vector = next) {
        next = vector->next;
        cap_free(vector->interrupt);
        session_resource_close(session, &irq, &vector->irq);
        heap_free(vector);
    }
    session->vectors = NULL;
}
