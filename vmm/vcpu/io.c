/* SPDX-License-Identifier: MIT */
/*
 * Port accesses. Strings (INS, OUTS) move through guest memory, one element after another.
 */
#include "vmm/vcpu/vcpu.h"

#define RFLAGS_DF (1u << 10)
#define VECTOR_PAGE_FAULT 14u
/* Elements of one exit; a REP with more comes back, so that it cannot hold up the monitor. */
#define STRING_ELEMENTS_MAX 256u

static uint64_t merge(uint64_t old, uint64_t value, unsigned width)
{
    switch (width) {
    case 1:
        return (old & ~0xffull) | (value & 0xff);
    case 2:
        return (old & ~0xffffull) | (value & 0xffff);
    default:
        return (uint32_t)value; /* 32-bit writes clear the upper half */
    }
}

static uint64_t address_mask(unsigned address_width)
{
    return address_width == 8 ? UINT64_MAX : (1ull << 8 * address_width) - 1;
}

static uint64_t segment_base(const struct vcpu_state *state, enum decode_segment segment)
{
    const struct vcpu_segment *segments[] = {&state->es, &state->cs, &state->ss, &state->ds, &state->fs, &state->gs};

    if (vcpu_mode(state) == DECODE_LONG && segment < DECODE_FS)
        return 0;
    return segments[segment]->base;
}

/* Pointer to one element, or NULL: it is not in RAM or straddles a page end whose halves are apart. */
static void *element(struct vcpu *vcpu, uint64_t linear, unsigned width, bool *fault)
{
    struct translate_mode mode = vcpu_translation(vcpu->state);
    uint64_t first, last;

    *fault = false;
    if (translate(vcpu->ram, &mode, linear, &first) != OK || translate(vcpu->ram, &mode, linear + width - 1, &last) != OK) {
        *fault = true;
        return NULL;
    }
    return last - first == width - 1 ? guest_ram_at(vcpu->ram, first, width) : NULL;
}

static void string_element(struct vcpu *vcpu, uint16_t port, const struct decoded_intercept *string, uint8_t *memory)
{
    uint64_t value = 0;

    if (string->write) {
        for (unsigned i = 0; i < string->width; i++)
            value |= (uint64_t)memory[i] << 8 * i;
        port_bus_write(&vcpu->machine->ports, port, string->width, value);
        return;
    }
    value = port_bus_read(&vcpu->machine->ports, port, string->width);
    for (unsigned i = 0; i < string->width; i++)
        memory[i] = (uint8_t)(value >> 8 * i);
}

/* Moves `count` elements at most; returns false if it stopped before, with the exception raised or the guest stopped. */
static bool string_run(struct vcpu *vcpu, const struct decoded_intercept *string, uint64_t *index, uint64_t count,
                       uint64_t *done)
{
    struct vcpu_state *state = vcpu->state;
    uint64_t mask = address_mask(string->address_width);
    uint64_t step = state->rflags & RFLAGS_DF ? (uint64_t)-(int64_t)string->width : string->width;
    uint64_t base = segment_base(state, string->write ? string->segment : DECODE_ES);

    for (*done = 0; *done < count; ++*done) {
        bool fault;
        uint64_t linear = base + (*index & mask);
        uint8_t *memory = element(vcpu, linear, string->width, &fault);

        if (fault) {
            state->cr2 = linear;
            state->groups |= VCPU_GROUP_CR;
            vcpu_raise(vcpu, VECTOR_PAGE_FAULT, true, (string->write ? 0 : 2) | (vcpu_privilege(state) == 3 ? 4 : 0));
            return false;
        }
        if (!memory) {
            vcpu_fail(vcpu, "string I/O with memory operand at %lx that is not contiguous RAM", linear);
            return false;
        }
        string_element(vcpu, (uint16_t)state->rdx, string, memory);
        *index = (*index & ~mask) | ((*index + step) & mask);
    }
    return true;
}

static void string_io(struct vcpu *vcpu)
{
    struct vcpu_state *state = vcpu->state;
    struct decoded_intercept string;
    uint8_t bytes[DECODE_BYTES_MAX];
    size_t size = vcpu_fetch(vcpu, bytes);

    if (decode_intercepted(bytes, size, vcpu_mode(state), DECODE_INTERCEPT_INS_OUTS, &string) != OK) {
        vcpu_fail(vcpu, "cannot decode string I/O on port %x", (unsigned)(state->qualification & 0xffff));
        return;
    }

    uint64_t mask = address_mask(string.address_width);
    uint64_t wanted = string.repeat ? state->rcx & mask : 1;
    uint64_t count = wanted < STRING_ELEMENTS_MAX ? wanted : STRING_ELEMENTS_MAX;
    uint64_t done;
    bool complete = string_run(vcpu, &string, string.write ? &state->rsi : &state->rdi, count, &done);

    if (string.repeat)
        state->rcx = (state->rcx & ~mask) | ((state->rcx - done) & mask);
    state->groups |= VCPU_GROUP_GPR;
    if (complete && count == wanted)
        vcpu_advance(vcpu, string.length);
}

void vcpu_exit_io(struct vcpu *vcpu)
{
    struct vcpu_state *state = vcpu->state;
    uint64_t qualification = state->qualification;
    uint16_t port = (uint16_t)qualification;
    unsigned width = qualification >> VCPU_IO_WIDTH_SHIFT & 7;
    unsigned length;

    if (qualification & VCPU_IO_STRING) {
        string_io(vcpu);
        return;
    }
    length = vcpu_length(vcpu, DECODE_INTERCEPT_IN_OUT);
    if (!length)
        return;
    if (qualification & VCPU_IO_IN) {
        state->rax = merge(state->rax, port_bus_read(&vcpu->machine->ports, port, width), width);
        state->groups |= VCPU_GROUP_GPR;
    } else {
        port_bus_write(&vcpu->machine->ports, port, width, state->rax);
    }
    vcpu_advance(vcpu, length);
}
