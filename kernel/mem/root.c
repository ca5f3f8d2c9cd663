/* SPDX-License-Identifier: MIT */
/*
 * Loads the root task. Its image comes from outside, so every offset and size is checked; each segment gets fresh frames,
 * and no frame is both writable and executable.
 */
#include "kernel/mem/root.h"

#include "kernel/mem/memory.h"

/* ELF-64 (System V ABI, chapter 4), as far as a static executable needs it. */
struct elf_header {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, program_offset, section_offset;
    uint32_t flags;
    uint16_t size, program_size, program_count, section_size, section_count, section_names;
};

struct elf_program {
    uint32_t type, flags;
    uint64_t offset, virtual, physical, file_size, memory_size, align;
};

_Static_assert(sizeof(struct elf_header) == 64 && sizeof(struct elf_program) == 56, "ELF");

enum elf {
    ELF_EXECUTABLE = 2,
    ELF_X86_64 = 62,
    ELF_LOAD = 1,
    ELF_EXECUTE = 1,
    ELF_WRITE = 2,
};

#define ENTRY_PAGES_MAX 1024u /* of one mapping: what space_update does at one go */

static void layout_add(struct root_layout *out, uint64_t virtual, const void *frames, uint64_t pages,
                       unsigned flags)
{
    for (uint64_t done = 0, part; done < pages; done += part) {
        part = pages - done > ENTRY_PAGES_MAX ? ENTRY_PAGES_MAX : pages - done;
        if (out->mapping_count == ROOT_MAPPINGS_MAX)
            panic("the root task has too many segments, or too large ones");
        out->mappings[out->mapping_count++] = (struct space_entry){
            .virtual = virtual + done * FRAME_SIZE,
            .physical = virt_to_phys(frames) + done * FRAME_SIZE,
            .pages = (uint32_t)part,
            .operation = SPACE_MAP,
            .flags = (uint16_t)flags,
        };
    }
}

static void segment_load(const struct root_image *image, const struct elf_program *program,
                         struct root_layout *out)
{
    uint64_t skip = program->virtual % FRAME_SIZE, pages;
    unsigned flags =
        (program->flags & ELF_WRITE ? SPACE_WRITE : 0u) | (program->flags & ELF_EXECUTE ? SPACE_EXECUTE : 0u);
    uint8_t *frames;

    if (program->file_size > program->memory_size || program->offset > image->elf_size ||
        program->file_size > image->elf_size - program->offset)
        panic("a segment of the root task reaches beyond its file");
    if (program->virtual < FRAME_SIZE || program->virtual >= ROOT_BOOT_INFO ||
        program->memory_size > ROOT_BOOT_INFO - program->virtual)
        panic("a segment of the root task lies at %lx, which is not its own", program->virtual);
    if (flags == (SPACE_WRITE | SPACE_EXECUTE))
        panic("a segment of the root task is writable and executable");
    pages = (skip + program->memory_size + FRAME_SIZE - 1) / FRAME_SIZE;
    frames = boot_alloc(pages, BOOT_MEMORY_ROOT);
    memcpy(frames + skip, (const uint8_t *)image->elf + program->offset, program->file_size);
    layout_add(out, program->virtual - skip, frames, pages, flags);
}

static const struct elf_header *header_check(const struct root_image *image)
{
    const struct elf_header *header = image->elf;
    static const uint8_t magic[4] = {0x7f, 'E', 'L', 'F'};

    if (image->elf_size < sizeof(*header) || memcmp(header->ident, magic, sizeof(magic)))
        panic("the root task is not an ELF file");
    if (header->ident[4] != 2 || header->ident[5] != 1 || header->type != ELF_EXECUTABLE ||
        header->machine != ELF_X86_64)
        panic("the root task is not a static x86-64 program");
    if (header->program_size != sizeof(struct elf_program) || header->program_offset > image->elf_size ||
        header->program_count > (image->elf_size - header->program_offset) / sizeof(struct elf_program) ||
        header->program_offset % 8)
        panic("the root task's program headers reach beyond its file");
    if (header->entry >= USER_ADDRESS_END)
        panic("the root task's entry is no user address");
    return header;
}

void root_layout_build(const struct root_image *image, struct root_layout *out)
{
    const struct elf_header *header = header_check(image);
    const struct elf_program *program = (const void *)((const uint8_t *)image->elf + header->program_offset);
    void *stack = boot_alloc(ROOT_STACK_SIZE / FRAME_SIZE, BOOT_MEMORY_ROOT);
    void *area = boot_alloc(1, BOOT_MEMORY_ROOT);
    void *info = boot_alloc(1, BOOT_MEMORY_ROOT);

    *out = (struct root_layout){
        .entry = header->entry,
        .message_area = virt_to_phys(area),
        .boot_info = virt_to_phys(info),
    };
    layout_add(out, ROOT_STACK_TOP - ROOT_STACK_SIZE, stack, ROOT_STACK_SIZE / FRAME_SIZE, SPACE_WRITE);
    layout_add(out, ROOT_MESSAGE_AREA, area, 1, SPACE_WRITE);
    layout_add(out, ROOT_BOOT_INFO, info, 1, 0);
    for (unsigned i = 0; i < header->program_count; i++)
        if (program[i].type == ELF_LOAD && program[i].memory_size)
            segment_load(image, &program[i], out);
}

void root_layout_finish(const struct root_layout *layout)
{
    boot_info_write(phys_to_virt(layout->boot_info));
}
