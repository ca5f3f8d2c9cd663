/* SPDX-License-Identifier: MIT */
/*
 * The ELF reader: this test's own image is good, and then it is damaged in every field.
 */
#include "lib/child/elf.h"

#include "test/check.h"

#include <elf.h>

#define TEXT 0x400000ull
#define DATA 0x402000ull

static struct image {
    Elf64_Ehdr header;
    Elf64_Phdr program[ELF_SEGMENTS_MAX + 2];
    char text[64];
    char data[32];
} image;

/* The writable segment's last 4096 bytes are not in the file. */
static void image_reset(void)
{
    memset(&image, 0, sizeof(image));
    memcpy(image.header.e_ident, ELFMAG, SELFMAG);
    image.header.e_ident[EI_CLASS] = ELFCLASS64;
    image.header.e_ident[EI_DATA] = ELFDATA2LSB;
    image.header.e_ident[EI_VERSION] = EV_CURRENT;
    image.header.e_type = ET_EXEC;
    image.header.e_machine = EM_X86_64;
    image.header.e_version = EV_CURRENT;
    image.header.e_entry = TEXT + 16;
    image.header.e_phoff = offsetof(struct image, program);
    image.header.e_phentsize = sizeof(Elf64_Phdr);
    image.header.e_phnum = 2;
    image.program[0] = (Elf64_Phdr){.p_type = PT_LOAD,
                                    .p_flags = PF_R | PF_X,
                                    .p_offset = offsetof(struct image, text),
                                    .p_vaddr = TEXT,
                                    .p_filesz = sizeof(image.text),
                                    .p_memsz = sizeof(image.text)};
    image.program[1] = (Elf64_Phdr){.p_type = PT_LOAD,
                                    .p_flags = PF_R | PF_W,
                                    .p_offset = offsetof(struct image, data),
                                    .p_vaddr = DATA,
                                    .p_filesz = sizeof(image.data),
                                    .p_memsz = sizeof(image.data) + 4096};
}

static enum status parse(void)
{
    struct elf_image out = {.entry = 77};
    enum status status = elf_parse(&image, sizeof(image), &out);

    if (status != OK)
        CHECK_EQ(out.entry, 77); /* outputs are untouched on errors */
    return status;
}

static void test_good(void)
{
    struct elf_image out;

    CASE("a good image is taken apart");
    image_reset();
    CHECK_EQ(elf_parse(&image, sizeof(image), &out), OK);
    CHECK_EQ(out.entry, TEXT + 16);
    CHECK_EQ(out.segment_count, 2);
    CHECK(out.segments[0].execute && !out.segments[0].write);
    CHECK(out.segments[1].write && !out.segments[1].execute);
    CHECK_EQ(out.segments[1].address, DATA);
    CHECK_EQ(out.segments[1].file_offset, offsetof(struct image, data));
    CHECK_EQ(out.segments[1].memory_size, sizeof(image.data) + 4096);
}

#define BROKEN(statement, expected)  \
    do {                             \
        image_reset();               \
        statement;                   \
        CHECK_EQ(parse(), expected); \
    } while (0)

static void test_header(void)
{
    CASE("a header that is none of ours");
    BROKEN(image.header.e_ident[0] = 'x', ERR_INVALID);
    BROKEN(image.header.e_ident[EI_CLASS] = ELFCLASS32, ERR_INVALID);
    BROKEN(image.header.e_ident[EI_DATA] = ELFDATA2MSB, ERR_INVALID);
    BROKEN(image.header.e_type = ET_DYN, ERR_INVALID);
    BROKEN(image.header.e_machine = EM_386, ERR_INVALID);
    BROKEN(image.header.e_phentsize = 32, ERR_INVALID);
    BROKEN(image.header.e_phnum = 0, ERR_INVALID);
    BROKEN(image.header.e_phnum = 0xffff, ERR_INVALID);
    CASE("program headers outside the file");
    BROKEN(image.header.e_phoff = sizeof(image), ERR_RANGE);
    BROKEN(image.header.e_phoff = UINT64_MAX - 8, ERR_RANGE);
    BROKEN(image.header.e_phoff = sizeof(image) - 56, ERR_RANGE);
    CASE("an entry point where no code is");
    BROKEN(image.header.e_entry = DATA, ERR_INVALID);
    BROKEN(image.header.e_entry = TEXT - 1, ERR_INVALID);
    BROKEN(image.header.e_entry = TEXT + sizeof(image.text), ERR_INVALID);
    BROKEN(image.header.e_entry = UINT64_MAX, ERR_INVALID);
}

static void test_segments(void)
{
    CASE("segments outside the file or the address space");
    BROKEN(image.program[0].p_offset = UINT64_MAX, ERR_RANGE);
    BROKEN(image.program[1].p_offset = sizeof(image) - 1, ERR_RANGE);
    BROKEN(image.program[1].p_vaddr = UINT64_MAX - 16, ERR_RANGE);
    BROKEN(image.program[1].p_vaddr = ELF_ADDRESS_END - 16, ERR_RANGE);
    BROKEN(image.program[0].p_vaddr = 0, ERR_RANGE);
    BROKEN(image.program[1].p_memsz = UINT64_MAX, ERR_RANGE);
    BROKEN(image.program[1].p_memsz = ELF_MEMORY_MAX + 1, ERR_RANGE);
    CASE("segments that contradict themselves or each other");
    BROKEN(image.program[1].p_memsz = 1, ERR_INVALID);
    BROKEN(image.program[1].p_flags = PF_R | PF_W | PF_X, ERR_INVALID);
    BROKEN(image.program[1].p_vaddr = TEXT + 64, ERR_INVALID);
    BROKEN(image.program[1].p_vaddr = TEXT - 4096, ERR_INVALID);
    BROKEN(image.program[0].p_type = PT_INTERP, ERR_INVALID);
    BROKEN(image.program[1].p_type = PT_DYNAMIC, ERR_INVALID);
    CASE("too many segments");
    image_reset();
    image.header.e_phnum = ELF_SEGMENTS_MAX + 1;
    for (unsigned i = 2; i <= ELF_SEGMENTS_MAX; i++) {
        image.program[i] = image.program[1];
        image.program[i].p_vaddr = DATA + i * 0x10000;
    }
    CHECK_EQ(parse(), ERR_OVERFLOW);
}

/* Every length of the file and every value of every byte of the headers: no access outside (the sanitizer watches). */
static void test_damage(void)
{
    struct elf_image out;

    CASE("a cut file is refused or read within its bounds");
    image_reset();
    for (size_t size = 0; size < sizeof(image); size++) {
        char *copy = malloc(size ? size : 1);

        memcpy(copy, &image, size);
        if (elf_parse(copy, size, &out) == OK)
            for (unsigned i = 0; i < out.segment_count; i++)
                CHECK(out.segments[i].file_offset + out.segments[i].file_size <= size);
        free(copy);
    }
    CASE("single damaged bytes never lead outside the file");
    for (size_t at = 0; at < offsetof(struct image, program[2]); at++) {
        for (unsigned value = 0; value < 256; value++) {
            image_reset();
            ((unsigned char *)&image)[at] = (unsigned char)value;
            if (elf_parse(&image, sizeof(image), &out) != OK)
                continue;
            for (unsigned i = 0; i < out.segment_count; i++)
                CHECK(out.segments[i].file_size <= sizeof(image) &&
                      out.segments[i].file_offset <= sizeof(image) - out.segments[i].file_size);
        }
    }
}

int main(void)
{
    test_good();
    test_header();
    test_segments();
    test_damage();
    return check_finish();
}
