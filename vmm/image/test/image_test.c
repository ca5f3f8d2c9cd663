/* SPDX-License-Identifier: MIT */
/*
 * The loader with a small kernel made here, with each field spoiled, with random mutations, and with a real vmlinux.
 */
#include <elf.h>

#include "test/check.h"
#include "vmm/image/image.h"

enum {
    RAM_SIZE = 4 << 20,
    CODE_OFFSET = 0x400,
    CODE_SIZE = 0x100,
    NOTE_OFFSET = 0x300,
    LOAD_ADDRESS = 0x200000,
};

struct kernel {
    Elf64_Ehdr header;
    Elf64_Phdr segments[2];
    uint8_t space[0x600];
};

static uint8_t *ram_bytes;
static struct guest_ram ram;

static void kernel_note(struct kernel *kernel, unsigned at, uint32_t type, const char *name, uint32_t value)
{
    Elf64_Nhdr note = {.n_namesz = 4, .n_descsz = 4, .n_type = type};
    uint8_t *to = (uint8_t *)kernel + NOTE_OFFSET + at;
    memcpy(to, &note, sizeof note);
    memcpy(to + 12, name, 4);
    memcpy(to + 16, &value, 4);
}

static struct kernel kernel_make(void)
{
    struct kernel kernel = {.header = {.e_type = ET_EXEC,
                                       .e_machine = EM_X86_64,
                                       .e_phoff = sizeof(Elf64_Ehdr),
                                       .e_phentsize = sizeof(Elf64_Phdr),
                                       .e_phnum = 2}};
    memcpy(kernel.header.e_ident, "\177ELF\2\1\1", 7);
    kernel.segments[0] = (Elf64_Phdr){.p_type = PT_LOAD,
                                      .p_offset = CODE_OFFSET,
                                      .p_paddr = LOAD_ADDRESS,
                                      .p_vaddr = 0xffffffff81000000,
                                      .p_filesz = CODE_SIZE,
                                      .p_memsz = CODE_SIZE * 2};
    kernel.segments[1] = (Elf64_Phdr){.p_type = PT_NOTE, .p_offset = NOTE_OFFSET, .p_filesz = 60};
    memset((uint8_t *)&kernel + CODE_OFFSET, 0x90, CODE_SIZE);
    kernel_note(&kernel, 0, 6, "Xen", 0x77);
    kernel_note(&kernel, 20, 18, "GNU", 0x88);
    kernel_note(&kernel, 40, 18, "Xen", LOAD_ADDRESS + 0x10);
    return kernel;
}

static const char *load(const struct kernel *kernel, enum status expected)
{
    struct image_loaded loaded = {.entry = 7};
    struct image_error error = {NULL, 0};
    CHECK_EQ(image_load(kernel, sizeof *kernel, &ram, &loaded, &error), expected);
    if (expected != OK)
        CHECK_EQ(loaded.entry, 7);
    return error.reason;
}

static void test_good(void)
{
    CASE("a good kernel is loaded, its zero part cleared");
    struct kernel kernel = kernel_make();
    struct image_loaded loaded;
    struct image_error error;
    memset(ram_bytes, 0xee, RAM_SIZE);
    CHECK_EQ(image_load(&kernel, sizeof kernel, &ram, &loaded, &error), OK);
    CHECK_EQ(loaded.entry, LOAD_ADDRESS + 0x10);
    CHECK_EQ(loaded.lowest, LOAD_ADDRESS);
    CHECK_EQ(loaded.end, LOAD_ADDRESS + 2 * CODE_SIZE);
    CHECK_EQ(ram_bytes[LOAD_ADDRESS - 1], 0xee);
    CHECK_EQ(ram_bytes[LOAD_ADDRESS], 0x90);
    CHECK_EQ(ram_bytes[LOAD_ADDRESS + CODE_SIZE - 1], 0x90);
    CHECK_EQ(ram_bytes[LOAD_ADDRESS + CODE_SIZE], 0);
    CHECK_EQ(ram_bytes[LOAD_ADDRESS + 2 * CODE_SIZE - 1], 0);
    CHECK_EQ(ram_bytes[LOAD_ADDRESS + 2 * CODE_SIZE], 0xee);
}

#define SPOILED(field, bad, status, text)       \
    do {                                        \
        struct kernel kernel = kernel_make();   \
        kernel.field = (bad);                   \
        CHECK_STR(load(&kernel, status), text); \
    } while (0)

static void test_spoiled(void)
{
    CASE("each wrong field is named");
    SPOILED(header.e_ident[0], 0, ERR_INVALID, "is neither an ELF file nor a bzImage");
    SPOILED(header.e_ident[4], 1, ERR_INVALID, "is not a 64-bit little-endian ELF file");
    SPOILED(header.e_machine, EM_AARCH64, ERR_INVALID, "is for another processor than x86-64");
    SPOILED(header.e_type, ET_REL, ERR_INVALID, "is not an executable ELF file");
    SPOILED(header.e_phentsize, 32, ERR_INVALID, "has program headers of a wrong size");
    SPOILED(header.e_phnum, 0, ERR_INVALID, "has no or too many segments");
    SPOILED(header.e_phnum, 65535, ERR_INVALID, "has no or too many segments");
    SPOILED(header.e_phoff, UINT64_MAX - 8, ERR_INVALID, "has its program headers outside the file");
    SPOILED(segments[0].p_offset, UINT64_MAX, ERR_INVALID, "has a segment outside the file");
    SPOILED(segments[0].p_filesz, 0x10000, ERR_INVALID, "has a segment outside the file");
    SPOILED(segments[0].p_memsz, 1, ERR_INVALID, "has a segment larger in the file than in memory");
    SPOILED(segments[0].p_paddr, 0x1000, ERR_RANGE, "has a segment below 1 MiB");
    SPOILED(segments[0].p_paddr, UINT64_MAX - 16, ERR_RANGE, "has a segment outside guest RAM");
    SPOILED(segments[0].p_memsz, RAM_SIZE, ERR_RANGE, "has a segment outside guest RAM");
    SPOILED(segments[0].p_type, PT_NULL, ERR_INVALID, "has nothing to load");
    SPOILED(segments[1].p_type, PT_NULL, ERR_INVALID, "has no PVH entry point (Xen note 18)");
    SPOILED(segments[1].p_filesz, 50, ERR_INVALID, "has no PVH entry point (Xen note 18)");
    SPOILED(segments[1].p_offset, UINT64_MAX - 3, ERR_INVALID, "has no PVH entry point (Xen note 18)");
}

static void test_others(void)
{
    struct kernel kernel = kernel_make();
    struct image_loaded loaded = {.entry = 7};
    struct image_error error = {NULL, 0};

    CASE("an entry point outside the segments");
    kernel_note(&kernel, 40, 18, "Xen", LOAD_ADDRESS - 1);
    CHECK_STR(load(&kernel, ERR_INVALID), "has its PVH entry point outside its segments");

    CASE("a note whose size overflows");
    kernel = kernel_make();
    Elf64_Nhdr note = {.n_namesz = 0xfffffffe, .n_descsz = 0xfffffffe, .n_type = 1};
    memcpy((uint8_t *)&kernel + NOTE_OFFSET, &note, sizeof note);
    CHECK_STR(load(&kernel, ERR_INVALID), "has no PVH entry point (Xen note 18)");

    CASE("empty and short files");
    CHECK_EQ(image_load("", 0, &ram, &loaded, &error), ERR_INVALID);
    CHECK_STR(error.reason, "is too short for a kernel");
    CHECK_EQ(loaded.entry, 7);
}

/* Guest RAM is heap memory of its exact size: the sanitizer sees every byte too far. */
static void test_mutations(void)
{
    CASE("random mutations never reach outside");
    uint64_t state = 88172645463325252;
    unsigned accepted = 0;
    for (unsigned i = 0; i < 300000; i++) {
        struct kernel *kernel = malloc(sizeof *kernel);
        *kernel = kernel_make();
        for (unsigned j = 0; j < 1 + i % 4; j++) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            size_t area = sizeof kernel->header + sizeof kernel->segments + 60;
            size_t at = (state >> 8) % area;
            if (at >= sizeof kernel->header + sizeof kernel->segments)
                at = NOTE_OFFSET + at - sizeof kernel->header - sizeof kernel->segments;
            ((uint8_t *)kernel)[at] = (uint8_t)(state >> 40);
        }
        struct image_loaded loaded;
        struct image_error error = {NULL, 0};
        uint64_t size = i % 3 ? sizeof *kernel : (state >> 20) % sizeof *kernel;
        if (image_load(kernel, size, &ram, &loaded, &error) == OK)
            accepted++;
        else
            CHECK(error.reason != NULL);
        free(kernel);
    }
    CHECK(accepted > 1000);
}

static void test_linux(void)
{
    FILE *file = fopen("build/guest/vmlinux", "rb");
    if (!file) {
        printf("     build/guest/vmlinux is not there: not tried\n");
        return;
    }
    CASE("Debian's vmlinux");
    fseek(file, 0, SEEK_END);
    size_t size = (size_t)ftell(file);
    rewind(file);
    uint8_t *image = malloc(size), *memory = malloc(128 << 20);
    REQUIRE(image && memory && fread(image, 1, size, file) == size);
    struct guest_ram large = {.low = memory, .low_size = 128 << 20};
    struct image_loaded loaded;
    struct image_error error = {NULL, 0};
    CHECK_EQ(image_load(image, size, &large, &loaded, &error), OK);
    CHECK_EQ(loaded.lowest, 0x1000000);
    CHECK(loaded.entry > loaded.lowest && loaded.entry < loaded.end);
    large.low_size = loaded.end - 1;
    CHECK_EQ(image_load(image, size, &large, &loaded, &error), ERR_RANGE);
    CHECK_STR(error.reason, "has a segment outside guest RAM");
    free(image);
    free(memory);
    fclose(file);
}

int main(void)
{
    ram_bytes = malloc(RAM_SIZE);
    REQUIRE(ram_bytes != NULL);
    ram = (struct guest_ram){.low = ram_bytes, .low_size = RAM_SIZE};
    test_good();
    test_spoiled();
    test_others();
    test_mutations();
    test_linux();
    free(ram_bytes);
    return check_finish();
}
