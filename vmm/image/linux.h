/* SPDX-License-Identifier: MIT */
/* Linux' own format, bzImage: what image.c and the tests need of linux.c. */
#ifndef VMM_IMAGE_LINUX_H
#define VMM_IMAGE_LINUX_H

#include "vmm/image/image.h"

/* Does the file carry the setup header's magic? */
bool linux_image_is(const void *image, uint64_t image_size);

/* image_load() for such a file. */
[[nodiscard]] enum status linux_image_load(const void *image, uint64_t image_size,
                                           const struct guest_ram *ram, struct image_loaded *out,
                                           struct image_error *error);

#endif
