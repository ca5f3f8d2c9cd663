/* SPDX-License-Identifier: MIT */
/* See operand.h. */
#include "vmm/vcpu/operand.h"

#include "lib/string/string.h"

#define PAGE_MASK         0xfffull
#define CR4_SMAP          (1u << 21)
#define RFLAGS_AC         (1u << 18)
#define VECTOR_PAGE_FAULT 14u

/* One or two pieces, each in one page. */
struct piece {
    uint64_t physical;
    unsigned length;
};

void operand_known(struct operand *operand, uint64_t linear, uint64_t physical)
{
    if ((linear ^ physical) & PAGE_MASK)
        return;
    operand->known = true;
    operand->linear_page = linear & ~PAGE_MASK;
    operand->physical_page = physical & ~PAGE_MASK;
}

static enum status look_up(struct operand *operand, uint64_t linear, bool write, uint64_t *physical)
{
    const struct vcpu_state *state = operand->vcpu->state;
    struct translate_mode mode = vcpu_translation(state);
    struct translate_access access = {
        .write = write,
        .user = vcpu_privilege(state) == 3,
        .user_pages_closed = state->cr4 & CR4_SMAP && !(state->rflags & RFLAGS_AC),
    };
    enum status status =
        translate_data(operand->vcpu->ram, &mode, linear, access, physical, &operand->fault_error);

    if (status != OK)
        operand->fault = linear;
    return status;
}

static inline enum status locate(struct operand *operand, uint64_t linear, bool write, uint64_t *physical)
{
    if (!operand->known || (linear & ~PAGE_MASK) != operand->linear_page)
        return look_up(operand, linear, write, physical);
    *physical = operand->physical_page | (linear & PAGE_MASK);
    return OK;
}

static enum status split(struct operand *operand, uint64_t linear, unsigned width, bool write,
                         struct piece piece[2])
{
    uint64_t room = PAGE_MASK + 1 - (linear & PAGE_MASK);
    enum status status = locate(operand, linear, write, &piece[0].physical);

    piece[0].length = width;
    piece[1].length = 0;
    if (status != OK || width <= room)
        return status;
    piece[0].length = (unsigned)room;
    piece[1].length = width - (unsigned)room;
    return locate(operand, linear + room, write, &piece[1].physical);
}

static uint64_t piece_read(struct operand *operand, const struct piece *piece)
{
    struct vcpu *vcpu = operand->vcpu;
    const void *ram = guest_ram_at(vcpu->ram, piece->physical, piece->length);
    uint64_t value = 0;

    if (ram) {
        memcpy(&value, ram, piece->length);
        return value;
    }
    vcpu_devices(vcpu);
    if (!(piece->length & (piece->length - 1)))
        return machine_memory_read(vcpu->machine, vcpu->lapic, piece->physical, piece->length);
    for (unsigned i = 0; i < piece->length; i++) /* a part of 3, 5, 6 or 7 bytes */
        value |= machine_memory_read(vcpu->machine, vcpu->lapic, piece->physical + i, 1) << 8 * i;
    return value;
}

static void piece_write(struct operand *operand, const struct piece *piece, uint64_t value)
{
    struct vcpu *vcpu = operand->vcpu;
    void *ram = guest_ram_at(vcpu->ram, piece->physical, piece->length);

    if (ram) {
        memcpy(ram, &value, piece->length);
        return;
    }
    vcpu_devices(vcpu);
    if (!(piece->length & (piece->length - 1)))
        machine_memory_write(vcpu->machine, vcpu->lapic, piece->physical, piece->length, value);
    else
        for (unsigned i = 0; i < piece->length; i++)
            machine_memory_write(vcpu->machine, vcpu->lapic, piece->physical + i, 1, value >> 8 * i);
}

enum status operand_read(void *operand, uint64_t linear, unsigned width, uint64_t *value)
{
    struct piece piece[2];
    enum status status = split(operand, linear, width, false, piece);

    if (status != OK)
        return status;
    *value = piece_read(operand, &piece[0]);
    if (piece[1].length)
        *value |= piece_read(operand, &piece[1]) << 8 * piece[0].length;
    return OK;
}

enum status operand_write(void *operand, uint64_t linear, unsigned width, uint64_t value)
{
    struct piece piece[2];
    enum status status = split(operand, linear, width, true, piece);

    if (status != OK)
        return status;
    piece_write(operand, &piece[0], value);
    if (piece[1].length)
        piece_write(operand, &piece[1], value >> 8 * piece[0].length);
    return OK;
}

enum status operand_check(struct operand *operand, uint64_t linear, unsigned width)
{
    struct piece piece[2];

    return split(operand, linear, width, true, piece);
}

void operand_fault(const struct operand *operand)
{
    struct vcpu_state *state = operand->vcpu->state;

    state->cr2 = operand->fault;
    state->groups |= VCPU_GROUP_CR;
    vcpu_raise(operand->vcpu, VECTOR_PAGE_FAULT, true, operand->fault_error);
}
