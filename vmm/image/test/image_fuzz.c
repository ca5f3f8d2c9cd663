/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: any file as a kernel image, and any bytes as the setup header of a bzImage. What is accepted lies within
 * RAM, entry point included.
 */
#include <stdlib.h>
#include <string.h>

#include "vmm/image/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void load(const uint8_t *data, size_t size)
{
    enum { RAM_SIZE = 0x110000 };
    static uint8_t *memory;
    struct image_loaded loaded;
    struct image_error error = {NULL, 0};
    if (!memory)
        memory = malloc(RAM_SIZE); /* of exactly this size: the sanitizer watches its end */
    struct guest_ram ram = {.low = memory, .low_size = RAM_SIZE};
    enum status status = image_load(data, size, &ram, &loaded, &error);
    if (status != OK && !error.reason)
        abort();
    if (status == OK && (loaded.end > RAM_SIZE || loaded.entry < loaded.lowest || loaded.entry >= loaded.end))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t length = IMAGE_SETUP_OFFSET + size;
    uint8_t *file = calloc(1, length);

    load(data, size);
    if (!file || size < IMAGE_SETUP_SIZE) {
        free(file);
        return 0;
    }
    memcpy(file + IMAGE_SETUP_OFFSET, data, size);
    memcpy(file + 0x1fe, "\x55\xaa", 2);
    memcpy(file + 0x202, "HdrS", 4);
    file[0x207] |= 2; /* protocol 2.x */
    file[0x211] |= 1;
    load(file, length);
    free(file);
    return 0;
}
