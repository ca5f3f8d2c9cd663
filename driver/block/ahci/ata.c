/* SPDX-License-Identifier: MIT */
#include "driver/block/ahci/ata.h"

#include "lib/string/string.h"

#include <stddef.h>

/* Words of the IDENTIFY page (ACS-4 7.13.7). */
enum {
    WORD_GENERAL = 0,
    WORD_SERIAL = 10,
    WORD_MODEL = 27,
    WORD_CAPABILITIES = 49,
    WORD_QUEUE_DEPTH = 75,
    WORD_SATA = 76,
    WORD_SUPPORTED_2 = 83,
    WORD_SUPPORTED_3 = 84,
    WORD_ENABLED_1 = 85,
    WORD_BLOCKS = 100,
    WORD_TRIM_PAGES = 105,
    WORD_BLOCK_SIZE = 106,
    WORD_BLOCK_WORDS = 117,
    WORD_DATA_SET = 169,
    WORD_INTEGRITY = 255,
};

#define VALID_MASK  (3u << 14) /* words 83, 84, 106: valid if bits 15:14 are 01 */
#define VALID       (1u << 14)
#define BLOCK_LIMIT (1ull << 48)

static uint16_t word(const uint8_t *page, unsigned index)
{
    return (uint16_t)(page[2 * index] | page[2 * index + 1] << 8);
}

static uint8_t sum(const uint8_t *page)
{
    uint8_t result = 0;

    for (unsigned i = 0; i < ATA_PAGE_SIZE; i++)
        result = (uint8_t)(result + page[i]);
    return result;
}

static bool has(uint16_t value, unsigned bit)
{
    return (value & VALID_MASK) == VALID && (value & 1u << bit);
}

/* Text has two characters a word, the first one in the high byte, and blanks at its end. What does not print becomes '?'. */
static void text(const uint8_t *page, unsigned first, unsigned words, char *out)
{
    size_t length = 2 * (size_t)words;

    for (size_t i = 0; i < length; i++) {
        uint8_t c = page[2 * first + (i ^ 1)];
        out[i] = c >= ' ' && c <= '~' ? (char)c : '?';
    }
    while (length > 0 && out[length - 1] == ' ')
        length--;
    out[length] = 0;
}

static enum status sizes(const uint8_t *page, struct ata_identity *out)
{
    uint16_t form = word(page, WORD_BLOCK_SIZE);

    out->block_size = 512;
    if (has(form, 12)) {
        uint32_t words = word(page, WORD_BLOCK_WORDS) | (uint32_t)word(page, WORD_BLOCK_WORDS + 1) << 16;
        if (words != 256 && words != 2048)
            return ERR_UNSUPPORTED;
        out->block_size = words * 2;
    }
    out->physical_block_size = has(form, 13) ? out->block_size << (form & 15) : out->block_size;
    for (unsigned i = 0; i < 4; i++)
        out->blocks |= (uint64_t)word(page, WORD_BLOCKS + i) << 16 * i;
    return out->blocks > 0 && out->blocks <= BLOCK_LIMIT ? OK : ERR_INVALID;
}

enum status ata_identity_parse(const uint8_t page[ATA_PAGE_SIZE], struct ata_identity *out)
{
    struct ata_identity found = {};
    uint16_t sata = word(page, WORD_SATA), general = word(page, WORD_GENERAL);

    if (general & 1u << 15 || general == 0xffff)
        return ERR_INVALID;
    if (page[2 * WORD_INTEGRITY] == 0xa5 && sum(page) != 0)
        return ERR_INVALID;
    if (!has(word(page, WORD_SUPPORTED_2), 10) || !(word(page, WORD_CAPABILITIES) & 1u << 8))
        return ERR_UNSUPPORTED;
    enum status status = sizes(page, &found);
    if (status != OK)
        return status;
    if (sata != 0xffff && sata & 1u << 8)
        found.queue_depth = (word(page, WORD_QUEUE_DEPTH) & 31u) + 1;
    found.trim = word(page, WORD_DATA_SET) & 1u && word(page, WORD_DATA_SET) != 0xffff;
    found.fua = has(word(page, WORD_SUPPORTED_3), 6);
    found.write_cache = word(page, WORD_ENABLED_1) & 1u << 5;
    text(page, WORD_SERIAL, 10, found.serial);
    text(page, WORD_MODEL, 20, found.model);
    *out = found;
    return OK;
}

enum status ata_error_log_parse(const uint8_t page[ATA_PAGE_SIZE], unsigned *tag, uint8_t *error)
{
    if (sum(page) != 0)
        return ERR_INVALID;
    if (page[0] & 1u << 7) /* NQ: the error was in a command that is not queued */
        return ERR_NOT_FOUND;
    *tag = page[0] & 31u;
    *error = page[3];
    return OK;
}

void ata_trim_fill(uint64_t lba, uint64_t blocks, uint8_t page[ATA_PAGE_SIZE])
{
    memset(page, 0, ATA_PAGE_SIZE);
    for (unsigned i = 0; i < ATA_TRIM_RANGES && blocks > 0; i++) {
        uint64_t count = blocks < ATA_TRIM_BLOCKS_MAX ? blocks : ATA_TRIM_BLOCKS_MAX;
        for (unsigned byte = 0; byte < 6; byte++)
            page[8 * i + byte] = (uint8_t)(lba >> 8 * byte);
        page[8 * i + 6] = (uint8_t)count;
        page[8 * i + 7] = (uint8_t)(count >> 8);
        lba += count;
        blocks -= count;
    }
}
