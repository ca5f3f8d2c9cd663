/* SPDX-License-Identifier: MIT */
/* IOMMUs from the DMAR table to core, and faults to the log; see confinement.h. */
#include "driver/platform/confinement.h"

#include "contract/dma/client.h"
#include "driver/platform/firmware.h"
#include "driver/platform/function.h"
#include "driver/platform/iommu.h"
#include "driver/platform/session.h"
#include "lib/base/log.h"
#include "lib/base/session.h"
#include "lib/base/time.h"
#include "lib/fmt/status_text.h"

/* A device may fault without end: it is told eight times, then whenever the number has doubled, and stopped at last. Others
   are served in between. */
#define FAULTS_TOLD    8u
#define FAULTS_AT_ONCE 32u
#define FAULTS_REST_NS 1000000ull

static struct {
    struct connection dma; /* for units and faults, without a space of its own */
    struct entrypoint *entrypoint;
    struct signal faulted;
    struct timeout rest; /* between many faults and the next ones */
    struct iommu_unit unit[IOMMU_UNITS_MAX];
    unsigned unit_count;
    unsigned faults_elsewhere;
} confinement;

bool confinement_works(void)
{
    for (unsigned i = 0; i < confinement.unit_count; i++)
        if (confinement.unit[i].works)
            return true;
    return false;
}

/* ---- units ---- */

/* Once for each I/O APIC behind it, or once without any. One that the kernel does not know has no lines that anybody uses. As soon
   as one is told the unit refuses the old messages, so devices must name the unit from then on. */
static enum status remap_interrupts(const struct iommu_unit *unit, struct iommu_nodes all)
{
    struct dma_interrupts in = {.unit = unit->structure.base};
    struct acpi_scope scope;
    bool remaps = false;

    for (uint64_t at = 0; acpi_dmar_scope(&unit->structure, &at, &scope) == OK;) {
        if (scope.type != ACPI_SCOPE_IOAPIC)
            continue;
        in.has_ioapic = 1;
        in.ioapic = scope.id;
        enum status status = iommu_scope_address(&scope, unit->structure.segment, all, &in.source);

        if (status == OK)
            status = dma_interrupts(confinement.dma.slot, &in);
        if (status != OK)
            log_error("lines of I/O APIC %u are not remapped: %s", scope.id, status_text(status));
        remaps |= status == OK;
    }
    in = (struct dma_interrupts){.unit = unit->structure.base};
    return remaps ? OK : dma_interrupts(confinement.dma.slot, &in);
}

static void unit_add(const struct acpi_dmar *structure, bool remaps, struct iommu_nodes all)
{
    struct dma_unit in = {.registers = structure->base, .segment = structure->segment, .all = structure->all};
    struct iommu_unit *unit = &confinement.unit[confinement.unit_count++];
    enum status status = dma_unit_add(confinement.dma.slot, &in);

    *unit = (struct iommu_unit){.structure = *structure};
    if (status == ERR_EXISTS) /* of an earlier life of this component */
        status = OK;
    if (status != OK) {
        log_error("IOMMU at 0x%llx cannot be used: %s", (unsigned long long)structure->base,
                  status_text(status));
        return;
    }
    unit->works = true;
    status = remaps ? remap_interrupts(unit, all) : ERR_UNSUPPORTED;
    unit->remaps = status == OK;
    log_info("IOMMU at 0x%llx works%s, interrupts are %s", (unsigned long long)structure->base,
             structure->all ? " for all other devices" : "", unit->remaps ? "remapped" : "not remapped");
    if (remaps && !unit->remaps)
        log_error("IOMMU at 0x%llx cannot remap interrupts: %s", (unsigned long long)structure->base,
                  status_text(status));
}

/* The firmware wants these devices to reach this memory at any time. Ours may not, unless a driver maps it. */
static void reserved_say(const struct acpi_dmar *structure)
{
    log_info("firmware reserves 0x%llx to 0x%llx for DMA of its own: not granted",
             (unsigned long long)structure->base, (unsigned long long)structure->limit);
}

/* Who is behind units that were not read? Nobody gets the one for all others. */
static void others_unknown(void)
{
    for (unsigned i = 0; i < confinement.unit_count; i++)
        if (confinement.unit[i].structure.all)
            confinement.unit[i].works = false;
}

static void read_table(const void *table, struct iommu_nodes all)
{
    struct acpi_dmar structure;
    enum status status;
    uint64_t at = 0;

    while ((status = acpi_dmar_next(table, &at, &structure)) == OK)
        if (structure.type == ACPI_DMAR_UNIT && confinement.unit_count == IOMMU_UNITS_MAX)
            break;
        else if (structure.type == ACPI_DMAR_UNIT)
            unit_add(&structure, acpi_dmar_remaps(table), all);
        else if (structure.type == ACPI_DMAR_RESERVED)
            reserved_say(&structure);
    if (status != ERR_NOT_FOUND) {
        log_error("the DMAR table is broken, or too long, behind byte %llu", (unsigned long long)at);
        others_unknown();
    }
}

static void assign_units(struct iommu_nodes all)
{
    struct function *function;

    for (unsigned i = 0; (function = function_at(i)); i++) {
        const struct iommu_unit *unit =
            iommu_unit_of(confinement.unit, confinement.unit_count, all, function->node);

        if (unit) {
            function->unit = unit->structure.base;
            function->unit_remaps = unit->remaps;
        }
    }
}

/* ---- faults ---- */

static const char *reason_text(unsigned reason)
{
    switch (reason) {
    case 1: return "no root entry";
    case 2: return "the device is in no DMA space";
    case 5: return "not mapped for writing";
    case 6: return "not mapped for reading";
    default: return "see VT-d, appendix A";
    }
}

static bool worth_telling(unsigned number)
{
    return number <= FAULTS_TOLD || (number & (number - 1)) == 0;
}

static void fault_tell(const struct dma_fault *fault, const struct function *function, unsigned number)
{
    const struct platform_session *session = function ? function->session_opt : NULL;

    log_error("DMA fault %u of %s (%04x:%04x), session \"%s\": %s of 0x%llx refused, reason %u (%s)%s",
              number, function ? function->name : "an unknown device", function ? function->node->vendor : 0u,
              function ? function->node->device : 0u, session ? session->base.label : "",
              fault->write ? "write" : "read", (unsigned long long)fault->address, fault->reason,
              reason_text(fault->reason), fault->lost ? "; others were lost" : "");
}

static void fault_say(const struct dma_fault *fault)
{
    struct function *function = function_of_requester(fault->segment, fault->device);
    unsigned *number = function ? &function->faults : &confinement.faults_elsewhere;

    if (worth_telling(++*number))
        fault_tell(fault, function, *number);
    if (function && *number == FUNCTION_FAULTS_MOST) {
        log_error("%s is stopped: %u faults are enough", function->name, *number);
        function_halt(function);
    }
}

static void read_faults(void)
{
    struct dma_fault fault;

    for (unsigned i = 0; i < FAULTS_AT_ONCE; i++) {
        if (dma_fault(confinement.dma.slot, &fault) != OK)
            return;
        fault_say(&fault);
    }
    entrypoint_timeout_set(confinement.entrypoint, &confinement.rest, time_after_ns(FAULTS_REST_NS));
}

static void faulted(struct signal *signal)
{
    (void)signal;
    read_faults();
}

static void rested(struct timeout *timeout)
{
    (void)timeout;
    read_faults();
}

static enum status watch_faults(struct entrypoint *entrypoint)
{
    confinement.entrypoint = entrypoint;
    confinement.rest.expired = rested;
    enum status status = signal_create(entrypoint, &confinement.faulted, faulted);

    return status == OK ? dma_fault_notify(confinement.dma.slot, confinement.faulted.slot) : status;
}

/* ---- start ---- */

static void start(struct entrypoint *entrypoint, const void *table)
{
    struct session_options options = {
        .service = DMA_SERVICE, .label_opt = "units", .ram = DMA_SESSION_RAM, .caps = DMA_SESSION_CAPS};
    struct iommu_nodes all = {0};
    enum status status = session_open(&options, &confinement.dma);

    if (status == OK)
        status = watch_faults(entrypoint);
    if (status != OK) {
        log_error("no access to the IOMMU: %s", status_text(status));
        return;
    }
    all.nodes = functions_nodes(&all.count);
    read_table(table, all);
    assign_units(all);
}

void confinement_start(struct entrypoint *entrypoint)
{
    const void *table;

    if (firmware_table("DMAR", &table) == OK)
        start(entrypoint, table);
    if (!confinement_works())
        log_info("no IOMMU: drivers are not confined, their devices can reach all memory");
}
