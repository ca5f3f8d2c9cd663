/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: any file as a kernel image. What is accepted lies within RAM, entry point included.
 */
#include <stdlib.h>

#include "vmm/image/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
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
    return 0;
}
