/* SPDX-License-Identifier: MIT */
/*
 * ELF64 (System V ABI, "Object Files"): header and program headers. Each is copied out of the file before it is looked at.
 */
#include "lib/child/elf.h"

#include "lib/range/range.h"
#include "lib/string/string.h"

struct elf_header {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, phoff, shoff;
    uint32_t flags;
    uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf_program_header {
    uint32_t type, flags;
    uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

_Static_assert(sizeof(struct elf_header) == 64, "ELF64");
_Static_assert(sizeof(struct elf_program_header) == 56, "ELF64");

enum {
    ELF_CLASS_64 = 2,
    ELF_DATA_LITTLE = 1,
    ELF_VERSION = 1,
    ELF_TYPE_EXECUTABLE = 2,
    ELF_MACHINE_X86_64 = 62,
    ELF_PROGRAM_LOAD = 1,
    ELF_PROGRAM_DYNAMIC = 2,
    ELF_PROGRAM_INTERPRETER = 3,
    ELF_FLAG_EXECUTE = 1,
    ELF_FLAG_WRITE = 2,
    ELF_PROGRAM_HEADERS_MAX = 64,
};

#define PAGE_MASK 4095ull

static uint64_t page_down(uint64_t address)
{
    return address & ~PAGE_MASK;
}

static enum status header_read(const void *file, uint64_t size, struct elf_header *out)
{
    static const uint8_t magic[4] = {0x7f, 'E', 'L', 'F'};

    if (!range_ok(0, sizeof(*out), size))
        return ERR_INVALID;
    memcpy(out, file, sizeof(*out));
    if (memcmp(out->ident, magic, sizeof(magic)) != 0 || out->ident[4] != ELF_CLASS_64 ||
        out->ident[5] != ELF_DATA_LITTLE || out->ident[6] != ELF_VERSION || out->version != ELF_VERSION ||
        out->type != ELF_TYPE_EXECUTABLE || out->machine != ELF_MACHINE_X86_64 ||
        out->phentsize != sizeof(struct elf_program_header) || out->phnum == 0 ||
        out->phnum > ELF_PROGRAM_HEADERS_MAX)
        return ERR_INVALID;
    return range_ok(out->phoff, (uint64_t)out->phnum * out->phentsize, size) ? OK : ERR_RANGE;
}

static enum status segment_check(const struct elf_program_header *p, uint64_t size)
{
    if ((p->flags & (ELF_FLAG_WRITE | ELF_FLAG_EXECUTE)) == (ELF_FLAG_WRITE | ELF_FLAG_EXECUTE) ||
        p->filesz > p->memsz)
        return ERR_INVALID;
    if (!range_ok(p->offset, p->filesz, size) || p->memsz > ELF_MEMORY_MAX || p->vaddr < ELF_ADDRESS_MIN ||
        !range_ok(p->vaddr, p->memsz, ELF_ADDRESS_END))
        return ERR_RANGE;
    return OK;
}

/* Segments ascend, and no page belongs to two. */
static enum status segment_add(struct elf_image *image, const struct elf_program_header *p)
{
    if (image->segment_count == ELF_SEGMENTS_MAX)
        return ERR_OVERFLOW;
    if (image->segment_count) {
        const struct elf_segment *last = &image->segments[image->segment_count - 1];

        if (page_down(p->vaddr) <= page_down(last->address + last->memory_size - 1))
            return ERR_INVALID;
    }
    image->segments[image->segment_count++] = (struct elf_segment){.address = p->vaddr,
                                                                   .memory_size = p->memsz,
                                                                   .file_offset = p->offset,
                                                                   .file_size = p->filesz,
                                                                   .write = p->flags & ELF_FLAG_WRITE,
                                                                   .execute = p->flags & ELF_FLAG_EXECUTE};
    return OK;
}

static enum status program_header_use(const struct elf_program_header *p, uint64_t size,
                                      struct elf_image *image)
{
    if (p->type == ELF_PROGRAM_DYNAMIC || p->type == ELF_PROGRAM_INTERPRETER)
        return ERR_INVALID;
    if (p->type != ELF_PROGRAM_LOAD || p->memsz == 0)
        return OK;
    enum status status = segment_check(p, size);

    return status == OK ? segment_add(image, p) : status;
}

static bool entry_ok(const struct elf_image *image)
{
    for (unsigned i = 0; i < image->segment_count; i++) {
        const struct elf_segment *s = &image->segments[i];

        if (s->execute && image->entry >= s->address && image->entry - s->address < s->file_size)
            return true;
    }
    return false;
}

enum status elf_parse(const void *file, uint64_t size, struct elf_image *out)
{
    struct elf_header header;
    struct elf_image image = {0};
    enum status status = header_read(file, size, &header);

    if (status != OK)
        return status;
    for (unsigned i = 0; i < header.phnum; i++) {
        struct elf_program_header p;

        memcpy(&p, (const char *)file + header.phoff + i * sizeof(p), sizeof(p));
        status = program_header_use(&p, size, &image);
        if (status != OK)
            return status;
    }
    image.entry = header.entry;
    if (!entry_ok(&image))
        return ERR_INVALID;
    *out = image;
    return OK;
}
