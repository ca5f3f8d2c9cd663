/* SPDX-License-Identifier: MIT */
/*
 * What the processor stops: memory of others, the kernel, code and data the wrong way round, ports, privileged
 * instructions. Each attempt is one instruction between two labels; the watcher resumes the thread at the second.
 */
#include "test/isolation/isolation.h"

#include "abi/thread_state.h"
#include "lib/base/env.h"
#include "lib/base/kernel.h"
#include "lib/base/memory.h"
#include "lib/fmt/fmt.h"

#define KERNEL_TEXT   0xffffffff80000000ull
#define KERNEL_MEMORY 0xffff800000000000ull /* beginning of the upper half */
#define NON_CANONICAL 0x0000800000000000ull
#define NOBODYS       0x0000200000000000ull

#define VECTOR_PAGE_FAULT 14u

/* Written by the watcher, read by the probe. */
static struct fault {
    uint64_t vector, address, error_code;
    unsigned count;
} fault;

static uint64_t recovery; /* where to go on */
static struct portal page_fault_portal, exception_portal;

static message_tag caught(struct portal *portal, message_tag tag, bool *park)
{
    struct thread_state *state = (struct thread_state *)message_words();

    (void)portal;
    (void)park;
    (void)tag;
    fault.vector = state->vector;
    fault.address = state->fault_address;
    fault.error_code = state->error_code;
    fault.count++;
    state->rip = recovery;
    state->groups = THREAD_GROUP_IP;
    return tag_make(OK, THREAD_STATE_WORDS, 0);
}

void faults_watch(struct entrypoint *entrypoint, struct thread *thread)
{
    uint64_t groups = THREAD_GROUP_IP | THREAD_GROUP_EVENT;

    page_fault_portal.raw = exception_portal.raw = caught;
    need(portal_create(entrypoint, &page_fault_portal), "portal");
    need(portal_create(entrypoint, &exception_portal), "portal");
    need(kernel_ec_bind(thread->slot, THREAD_EVENT_PAGE_FAULT, page_fault_portal.slot, groups), "binding");
    need(kernel_ec_bind(thread->slot, THREAD_EVENT_EXCEPTION, exception_portal.slot, groups), "binding");
}

/* Runs INSTRUCTION with an operand in each of rcx and rdx (and al); what it faults on ends here. */
#define TRY(instruction, rcx_value, rdx_value)                                \
    do {                                                                      \
        uint64_t rcx_ = (rcx_value), rdx_ = (rdx_value), rax_ = 0;            \
        fault.count = 0;                                                      \
        __asm__ volatile("lea 1f(%%rip), %%rax\n\t"                           \
                         "mov %%rax, %3\n\t"                                  \
                         "xor %%eax, %%eax\n\t" instruction "\n"              \
                         "1:"                                                 \
                         : "+a"(rax_), "+c"(rcx_), "+d"(rdx_), "=m"(recovery) \
                         :                                                    \
                         : "rbx", "memory", "cc");                            \
    } while (0)

static void judge(const char *what, uint64_t vector)
{
    char how[64];
    unsigned count = __atomic_load_n(&fault.count, __ATOMIC_ACQUIRE);

    if (count == 0)
        fmt_format(how, sizeof(how), "no fault");
    else if (fault.vector == VECTOR_PAGE_FAULT)
        fmt_format(how, sizeof(how), "page fault at 0x%llx", (unsigned long long)fault.address);
    else
        fmt_format(how, sizeof(how), "exception %u", (unsigned)fault.vector);
    attempt_end(count == 1 && (vector == 0 || fault.vector == vector), what, how);
}

static void try_read(const char *what, uint64_t address, uint64_t vector)
{
    TRY("movb (%%rcx), %%al", address, 0);
    judge(what, vector);
}

static void try_write(const char *what, uint64_t address, uint64_t vector)
{
    TRY("movb %%al, (%%rcx)", address, 0);
    judge(what, vector);
}

static void try_jump(const char *what, uint64_t address, uint64_t vector)
{
    TRY("jmp *%%rcx", address, 0);
    judge(what, vector);
}

static void memory_try(void)
{
    uint64_t below_stack = thread_self()->stack - 8;

    attempts_of("memory of others");
    try_read("read at address 0", 0, VECTOR_PAGE_FAULT);
    try_read("read of an address that nothing is attached to", NOBODYS, VECTOR_PAGE_FAULT);
    try_write("write there", NOBODYS, VECTOR_PAGE_FAULT);
    try_jump("jump there", NOBODYS, VECTOR_PAGE_FAULT);
    try_write("write below the stack, into the guard page", below_stack, VECTOR_PAGE_FAULT);
    try_read("read of the kernel's code", KERNEL_TEXT, VECTOR_PAGE_FAULT);
    try_write("write to the kernel's code", KERNEL_TEXT, VECTOR_PAGE_FAULT);
    try_jump("jump into the kernel", KERNEL_TEXT, VECTOR_PAGE_FAULT);
    try_read("read of the upper half's first page", KERNEL_MEMORY, VECTOR_PAGE_FAULT);
    try_write("write of the last page of all", ~4095ull, VECTOR_PAGE_FAULT);
    try_read("read of an address that is none", NON_CANONICAL, 0);
    try_read("read at the end of user addresses", USER_ADDRESS_END, VECTOR_PAGE_FAULT);
}

static void write_or_execute_try(void)
{
    static uint8_t data[16] = {0xc3};
    uint8_t stack[16] = {0xc3};
    struct memory memory;

    need(memory_alloc(PAGE_SIZE, &memory), "memory");
    *(volatile uint8_t *)memory.address = 0xc3;
    attempts_of("memory that may be written or executed, never both");
    try_write("write to own code", (uint64_t)faults_try, VECTOR_PAGE_FAULT);
    try_write("write to own constants", (uint64_t) "constant", VECTOR_PAGE_FAULT);
    try_write("write to the environment page", (uint64_t)env.page, VECTOR_PAGE_FAULT);
    try_jump("execute data", (uint64_t)data, VECTOR_PAGE_FAULT);
    try_jump("execute the stack", (uint64_t)stack, VECTOR_PAGE_FAULT);
    try_jump("execute the heap", (uint64_t)memory.address, VECTOR_PAGE_FAULT);
    try_jump("execute the message area", (uint64_t)thread_self()->message_area, VECTOR_PAGE_FAULT);
    uint64_t address = (uint64_t)memory.address;
    memory_free(&memory);
    try_read("read of memory that was given back", address, VECTOR_PAGE_FAULT);
}

static void ports_try(void)
{
    static const struct {
        const char *what;
        uint16_t port;
    } ports[] = {
        {"the serial line", 0x3f8},         {"the keyboard controller", 0x64}, {"PCI configuration", 0xcf8},
        {"the interrupt controller", 0x20}, {"the emulator's exit", 0xf4},     {"port 0xffff", 0xffff},
    };
    char what[64];

    attempts_of("ports");
    for (unsigned i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
        fmt_format(what, sizeof(what), "in from %s", ports[i].what);
        TRY("in %%dx, %%al", 0, ports[i].port);
        judge(what, 13);
        fmt_format(what, sizeof(what), "out to %s", ports[i].what);
        TRY("out %%al, %%dx", 0, ports[i].port);
        judge(what, 13);
    }
}

static void instructions_try(void)
{
    attempts_of("privileged instructions");
    TRY("cli", 0, 0);
    judge("cli", 13);
    TRY("hlt", 0, 0);
    judge("hlt", 13);
    TRY("mov %%cr3, %%rbx", 0, 0);
    judge("read of CR3", 13);
    TRY("mov %%rax, %%cr0", 0, 0);
    judge("write of CR0", 13);
    TRY("rdmsr", 0xc0000080, 0);
    judge("rdmsr of EFER", 13);
    TRY("wrmsr", 0xc0000082, 0);
    judge("wrmsr of LSTAR, the kernel's entry", 13);
    TRY("invlpg (%%rcx)", 0, 0);
    judge("invlpg", 13);
    TRY("lidt (%%rsp)", 0, 0);
    judge("lidt", 13);
    TRY("swapgs", 0, 0);
    judge("swapgs", 13);
    TRY("vmmcall", 0, 0);
    judge("vmmcall", 0);
    TRY("int $0x80", 0, 0);
    judge("int 0x80", 13);
    TRY("int $14", 0, 0);
    judge("int 14, a page fault that is none", 13);
    TRY("vmrun", 0, 0);
    judge("vmrun", 0);
}

void faults_try(void)
{
    memory_try();
    write_or_execute_try();
    ports_try();
    instructions_try();
}
