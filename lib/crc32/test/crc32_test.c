/* SPDX-License-Identifier: MIT */
#include "lib/crc32/crc32.h"
#include "test/check.h"

/* Bit by bit, as the definition says. */
static uint32_t slow(const uint8_t *bytes, size_t length)
{
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < length; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
    }
    return ~crc;
}

int main(void)
{
    uint8_t bytes[600];

    CASE("the check value of the catalogue of CRC algorithms");
    CHECK_EQ(crc32_update(0, "123456789", 9), 0xcbf43926);
    CHECK_EQ(crc32_update(0, "", 0), 0);

    CASE("every byte at every place, in one piece and in two");
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 151 + i / 7);
    for (size_t length = 0; length <= sizeof(bytes); length += 13) {
        CHECK_EQ(crc32_update(0, bytes, length), slow(bytes, length));
        CHECK_EQ(crc32_update(crc32_update(0, bytes, length / 3), bytes + length / 3, length - length / 3),
                 slow(bytes, length));
    }
    return check_finish();
}
