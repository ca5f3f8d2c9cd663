/* SPDX-License-Identifier: MIT */
/*
 * bzImage, as distributions ship their kernels (/boot/vmlinuz): Linux' x86 boot protocol, version 2.10 or later.
 *
 * The file is real-mode code of `setup_sectors` + 1 sectors, which we do not run, then a decompressor with the kernel in
 * it. That goes to 1 MiB and is entered in 32-bit protected mode. It unpacks the kernel to `preferred` or, if it lies
 * higher itself, there, and needs `init_size` bytes for that. The setup header goes back to the kernel in its boot
 * parameters (vmm/firmware); it is copied out once and only the copy is looked at.
 */
#include "vmm/image/linux.h"

#include "lib/string/string.h"

/* The setup header, from offset 0x1f1 of the file on. */
struct setup {
    uint8_t setup_sectors;
    uint16_t root_flags;
    uint32_t system_size; /* of the protected-mode part, in units of 16 bytes */
    uint16_t ram_size, video_mode, root_device, boot_flag;
    uint8_t jump, jump_offset;
    uint32_t magic;
    uint16_t version;
    uint32_t real_mode_switch;
    uint16_t start_segment, version_text;
    uint8_t loader, load_flags;
    uint16_t move_size;
    uint32_t code32_start, ramdisk, ramdisk_size, boot_sector;
    uint16_t heap_end;
    uint8_t loader_extension[2];
    uint32_t command_line, initramfs_last, alignment;
    uint8_t relocatable, alignment_least;
    uint16_t extended_flags;
    uint32_t command_line_max, subarchitecture;
    uint64_t subarchitecture_data;
    uint32_t payload_offset, payload_size;
    uint64_t setup_data, preferred;
    uint32_t init_size, handover;
} __attribute__((packed));
_Static_assert(offsetof(struct setup, magic) == 0x202 - IMAGE_SETUP_OFFSET, "setup header");
_Static_assert(offsetof(struct setup, preferred) == 0x258 - IMAGE_SETUP_OFFSET, "setup header");
_Static_assert(sizeof(struct setup) == 0x268 - IMAGE_SETUP_OFFSET, "setup header");
_Static_assert(sizeof(struct setup) <= IMAGE_SETUP_SIZE, "setup header");

enum {
    BOOT_FLAG = 0xaa55,
    MAGIC = 0x53726448, /* "HdrS" */
    MAGIC_OFFSET = 0x202,
    VERSION_LEAST = 0x20a,
    SECTOR = 512,
    SECTORS_DEFAULT = 4,
    LOADED_HIGH = 1 << 0,
    UNIT = 16,
    LOAD_ADDRESS = IMAGE_LOWEST_ADDRESS,
};

struct linux_image {
    struct setup setup;
    const uint8_t *code; /* the protected-mode part */
    uint64_t code_size;
    struct image_error *error;
};

static enum status refuse(const struct linux_image *kernel, enum status status, const char *reason,
                          uint64_t value)
{
    *kernel->error = (struct image_error){reason, value};
    return status;
}

static enum status setup_check(const struct linux_image *kernel)
{
    const struct setup *setup = &kernel->setup;

    if (setup->boot_flag != BOOT_FLAG)
        return refuse(kernel, ERR_INVALID, "is a Linux kernel without boot flag", setup->boot_flag);
    if (setup->version < VERSION_LEAST)
        return refuse(kernel, ERR_INVALID, "is a Linux kernel with a boot protocol before 2.10",
                      setup->version);
    if (!(setup->load_flags & LOADED_HIGH))
        return refuse(kernel, ERR_INVALID, "is a Linux kernel for memory below 1 MiB", setup->load_flags);
    if (setup->alignment == 0 || (setup->alignment & (setup->alignment - 1)) != 0)
        return refuse(kernel, ERR_INVALID, "has an alignment that is no power of two", setup->alignment);
    return OK;
}

static enum status code_find(struct linux_image *kernel, const uint8_t *image, uint64_t image_size)
{
    uint64_t sectors = kernel->setup.setup_sectors ? kernel->setup.setup_sectors : SECTORS_DEFAULT;
    uint64_t start = (sectors + 1) * SECTOR;
    uint64_t size = (uint64_t)kernel->setup.system_size * UNIT;

    if (start >= image_size)
        return refuse(kernel, ERR_INVALID, "ends before its protected-mode code", start);
    /* The size is rounded up, so the last unit may be cut short. */
    if (size == 0 || size - (UNIT - 1) > image_size - start)
        return refuse(kernel, ERR_INVALID, "is shorter than its header says", size);
    kernel->code = image + start;
    kernel->code_size = size < image_size - start ? size : image_size - start;
    return OK;
}

/* First byte behind everything that the decompressor writes to; the sums cannot overflow after the checks before them. */
static enum status end_find(const struct linux_image *kernel, const struct guest_ram *ram, uint64_t *end)
{
    const struct setup *setup = &kernel->setup;
    uint64_t base = (LOAD_ADDRESS + (uint64_t)setup->alignment - 1) & -(uint64_t)setup->alignment;

    if (!range_ok(LOAD_ADDRESS, kernel->code_size, ram->low_size))
        return refuse(kernel, ERR_RANGE, "does not fit into guest RAM", kernel->code_size);
    if (!setup->relocatable || base < setup->preferred)
        base = setup->preferred;
    if (base < LOAD_ADDRESS || !range_ok(base, setup->init_size, ram->low_size))
        return refuse(kernel, ERR_RANGE, "needs guest RAM up to", base + setup->init_size);
    *end = base + setup->init_size;
    if (*end < LOAD_ADDRESS + kernel->code_size)
        *end = LOAD_ADDRESS + kernel->code_size;
    return OK;
}

bool linux_image_is(const void *image, uint64_t image_size)
{
    uint32_t magic;

    if (!range_ok(MAGIC_OFFSET, sizeof magic, image_size))
        return false;
    memcpy(&magic, (const uint8_t *)image + MAGIC_OFFSET, sizeof magic);
    return magic == MAGIC;
}

/* The header ends where its jump instruction leads, 0x202 + jump_offset; what lies behind is the kernel's own code. */
static void setup_keep(const struct linux_image *kernel, const uint8_t *image, struct image_loaded *out)
{
    uint64_t size = MAGIC_OFFSET - IMAGE_SETUP_OFFSET + kernel->setup.jump_offset;

    memset(out->setup, 0, sizeof out->setup);
    memcpy(out->setup, image + IMAGE_SETUP_OFFSET, size < IMAGE_SETUP_SIZE ? size : IMAGE_SETUP_SIZE);
}

enum status linux_image_load(const void *image, uint64_t image_size, const struct guest_ram *ram,
                             struct image_loaded *out, struct image_error *error)
{
    struct linux_image kernel = {.error = error};
    struct image_loaded loaded = {.protocol = IMAGE_LINUX, .entry = LOAD_ADDRESS, .lowest = LOAD_ADDRESS};

    if (!range_ok(IMAGE_SETUP_OFFSET, IMAGE_SETUP_SIZE, image_size))
        return refuse(&kernel, ERR_INVALID, "is too short for a kernel", image_size);
    memcpy(&kernel.setup, (const uint8_t *)image + IMAGE_SETUP_OFFSET, sizeof kernel.setup);
    enum status status = setup_check(&kernel);
    if (status == OK)
        status = code_find(&kernel, image, image_size);
    if (status == OK)
        status = end_find(&kernel, ram, &loaded.end);
    if (status != OK)
        return status;
    loaded.initramfs_end = (uint64_t)kernel.setup.initramfs_last + 1;
    loaded.command_line_max = kernel.setup.command_line_max;
    setup_keep(&kernel, image, &loaded);
    memcpy(ram->low + LOAD_ADDRESS, kernel.code, kernel.code_size);
    *out = loaded;
    return OK;
}
