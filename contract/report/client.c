/* SPDX-License-Identifier: MIT */
#include "contract/report/client.h"

#include "lib/base/ipc.h"

enum status report_session_connect(uint32_t session, uint64_t size, uint32_t dataspace)
{
    struct report_connect in = {size};

    return ipc_call(&(struct ipc){.portal = session,
                                  .opcode = REPORT_CONNECT,
                                  .in = &in,
                                  .in_size = sizeof(in),
                                  .send = {dataspace},
                                  .send_count = 1});
}

enum status report_session_submit(uint32_t session, uint64_t length)
{
    struct report_submit in = {length};

    return ipc_call(
        &(struct ipc){.portal = session, .opcode = REPORT_SUBMIT, .in = &in, .in_size = sizeof(in)});
}

enum status report_open(const char *label, size_t size, struct report *out)
{
    struct report report = {.size = size};
    enum status status;

    if (size == 0 || size > REPORT_SIZE_MAX)
        return ERR_RANGE;
    status = session_open(&(struct session_options){.service = REPORT_SERVICE,
                                                    .label_opt = label,
                                                    .ram = REPORT_SESSION_RAM + page_round_up(size),
                                                    .caps = REPORT_SESSION_CAPS},
                          &report.connection);
    if (status != OK)
        return status;
    status = memory_alloc(size, &report.memory);
    if (status != OK)
        goto close_session;
    status = report_session_connect(report.connection.slot, size, report.memory.dataspace);
    if (status != OK)
        goto free_memory;
    report.text = report.memory.address;
    *out = report;
    return OK;
free_memory:
    memory_free(&report.memory);
close_session:
    session_close(&report.connection);
    return status;
}

enum status report_submit(const struct report *report, size_t length)
{
    return length <= report->size ? report_session_submit(report->connection.slot, length) : ERR_RANGE;
}

void report_close(struct report *report)
{
    session_close(&report->connection);
    memory_free(&report->memory);
    *report = (struct report){0};
}
