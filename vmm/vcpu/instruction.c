/* SPDX-License-Identifier: MIT */
/*
 * The instruction that made an exit: the mode it runs in, its bytes, its length.
 */
#include "vmm/vcpu/vcpu.h"

#include "lib/string/string.h"

#define CR0_PE             1u
#define RFLAGS_VM          (1u << 17)
#define SEGMENT_DEFAULT_32 (1u << 10)

enum decode_mode vcpu_mode(const struct vcpu_state *state)
{
    if (!(state->cr0 & CR0_PE) || state->rflags & RFLAGS_VM)
        return DECODE_REAL;
    if (state->cs.attributes & VCPU_SEGMENT_LONG)
        return DECODE_LONG;
    return state->cs.attributes & SEGMENT_DEFAULT_32 ? DECODE_PROTECTED32 : DECODE_PROTECTED16;
}

struct translate_mode vcpu_translation(const struct vcpu_state *state)
{
    return (struct translate_mode){state->cr0, state->cr3, state->cr4, state->efer};
}

unsigned vcpu_privilege(const struct vcpu_state *state)
{
    return state->ss.attributes >> 5 & 3;
}

size_t vcpu_fetch(struct vcpu *vcpu, uint8_t bytes[DECODE_BYTES_MAX])
{
    struct vcpu_state *state = vcpu->state;
    struct translate_mode mode = vcpu_translation(state);
    uint64_t linear = state->rip;
    const uint8_t *code = vcpu_code_opt(vcpu, state);

    if (code) {
        __builtin_memcpy(bytes, code, DECODE_BYTES_MAX);
        return DECODE_BYTES_MAX;
    }
    if (state->instruction_valid && state->instruction_valid <= DECODE_BYTES_MAX) {
        memcpy(bytes, state->instruction, state->instruction_valid);
        return state->instruction_valid;
    }
    if (vcpu_mode(state) != DECODE_LONG)
        linear = (uint32_t)(state->cs.base + (uint32_t)state->rip);
    return translate_read(vcpu->ram, &mode, linear, bytes, DECODE_BYTES_MAX);
}

unsigned vcpu_length(struct vcpu *vcpu, enum decode_intercept kind)
{
    uint8_t bytes[DECODE_BYTES_MAX];
    char text[DECODE_TEXT_SIZE];
    uint8_t length;

    if (vcpu->state->instruction_length)
        return vcpu->state->instruction_length;
    size_t count = vcpu_fetch(vcpu, bytes);
    if (decode_length(bytes, count, vcpu_mode(vcpu->state), kind, &length) == OK)
        return length;
    decode_bytes_text(bytes, count, text);
    vcpu_fail(vcpu, "cannot tell the length of the intercepted instruction %s", text);
    return 0;
}

const struct decoded_instruction *vcpu_decode_opt(struct vcpu *vcpu)
{
    const struct vcpu_state *state = vcpu->state;
    struct vcpu_decoded *entry = &vcpu->decoded[(state->rip ^ state->rip >> 6) % VCPU_DECODED];
    uint64_t bytes[2] = {0};
    uint8_t count = (uint8_t)vcpu_fetch(vcpu, (uint8_t *)bytes);
    enum decode_mode mode = vcpu_mode(state);
    char text[DECODE_TEXT_SIZE];

    if (entry->count == count && entry->mode == mode && entry->bytes[0] == bytes[0] &&
        entry->bytes[1] == bytes[1] && count)
        return &entry->instruction;
    entry->count = 0;
    if (decode_instruction((const uint8_t *)bytes, count, mode, &entry->instruction) != OK) {
        decode_bytes_text((const uint8_t *)bytes, count, text);
        vcpu_fail(vcpu, "cannot emulate %s for guest-physical %lx", text, state->guest_physical);
        return NULL;
    }
    memcpy(entry->bytes, bytes, sizeof(bytes));
    entry->count = count;
    entry->mode = (uint8_t)mode;
    return &entry->instruction;
}
