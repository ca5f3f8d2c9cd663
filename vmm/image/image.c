/* SPDX-License-Identifier: MIT */
/*
 * ELF headers, the PVH note and segments. First everything is checked (image_check), then copied (image_copy), which
 * cannot fail. Structures are copied out of the file before use: nothing says that they are aligned there.
 */
#include "vmm/image/image.h"

#include "lib/string/string.h"
#include "vmm/image/linux.h"

/* The parts of the ELF-64 specification that a loader needs. */
struct elf_header {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, program_offset, section_offset;
    uint32_t flags;
    uint16_t header_size, program_entry_size, program_count;
    uint16_t section_entry_size, section_count, section_names;
};
_Static_assert(sizeof(struct elf_header) == 64, "ELF-64 header");

struct elf_segment {
    uint32_t type, flags;
    uint64_t offset, virtual_address, physical_address, file_size, memory_size, alignment;
};
_Static_assert(sizeof(struct elf_segment) == 56, "ELF-64 program header");

struct elf_note {
    uint32_t name_size, data_size, type;
};
_Static_assert(sizeof(struct elf_note) == 12, "ELF note header");

enum {
    ELF_CLASS_64 = 2,
    ELF_LITTLE_ENDIAN = 1,
    ELF_MACHINE_X86_64 = 62,
    ELF_TYPE_EXECUTABLE = 2,
    ELF_SEGMENT_LOAD = 1,
    ELF_SEGMENT_NOTE = 4,
    ELF_SEGMENTS_MAX = 64,
    XEN_NOTE_PHYS32_ENTRY = 18,
    /* Where guests look for an initramfs without a word about limits; 32-bit ones move it. */
    INITRAMFS_END = 0x80000000,
    COMMAND_LINE_MAX = 4095,
};

struct loader {
    const uint8_t *image;
    uint64_t size;
    const struct guest_ram *ram;
    struct elf_header header;
    struct image_error *error;
};

static enum status loader_fail(struct loader *loader, enum status status, const char *reason, uint64_t value)
{
    *loader->error = (struct image_error){reason, value};
    return status;
}

static bool loader_copy(const struct loader *loader, uint64_t offset, void *to, uint64_t length)
{
    if (!range_ok(offset, length, loader->size))
        return false;
    memcpy(to, loader->image + offset, length);
    return true;
}

static enum status header_check(struct loader *loader)
{
    struct elf_header *header = &loader->header;
    if (!loader_copy(loader, 0, header, sizeof *header))
        return loader_fail(loader, ERR_INVALID, "is too short for a kernel", loader->size);
    if (memcmp(header->ident, "\177ELF", 4) != 0)
        return loader_fail(loader, ERR_INVALID, "is neither an ELF file nor a bzImage", header->ident[0]);
    if (header->ident[4] != ELF_CLASS_64 || header->ident[5] != ELF_LITTLE_ENDIAN)
        return loader_fail(loader, ERR_INVALID, "is not a 64-bit little-endian ELF file", header->ident[4]);
    if (header->machine != ELF_MACHINE_X86_64)
        return loader_fail(loader, ERR_INVALID, "is for another processor than x86-64", header->machine);
    if (header->type != ELF_TYPE_EXECUTABLE)
        return loader_fail(loader, ERR_INVALID, "is not an executable ELF file", header->type);
    if (header->program_entry_size != sizeof(struct elf_segment))
        return loader_fail(loader, ERR_INVALID, "has program headers of a wrong size",
                           header->program_entry_size);
    if (header->program_count == 0 || header->program_count > ELF_SEGMENTS_MAX)
        return loader_fail(loader, ERR_INVALID, "has no or too many segments", header->program_count);
    uint64_t table_size = (uint64_t)header->program_count * sizeof(struct elf_segment);
    if (!range_ok(header->program_offset, table_size, loader->size))
        return loader_fail(loader, ERR_INVALID, "has its program headers outside the file",
                           header->program_offset);
    return OK;
}

/* The table was checked to lie inside the file. */
static struct elf_segment loader_segment(const struct loader *loader, unsigned index)
{
    struct elf_segment segment;
    memcpy(&segment, loader->image + loader->header.program_offset + index * sizeof segment, sizeof segment);
    return segment;
}

static enum status segment_check(struct loader *loader, const struct elf_segment *segment,
                                 struct image_loaded *out)
{
    uint64_t address = segment->physical_address;
    if (!range_ok(segment->offset, segment->file_size, loader->size))
        return loader_fail(loader, ERR_INVALID, "has a segment outside the file", segment->offset);
    if (segment->file_size > segment->memory_size)
        return loader_fail(loader, ERR_INVALID, "has a segment larger in the file than in memory", address);
    if (address < IMAGE_LOWEST_ADDRESS)
        return loader_fail(loader, ERR_RANGE, "has a segment below 1 MiB", address);
    if (!range_ok(address, segment->memory_size, loader->ram->low_size))
        return loader_fail(loader, ERR_RANGE, "has a segment outside guest RAM", address);
    if (address < out->lowest)
        out->lowest = address;
    if (address + segment->memory_size > out->end)
        out->end = address + segment->memory_size;
    return OK;
}

/* The entry point from the note's data, 4 or 8 bytes. */
static bool note_entry(const struct loader *loader, uint64_t data, uint32_t data_size, uint64_t *entry)
{
    *entry = 0;
    return (data_size == 4 || data_size == 8) && loader_copy(loader, data, entry, data_size);
}

/*
 * Walks the notes of one segment: header, name and data, each padded to 4 bytes. `left` shrinks by at least a header a
 * round. A malformed note ends the walk: it can only hide the entry point, and that is reported as missing.
 */
static bool segment_find_entry(const struct loader *loader, const struct elf_segment *segment,
                               uint64_t *entry)
{
    uint64_t at = segment->offset, left = segment->file_size;
    struct elf_note note;
    if (!range_ok(at, left, loader->size))
        return false;
    while (left >= sizeof note && loader_copy(loader, at, &note, sizeof note)) {
        uint64_t name_space = ((uint64_t)note.name_size + 3) & ~UINT64_C(3);
        uint64_t data_space = ((uint64_t)note.data_size + 3) & ~UINT64_C(3);
        uint64_t whole = sizeof note + name_space + data_space;
        if (whole > left)
            return false;
        const uint8_t *name = loader->image + at + sizeof note;
        if (note.type == XEN_NOTE_PHYS32_ENTRY && note.name_size == 4 && memcmp(name, "Xen", 4) == 0)
            return note_entry(loader, at + sizeof note + name_space, note.data_size, entry);
        at += whole;
        left -= whole;
    }
    return false;
}

static enum status image_check(struct loader *loader, struct image_loaded *out)
{
    uint64_t entry = 0;
    bool entry_found = false;
    for (unsigned i = 0; i < loader->header.program_count; i++) {
        struct elf_segment segment = loader_segment(loader, i);
        if (segment.type == ELF_SEGMENT_LOAD && segment.memory_size != 0) {
            enum status status = segment_check(loader, &segment, out);
            if (status != OK)
                return status;
        }
        if (segment.type == ELF_SEGMENT_NOTE && !entry_found)
            entry_found = segment_find_entry(loader, &segment, &entry);
    }
    if (!entry_found)
        return loader_fail(loader, ERR_INVALID, "has no PVH entry point (Xen note 18)", 0);
    if (out->end == 0)
        return loader_fail(loader, ERR_INVALID, "has nothing to load", 0);
    if (entry < out->lowest || entry >= out->end || entry > UINT32_MAX)
        return loader_fail(loader, ERR_INVALID, "has its PVH entry point outside its segments", entry);
    out->entry = (uint32_t)entry;
    return OK;
}

static void image_copy(const struct loader *loader)
{
    for (unsigned i = 0; i < loader->header.program_count; i++) {
        struct elf_segment segment = loader_segment(loader, i);
        if (segment.type != ELF_SEGMENT_LOAD || segment.memory_size == 0)
            continue;
        uint8_t *to = loader->ram->low + segment.physical_address;
        memcpy(to, loader->image + segment.offset, segment.file_size);
        memset(to + segment.file_size, 0, segment.memory_size - segment.file_size);
    }
}

enum status image_load(const void *image, uint64_t image_size, const struct guest_ram *ram,
                       struct image_loaded *out, struct image_error *error)
{
    struct loader loader = {.image = image, .size = image_size, .ram = ram, .error = error};
    struct image_loaded loaded = {
        .lowest = UINT64_MAX, .initramfs_end = INITRAMFS_END, .command_line_max = COMMAND_LINE_MAX};
    if (linux_image_is(image, image_size))
        return linux_image_load(image, image_size, ram, out, error);
    enum status status = header_check(&loader);
    if (status == OK)
        status = image_check(&loader, &loaded);
    if (status != OK)
        return status;
    image_copy(&loader);
    *out = loaded;
    return OK;
}
