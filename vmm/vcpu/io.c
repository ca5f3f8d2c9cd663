/* SPDX-License-Identifier: MIT */
/*
 * Port accesses. Strings (INS, OUTS) move through guest memory, one element after another.
 */
#include "vmm/decode/alu.h"
#include "vmm/vcpu/operand.h"

#define RFLAGS_DF (1u << 10)
/* Elements of one exit; a REP with more comes back, so that it cannot hold up the monitor. */
#define STRING_ELEMENTS_MAX 256u

static uint64_t segment_base(const struct vcpu_state *state, enum decode_segment segment)
{
    const struct vcpu_segment *segments[] = {&state->es, &state->cs, &state->ss,
                                             &state->ds, &state->fs, &state->gs};

    if (vcpu_mode(state) == DECODE_LONG && segment < DECODE_FS)
        return 0;
    return segments[segment]->base;
}

/* False: the guest gets a #PF, and nothing was moved. */
static bool string_element(struct vcpu *vcpu, uint16_t port, const struct decoded_intercept *string,
                           uint64_t linear)
{
    struct port_bus *ports = &vcpu->machine->ports;
    struct operand operand = {.vcpu = vcpu};
    uint64_t value;
    enum status status;

    vcpu_devices(vcpu);
    if (string->write) {
        status = operand_read(&operand, linear, string->width, &value);
        if (status == OK)
            port_bus_write(ports, port, string->width, value);
    } else {
        status = operand_check(&operand, linear, string->width);
        if (status == OK)
            status =
                operand_write(&operand, linear, string->width, port_bus_read(ports, port, string->width));
    }
    if (status != OK)
        operand_fault(&operand);
    return status == OK;
}

/* Moves `count` elements at most; returns how many. Fewer: the exception is raised. */
static uint64_t string_run(struct vcpu *vcpu, const struct decoded_intercept *string, uint64_t *index,
                           uint64_t count)
{
    const struct vcpu_state *state = vcpu->state;
    uint64_t mask = alu_mask(string->address_width);
    uint64_t step = state->rflags & RFLAGS_DF ? (uint64_t) - (int64_t)string->width : string->width;
    uint64_t base = segment_base(state, string->write ? string->segment : DECODE_ES);
    uint64_t done;

    for (done = 0; done < count; done++) {
        uint64_t linear = base + (*index & mask);

        if (vcpu_mode(state) != DECODE_LONG)
            linear = (uint32_t)linear;
        if (!string_element(vcpu, (uint16_t)state->rdx, string, linear))
            break;
        if (string->address_width == 4)
            *index = (uint32_t)(*index + step); /* 32-bit results clear the upper half */
        else
            *index = (*index & ~mask) | ((*index + step) & mask);
    }
    return done;
}

static void string_io(struct vcpu *vcpu)
{
    struct vcpu_state *state = vcpu->state;
    struct decoded_intercept string;
    uint8_t bytes[DECODE_BYTES_MAX];

    if (!vcpu_need(vcpu, VCPU_GROUP_CR | VCPU_GROUP_CODE | VCPU_GROUP_SEGMENT))
        return;
    size_t size = vcpu_fetch(vcpu, bytes);
    if (decode_intercepted(bytes, size, vcpu_mode(state), DECODE_INTERCEPT_INS_OUTS, &string) != OK) {
        vcpu_fail(vcpu, "cannot decode string I/O on port %x", (unsigned)(state->qualification & 0xffff));
        return;
    }

    uint64_t mask = alu_mask(string.address_width);
    uint64_t wanted = string.repeat ? state->rcx & mask : 1;
    uint64_t count = wanted < STRING_ELEMENTS_MAX ? wanted : STRING_ELEMENTS_MAX;
    uint64_t done = string_run(vcpu, &string, string.write ? &state->rsi : &state->rdi, count);

    if (string.repeat && (done || string.address_width != 4))
        state->rcx = (string.address_width == 4 ? 0 : state->rcx & ~mask) | ((state->rcx - done) & mask);
    state->groups |= VCPU_GROUP_GPR;
    if (done == wanted)
        vcpu_advance(vcpu, string.length);
}

void vcpu_exit_io(struct vcpu *vcpu)
{
    struct vcpu_state *state = vcpu->state;
    uint64_t qualification = state->qualification;
    uint16_t port = (uint16_t)qualification;
    unsigned width = qualification >> VCPU_IO_WIDTH_SHIFT & 7;
    unsigned length = state->instruction_length;

    if (qualification & VCPU_IO_STRING) {
        string_io(vcpu);
        return;
    }
    if (!length && vcpu_need(vcpu, VCPU_GROUP_CR | VCPU_GROUP_CODE))
        length = vcpu_length(vcpu, DECODE_INTERCEPT_IN_OUT);
    if (!length)
        return;
    vcpu_devices(vcpu);
    if (qualification & VCPU_IO_IN) {
        uint64_t kept =
            width < 4 ? state->rax & ~alu_mask(width) : 0; /* 32-bit writes clear the upper half */

        state->rax = kept | port_bus_read(&vcpu->machine->ports, port, width);
        state->groups |= VCPU_GROUP_GPR;
    } else {
        port_bus_write(&vcpu->machine->ports, port, width, state->rax);
    }
    vcpu_advance(vcpu, length);
}
