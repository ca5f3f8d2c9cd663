/* SPDX-License-Identifier: MIT */
/* Core's log, see core_log.h. */
#include "core/core_log.h"

#include "contract/log/core_log.h"
#include "core/kernel_objects.h"

static struct dataspace *dataspace;
static struct core_log *memory;

enum status core_log_init(struct account *account)
{
    struct dataspace *fresh;
    uint64_t physical;
    enum status status = dataspace_create(account, CORE_LOG_SIZE, DATASPACE_CONTIGUOUS, &fresh);

    if (status == OK)
        status = object_publish(&fresh->object, 0);
    if (status == OK)
        status = dataspace_physical(fresh, 0, &physical);
    if (status != OK)
        return status;
    dataspace = fresh;
    memory = frames_pointer(account->frames, physical);
    return OK;
}

struct dataspace *core_log_dataspace(void)
{
    return dataspace;
}

void core_log_console_off(void)
{
    if (memory && memory->console_end == 0)
        memory->console_end = memory->written;
}

void core_log_line(const char *text, size_t length)
{
    if (!memory)
        return;
    uint64_t written = memory->written;

    for (size_t i = 0; i < length; i++)
        memory->text[written++ % CORE_LOG_TEXT] = text[i];
    memory->text[written++ % CORE_LOG_TEXT] = '\n';
    __atomic_store_n(&memory->written, written, __ATOMIC_RELEASE);
    rom_signal_core_log();
}
