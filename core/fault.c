/* SPDX-License-Identifier: MIT */
/*
 * Events of threads: faults that a pager resolves, and crashes.
 *
 * A crash is reported on the console (and in core's log), the thread stays parked as it is, and the domain's parent is
 * told. Everything that the report reads belongs to the crashed program and is read with care (lib/base/stack_trace.h).
 */
#include "abi/thread_state.h"
#include "core/core.h"
#include "core/pd.h"
#include "lib/base/stack_trace.h"
#include "lib/string/string.h"

#define VECTOR_PAGE_FAULT 14u
#define REPEATED_MOST     16u
#define REPORTS_MOST      8u /* of one thread; only the first one in full */

/* Error code of a page fault (SDM vol. 3, 4.7). */
enum page_fault {
    PAGE_FAULT_PRESENT = 1u << 0,
    PAGE_FAULT_WRITE = 1u << 1,
    PAGE_FAULT_RESERVED = 1u << 3,
    PAGE_FAULT_FETCH = 1u << 4,
};

static const char *const exception_names[] = {
    "divide error",   "debug exception",  "NMI",          "breakpoint", "overflow",    "bound range",
    "invalid opcode", "no FPU",           "double fault", "",           "invalid TSS", "no segment",
    "stack fault",    "protection fault", "page fault",   "",           "FPU error",   "alignment",
    "machine check",  "SIMD error",
};

static unsigned access_of(const struct thread_state *state)
{
    if (state->error_code & PAGE_FAULT_FETCH)
        return PD_EXECUTE;
    return state->error_code & PAGE_FAULT_WRITE ? PD_WRITE : PD_READ;
}

static bool read_memory(void *context, uint64_t address, void *buffer, size_t size)
{
    return pd_read(context, address, buffer, size);
}

static void print_reason(const struct core_thread *thread, const struct thread_state *state)
{
    size_t known = sizeof(exception_names) / sizeof(exception_names[0]);
    const char *name = state->vector < known ? exception_names[state->vector] : "exception";
    static const char *const accesses[] = {
        [PD_READ] = "read", [PD_WRITE] = "write", [PD_EXECUTE] = "execute"};

    if (state->vector == VECTOR_PAGE_FAULT)
        core_print("[%s] thread `%s' crashed: page fault, %s at 0x%llx (%s), ip 0x%llx",
                   thread->pd->session.label, thread->name, accesses[access_of(state)],
                   (unsigned long long)state->fault_address,
                   state->error_code & PAGE_FAULT_PRESENT ? "not allowed" : "not mapped",
                   (unsigned long long)state->rip);
    else
        core_print("[%s] thread `%s' crashed: %s (vector %llu, error 0x%llx), ip 0x%llx",
                   thread->pd->session.label, thread->name, name, (unsigned long long)state->vector,
                   (unsigned long long)state->error_code, (unsigned long long)state->rip);
}

static void print_registers(const struct thread_state *s)
{
    const struct {
        const char *name;
        uint64_t value;
    } registers[] = {
        {"rax", s->rax}, {"rbx", s->rbx},     {"rcx", s->rcx},    {"rdx", s->rdx}, {"rsi", s->rsi},
        {"rdi", s->rdi}, {"rbp", s->rbp},     {"rsp", s->rsp},    {"r8 ", s->r8},  {"r9 ", s->r9},
        {"r10", s->r10}, {"r11", s->r11},     {"r12", s->r12},    {"r13", s->r13}, {"r14", s->r14},
        {"r15", s->r15}, {"fs ", s->fs_base}, {"flg", s->rflags},
    };
    unsigned count = sizeof(registers) / sizeof(registers[0]);

    for (unsigned i = 0; i + 2 < count; i += 3)
        core_print("  %s %016llx  %s %016llx  %s %016llx", registers[i].name,
                   (unsigned long long)registers[i].value, registers[i + 1].name,
                   (unsigned long long)registers[i + 1].value, registers[i + 2].name,
                   (unsigned long long)registers[i + 2].value);
}

static void print_trace(struct pd *pd, const struct thread_state *state)
{
    struct stack_frame frames[STACK_TRACE_FRAMES];
    struct stack_reader reader = {
        .read = read_memory,
        .context = pd,
        .symbols_begin = pd->symbols.begin,
        .symbols_end = pd->symbols.end,
        .names_end = pd->symbols.names_end,
    };
    unsigned count = stack_trace_walk(&reader, state->rip, state->rbp, frames, STACK_TRACE_FRAMES);

    for (unsigned i = 0; i < count; i++)
        core_print("  #%u 0x%llx %s%s0x%llx", i, (unsigned long long)frames[i].ip, frames[i].name,
                   frames[i].name[0] ? "+" : "", (unsigned long long)frames[i].offset);
}

/* Whoever resumes a crashed thread again and again shall not flood the log. */
static void report(struct core_thread *thread, const struct thread_state *state)
{
    thread->crashes++;
    if (thread->crashes > REPORTS_MOST)
        return;
    print_reason(thread, state);
    if (thread->crashes > 1)
        return;
    print_registers(state);
    print_trace(thread->pd, state);
}

static void crash(struct core_thread *thread, const struct thread_state *state)
{
    struct pd *pd = thread->pd;

    report(thread, state);
    thread->fault = (struct pd_fault){
        .kind = state->vector == VECTOR_PAGE_FAULT ? PD_FAULT_PAGE : PD_FAULT_EXCEPTION,
        .vector = (uint32_t)state->vector,
        .error_code = state->error_code,
        .address = state->fault_address,
        .ip = state->rip,
        .sp = state->rsp,
    };
    (void)string_copy(thread->fault.thread, sizeof(thread->fault.thread), thread->name);
    thread->fault_unreported = true;
    if (pd->fault_notification != CAP_NONE) {
        (void)(kernel_notification_signal(pd->fault_notification) == OK);
    } else if (init_is(pd)) {
        core_print("init has crashed, the machine stops");
        core_exit(CORE_EXIT_INIT); /* nobody is left who could do anything */
    }
}

/*
 * What was faulted on may have been mapped since. Should the fault come again and again, something is wrong with the
 * mapping itself, and it is a crash.
 */
static bool is_repeated(struct core_thread *thread, uint64_t address)
{
    thread->repeated = thread->repeated_address == address ? thread->repeated + 1 : 0;
    thread->repeated_address = address;
    return thread->repeated > REPEATED_MOST;
}

/* True: the thread may try again. False, with *waits: it waits for a pager. */
static bool resolve(struct core_thread *thread, const struct thread_state *state, bool *waits)
{
    unsigned access = access_of(state);
    unsigned needed = (access == PD_WRITE ? ATTACH_WRITE : 0u) | (access == PD_EXECUTE ? ATTACH_EXECUTE : 0u);
    struct place place;

    if (state->error_code & PAGE_FAULT_RESERVED)
        return false;
    region_map_lookup(&thread->pd->map, state->fault_address, &place);
    if (place.dataspace_opt)
        return (place.rights & needed) == needed && !is_repeated(thread, state->fault_address);
    if (!(place.map->self.flags & DATASPACE_MAP) || place.map->space_opt || place.offset >= place.map->end)
        return false;
    struct managed_map *managed = (struct managed_map *)place.map;

    if (managed->pager == CAP_NONE)
        return false;
    managed_map_wait(managed, thread, place.offset, access);
    *waits = true;
    return false;
}

bool thread_event(struct core_thread *thread, uint32_t event)
{
    /* The words are overwritten by hypercalls of ours. */
    struct thread_state state;
    bool waits = false;

    memcpy(&state, core_area()->words, offsetof(struct thread_state, fpu));
    if (event == THREAD_EVENT_PAGE_FAULT)
        state.vector = VECTOR_PAGE_FAULT;
    if (event == THREAD_EVENT_PAGE_FAULT && resolve(thread, &state, &waits))
        return true;
    if (!waits)
        crash(thread, &state);
    return false;
}
