/* SPDX-License-Identifier: MIT */
/*
 * bzImage files: a small one made here, with each field spoiled, with random mutations, and Debian's vmlinuz.
 */
#include "test/check.h"
#include "vmm/image/image.h"
#include "vmm/image/linux.h"

enum {
    RAM_SIZE = 8 << 20,
    SETUP_SECTORS = 1,
    CODE_OFFSET = (SETUP_SECTORS + 1) * 512,
    CODE_SIZE = 4096,
    FILE_SIZE = CODE_OFFSET + CODE_SIZE,
    PREFERRED = 0x200000,
    INIT_SIZE = 0x300000,
};

static uint8_t *ram_bytes;
static struct guest_ram ram;

static void put(uint8_t *file, unsigned at, uint64_t value, unsigned width)
{
    memcpy(file + at, &value, width);
}

static void kernel_make(uint8_t file[FILE_SIZE])
{
    memset(file, 0xcc, FILE_SIZE);
    memset(file + IMAGE_SETUP_OFFSET, 0, IMAGE_SETUP_SIZE);
    put(file, 0x1f1, SETUP_SECTORS, 1);
    put(file, 0x1f4, CODE_SIZE / 16, 4);
    put(file, 0x1fe, 0xaa55, 2);
    put(file, 0x201, 0x66, 1);
    memcpy(file + 0x202, "HdrS", 4);
    put(file, 0x206, 0x20f, 2);
    put(file, 0x211, 1, 1);
    put(file, 0x22c, 0x7fffffff, 4);
    put(file, 0x230, 0x200000, 4);
    put(file, 0x234, 1, 1);
    put(file, 0x238, 2047, 4);
    put(file, 0x258, PREFERRED, 8);
    put(file, 0x260, INIT_SIZE, 4);
    memset(file + CODE_OFFSET, 0x90, CODE_SIZE);
}

static void test_good(void)
{
    uint8_t file[FILE_SIZE];
    struct image_loaded loaded;
    struct image_error error = {NULL, 0};

    CASE("a good kernel's protected-mode part is loaded");
    kernel_make(file);
    memset(ram_bytes, 0xee, RAM_SIZE);
    REQUIRE(image_load(file, sizeof file, &ram, &loaded, &error) == OK);
    CHECK_EQ(loaded.protocol, IMAGE_LINUX);
    CHECK_EQ(loaded.entry, 0x100000);
    CHECK_EQ(loaded.end, PREFERRED + INIT_SIZE);
    CHECK_EQ(loaded.initramfs_end, 0x80000000);
    CHECK_EQ(loaded.command_line_max, 2047);
    CHECK_EQ(ram_bytes[0xfffff], 0xee);
    CHECK_EQ(ram_bytes[0x100000], 0x90);
    CHECK_EQ(ram_bytes[0x100000 + CODE_SIZE - 1], 0x90);
    CHECK_EQ(ram_bytes[0x100000 + CODE_SIZE], 0xee);
    CHECK_MEM(loaded.setup, file + IMAGE_SETUP_OFFSET, 0x268 - IMAGE_SETUP_OFFSET);
    for (unsigned i = 0x268 - IMAGE_SETUP_OFFSET; i < IMAGE_SETUP_SIZE; i++)
        CHECK_EQ(loaded.setup[i], 0); /* behind the header's end there is code */

    CASE("a kernel that stays where it wants to be");
    put(file, 0x234, 0, 1);
    put(file, 0x258, 0x400000, 8);
    REQUIRE(image_load(file, sizeof file, &ram, &loaded, &error) == OK);
    CHECK_EQ(loaded.end, 0x400000 + INIT_SIZE);

    CASE("the last unit of 16 bytes may be cut short, a whole one not");
    kernel_make(file);
    CHECK_EQ(image_load(file, sizeof file - 15, &ram, &loaded, &error), OK);
    CHECK_EQ(image_load(file, sizeof file - 16, &ram, &loaded, &error), ERR_INVALID);
    CHECK_STR(error.reason, "is shorter than its header says");
}

static void spoiled(unsigned at, uint64_t value, unsigned width, enum status status, const char *reason)
{
    uint8_t file[FILE_SIZE];
    struct image_loaded loaded = {.entry = 7};
    struct image_error error = {NULL, 0};

    kernel_make(file);
    put(file, at, value, width);
    memset(ram_bytes + 0x100000, 0xee, CODE_SIZE);
    CHECK_EQ(image_load(file, sizeof file, &ram, &loaded, &error), status);
    CHECK_STR(error.reason, reason);
    CHECK_EQ(loaded.entry, 7);
    CHECK_EQ(ram_bytes[0x100000], 0xee);
}

static void test_spoiled(void)
{
    CASE("each wrong field is named");
    spoiled(0x1fe, 0, 2, ERR_INVALID, "is a Linux kernel without boot flag");
    spoiled(0x206, 0x209, 2, ERR_INVALID, "is a Linux kernel with a boot protocol before 2.10");
    spoiled(0x211, 0, 1, ERR_INVALID, "is a Linux kernel for memory below 1 MiB");
    spoiled(0x230, 0, 4, ERR_INVALID, "has an alignment that is no power of two");
    spoiled(0x230, 0x300000, 4, ERR_INVALID, "has an alignment that is no power of two");
    spoiled(0x1f1, 255, 1, ERR_INVALID, "ends before its protected-mode code");
    spoiled(0x1f1, 0, 1, ERR_INVALID, "is shorter than its header says");
    spoiled(0x1f4, 0, 4, ERR_INVALID, "is shorter than its header says");
    spoiled(0x1f4, UINT32_MAX, 4, ERR_INVALID, "is shorter than its header says");
    spoiled(0x258, UINT64_MAX, 8, ERR_RANGE, "needs guest RAM up to");
    spoiled(0x258, UINT64_MAX - INIT_SIZE + 1, 8, ERR_RANGE, "needs guest RAM up to");
    spoiled(0x260, UINT32_MAX, 4, ERR_RANGE, "needs guest RAM up to");
    spoiled(0x230, 0x80000000, 4, ERR_RANGE, "needs guest RAM up to");

    CASE("a kernel that wants to be below 1 MiB");
    uint8_t file[FILE_SIZE];
    struct image_loaded loaded;
    struct image_error error = {NULL, 0};
    kernel_make(file);
    put(file, 0x234, 0, 1);
    put(file, 0x258, 0x1000, 8);
    CHECK_EQ(image_load(file, sizeof file, &ram, &loaded, &error), ERR_RANGE);

    CASE("guest RAM that ends below the code, and a file that is only a header");
    kernel_make(file);
    struct guest_ram small = {.low = ram_bytes, .low_size = 0x100000 + CODE_SIZE - 1};
    CHECK_EQ(image_load(file, sizeof file, &small, &loaded, &error), ERR_RANGE);
    CHECK_STR(error.reason, "does not fit into guest RAM");
    CHECK_EQ(image_load(file, 0x210, &ram, &loaded, &error), ERR_INVALID);
    CHECK_STR(error.reason, "is too short for a kernel");
}

/* Files are heap memory of their exact size: the sanitizer sees every byte too far. */
static void test_mutations(void)
{
    CASE("random mutations never reach outside");
    uint64_t state = 88172645463325252;
    unsigned accepted = 0;
    for (unsigned i = 0; i < 100000; i++) {
        uint64_t size = i % 3 ? FILE_SIZE : (state >> 20) % FILE_SIZE;
        uint8_t whole[FILE_SIZE], *file = malloc(size ? size : 1);
        struct image_loaded loaded;
        struct image_error error = {NULL, 0};

        kernel_make(whole);
        for (unsigned j = 0; j < 1 + i % 4; j++) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            whole[IMAGE_SETUP_OFFSET + (state >> 8) % IMAGE_SETUP_SIZE] = (uint8_t)(state >> 40);
        }
        memcpy(file, whole, size);
        if (image_load(file, size, &ram, &loaded, &error) == OK) {
            CHECK(loaded.end <= RAM_SIZE && loaded.lowest <= loaded.entry && loaded.entry < loaded.end);
            accepted++;
        } else {
            CHECK(error.reason != NULL);
        }
        free(file);
    }
    CHECK(accepted > 1000);
}

static void test_debian(void)
{
    FILE *file = fopen("build/guest/vmlinuz", "rb");
    if (!file) {
        printf("     build/guest/vmlinuz is not there: not tried\n");
        return;
    }
    CASE("Debian's vmlinuz");
    fseek(file, 0, SEEK_END);
    size_t size = (size_t)ftell(file);
    rewind(file);
    uint8_t *image = malloc(size), *memory = malloc(256 << 20);
    REQUIRE(image && memory && fread(image, 1, size, file) == size);
    struct guest_ram large = {.low = memory, .low_size = 256 << 20};
    struct image_loaded loaded;
    struct image_error error;
    CHECK_EQ(image_load(image, size, &large, &loaded, &error), OK);
    CHECK(loaded.end > 0x1000000 && loaded.command_line_max >= 255);
    large.low_size = loaded.end - 1;
    CHECK_EQ(image_load(image, size, &large, &loaded, &error), ERR_RANGE);
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
    test_mutations();
    test_debian();
    free(ram_bytes);
    return check_finish();
}
