/* SPDX-License-Identifier: MIT */
/*
 * The table reader against sfdisk: random tables, written by sfdisk into an image, must mean to us what sfdisk itself says
 * they mean; for GPT also after the first header has been broken. Number of tables and seed: arguments.
 */
#include "server/block_part/table.h"
#include "test/check.h"

#include <fcntl.h>
#include <unistd.h>

#define IMAGE_BLOCKS 200000u

static char folder[] = "/tmp/block_part.XXXXXX";
static char path[64];
static unsigned long long seed = 1;

static uint32_t random_below(uint32_t limit)
{
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(seed >> 33) % limit;
}

static enum status read_file(void *context, uint64_t offset, uint32_t length, void *buffer)
{
    return pread(*(int *)context, buffer, length, (off_t)offset) == (ssize_t)length ? OK : ERR_IO;
}

static void image_make(void)
{
    int file = open(path, O_CREAT | O_TRUNC | O_RDWR, 0600);

    REQUIRE(file >= 0 && ftruncate(file, (off_t)IMAGE_BLOCKS * 512) == 0);
    close(file);
}

/* What sfdisk shall write: partitions one after another, with gaps. */
static void script_write(FILE *out, bool gpt)
{
    uint32_t at = 2048, count = 1 + random_below(gpt ? 40 : 12);

    fprintf(out, "label: %s\n", gpt ? "gpt" : "dos");
    for (uint32_t i = 1; i <= count; i++) {
        uint32_t size = 1 + random_below(gpt ? 3000 : 9000);

        at += random_below(500);
        if (!gpt && i == 3 && count > 4) { /* the rest is in an extended partition */
            fprintf(out, "4 : start=%u, size=%u, type=%s\n", at, 190000 - at, random_below(2) ? "5" : "f");
            i = 5;
        }
        if (!gpt && i >= 5)
            at += 64;
        fprintf(out, "%u : start=%u, size=%u", i, at, size);
        if (gpt && random_below(2))
            fprintf(out, ", name=\"part %u\"", i);
        if (!gpt)
            fprintf(out, ", type=%x", 0x80 + random_below(4));
        fprintf(out, "\n");
        at += size;
    }
}

static bool sfdisk_write(bool gpt)
{
    char command[200];

    snprintf(command, sizeof(command), "/sbin/sfdisk -q --no-reread --wipe never %s >%s.out 2>&1", path,
             path);
    FILE *pipe = popen(command, "w");

    REQUIRE(pipe);
    script_write(pipe, gpt);
    return pclose(pipe) == 0;
}

/* The value behind `key` in a line of sfdisk's dump, "" if it has none. */
static const char *value(const char *line, const char *key, char out[80])
{
    const char *at = strstr(line, key);
    size_t length = 0;

    out[0] = '\0';
    if (!at)
        return out;
    at += strlen(key);
    at += strspn(at, " ");
    const char *end = *at == '"' ? "\"" : ",\n";

    at += *at == '"';
    length = strcspn(at, end);
    snprintf(out, 80, "%.*s", (int)length, at);
    return out;
}

static void compare_line(const char *line, const struct table *table)
{
    char text[80];
    const struct partition *own = table_by_number(table, strtoul(line + strlen(path), NULL, 10));
    const char *type = value(line, "type=", text);

    if (strcmp(type, "5") == 0 || strcmp(type, "f") == 0)
        return;
    REQUIRE(own);
    CHECK(!own->problem_opt);
    CHECK_EQ(own->offset, strtoull(value(line, "start=", text), NULL, 10) * 512);
    CHECK_EQ(own->size, strtoull(value(line, "size=", text), NULL, 10) * 512);
    CHECK_STR(own->name, value(line, "name=", text));
    if (table->scheme == TABLE_GPT) {
        CHECK(table_by_uuid(table, value(line, "uuid=", text)) == own);
        CHECK(strcasecmp(own->type, value(line, "type=", text)) == 0);
    } else {
        CHECK_EQ(strtoul(own->type, NULL, 16), strtoul(value(line, "type=", text), NULL, 16));
    }
}

/* Returns the number of partitions that sfdisk knows, extended ones left out. */
static unsigned compare(const struct table *table)
{
    char command[200], line[400], text[80];
    unsigned count = 0;

    snprintf(command, sizeof(command), "/sbin/sfdisk --dump %s 2>/dev/null", path);
    FILE *pipe = popen(command, "r");

    REQUIRE(pipe);
    while (fgets(line, sizeof(line), pipe)) {
        if (strncmp(line, path, strlen(path)) != 0)
            continue;
        const char *type = value(line, "type=", text);

        count += strcmp(type, "5") != 0 && strcmp(type, "f") != 0;
        compare_line(line, table);
    }
    CHECK_EQ(pclose(pipe), 0);
    CHECK_EQ(count, table->count);
    return count;
}

static unsigned check_image(bool gpt, bool broken)
{
    static struct table table;
    int file = open(path, O_RDWR);
    struct table_disk disk = {.size = (uint64_t)IMAGE_BLOCKS * 512,
                              .block_size = 512,
                              .physical_block_size = 512,
                              .read = read_file,
                              .context = &file};

    if (broken)
        REQUIRE(pwrite(file, "x", 1, 512 + random_below(92)) == 1);
    REQUIRE(table_read(&disk, &table) == OK);
    close(file);
    CHECK_EQ(table.scheme, gpt ? TABLE_GPT : TABLE_MBR);
    CHECK(!table.problem_opt);
    CHECK_EQ(table.backup, broken);
    return compare(&table);
}

int main(int argc, char **argv)
{
    unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 30, partitions = 0, written = 0;

    if (argc > 2)
        seed = strtoull(argv[2], NULL, 10);
    REQUIRE(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/disk", folder);
    CASE("random tables mean to us what they mean to sfdisk");
    for (unsigned i = 0; i < rounds; i++) {
        bool gpt = i & 1;

        image_make();
        if (!sfdisk_write(gpt))
            continue;
        written++;
        partitions += check_image(gpt, false);
        if (gpt)
            partitions += check_image(gpt, true);
    }
    CHECK(written >= rounds / 2);
    printf("%u tables, %u partitions\n", written, partitions);
    snprintf(path, sizeof(path), "rm -r %s", folder);
    CHECK_EQ(system(path), 0);
    return check_finish();
}
