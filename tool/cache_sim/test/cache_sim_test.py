#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""cache_sim against oracles written another way (stack distances for LRU, dictionaries for S3-FIFO), on a generated trace in
both formats and both keyings; wrong traces and arguments. The tool is built here, under ASan and UBSan."""
import collections
import glob
import json
import os
import random
import struct
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
SOURCES = (glob.glob("tool/cache_sim/*.c", root_dir=ROOT) +
           [f"lib/cache_policy/{name}.c" for name in ("cache_policy", "s3_fifo", "lru", "lirs")] + ["lib/fmt/parse.c"])
FOLDER = tempfile.TemporaryDirectory()
TOOL = os.path.join(FOLDER.name, "cache_sim")


def setUpModule():
    subprocess.run([os.environ.get("CC") or "gcc", "-std=gnu2x", "-I.", "-g", "-O1", "-fsanitize=address,undefined",
                    "-fno-sanitize-recover=all", *SOURCES, "-o", TOOL], cwd=ROOT, check=True)


def run(*arguments):
    done = subprocess.run([TOOL, *arguments], capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


def write(name, content):
    path = os.path.join(FOLDER.name, name)
    with open(path, "wb") as file:
        file.write(content if isinstance(content, bytes) else content.encode())
    return path


def make_requests(count=6000):
    """Hot spots, scans and chance: (time, lba, bytes)."""
    chance = random.Random(4)
    scan = 0
    for time in range(count):
        kind = chance.random()
        if kind < 0.5:
            lba = int(chance.paretovariate(0.7)) % 3000
        elif kind < 0.8:
            lba, scan = 5000 + scan * 16 % 40000, scan + 1
        else:
            lba = chance.randrange(60000)
        yield time, lba, chance.choice([512, 4096, 4096, 8192, 65536])


REQUESTS = list(make_requests())


def keys_of(split):
    for _, lba, size in REQUESTS:
        if split:
            yield from range(lba * 512 // 4096, (lba * 512 + size - 1) // 4096 + 1)
        else:
            yield lba


def lru_misses(keys, size):
    """By stack distance: how many other keys were used since the last time. A binary indexed tree counts last uses."""
    keys = list(keys)
    tree, last, misses = [0] * (len(keys) + 1), {}, 0

    def add(at, value):
        at += 1
        while at < len(tree):
            tree[at] += value
            at += at & -at

    def before(at):
        total = 0
        while at > 0:
            total += tree[at]
            at -= at & -at
        return total

    for now, key in enumerate(keys):
        if key not in last:
            misses += 1
        else:
            add(last[key], -1)
            if before(now) - before(last[key]) >= size:
                misses += 1
        last[key] = now
        add(now, 1)
    return misses


def s3_fifo_misses(keys, size):
    small, main, ghost = (collections.OrderedDict() for _ in range(3))
    misses = 0
    for key in keys:
        queue = small if key in small else main
        if key in queue:
            queue[key] = min(3, queue[key] + 1)
            continue
        misses += 1
        again = ghost.pop(key, 0) is None
        while len(small) + len(main) >= size:
            evict(small, main, ghost, size)
        (main if again else small)[key] = 0
    return misses


def evict(small, main, ghost, size):
    if len(main) > size - size // 10 or not small:
        while True:
            key, count = main.popitem(last=False)
            if not count:
                return
            main[key] = count - 1
    while small:
        key, count = small.popitem(last=False)
        if not count:
            ghost[key] = None
            if len(ghost) > size * 9 // 10:
                ghost.popitem(last=False)
            return
        main[key] = 0


CSV = "time,op,lba,bytes\n" + "".join(f"{t}.5, {'RW'[t % 2]},{lba},{size}\n" for t, lba, size in REQUESTS)
ORACLE = b"".join(struct.pack("<IQIq", t, lba, size, -1) for t, lba, size in REQUESTS)


def results(*arguments):
    status, out, err = run("--output", "json", *arguments)
    assert status == 0, err
    document = json.loads(out)
    return document, {(r["policy"], r["blocks"]): r["misses"] for r in document["results"]}


class Ratios(unittest.TestCase):
    def test_against_oracles(self):
        for split in (False, True):
            keys = list(keys_of(split))
            document, found = results("--key", "split" if split else "start", "--size", "1,17,300,1000",
                                      "--policy", "lru,s3-fifo", write("trace.csv", CSV))
            self.assertEqual(document["requests"], len(REQUESTS))
            self.assertEqual(document["accesses"], len(keys))
            self.assertEqual(document["distinct"], len(set(keys)))
            for size in (1, 17, 300, 1000):
                self.assertEqual(found["lru", size], lru_misses(keys, size))
                self.assertEqual(found["s3-fifo", size], s3_fifo_misses(keys, size))

    def test_formats_agree(self):
        csv = results("--key", "split", write("trace.csv", CSV))[1]
        self.assertEqual(csv, results("--key", "split", write("trace.bin", ORACLE))[1])
        self.assertEqual(csv, results("--key", "split", "--format", "oracle", write("other", ORACLE))[1])

    def test_everything_fits(self):
        document, found = results("--size", "100%", write("trace.csv", CSV))
        self.assertEqual(set(found.values()), {document["distinct"]})

    def test_sizes(self):
        distinct = len(set(keys_of(False)))
        found = results("--policy", "lru", "--size", "5,10%,64K", write("trace.csv", CSV))[1]
        self.assertEqual([blocks for _, blocks in found], [5, distinct // 10, 16])

    def test_lirs_loop(self):
        """A loop a little longer than the cache: LRU misses always, LIRS keeps what fits into its LIR part."""
        loop = "".join(f"0,R,{key},512\n" for _ in range(100) for key in range(110))
        found = results("--policy", "lru,lirs", "--size", "100", write("loop.csv", loop))[1]
        self.assertEqual(found["lru", 100], 11000)
        self.assertEqual(found["lirs", 100], 110 + 99 * 11)

    def test_outputs(self):
        path = write("small.csv", "0,R,8,512\n0,R,8,512\n# a comment\n\n0,w,16,512\n")
        self.assertEqual(run("--policy", "lru", "--size", "1", "--output", "csv", path),
                         (0, "policy,blocks,accesses,misses,miss_ratio\nlru,1,3,2,0.666667\n", ""))
        self.assertIn("lru                 1            2     0.6667", run("--policy", "lru", "--size", "1", path)[1])

    def test_empty(self):
        self.assertEqual(results("--policy", "lru", "--size", "5", write("empty.csv", ""))[1], {("lru", 5): 0})


class Mistakes(unittest.TestCase):
    def refuse(self, content, said, name="bad.csv"):
        status, out, err = run("--size", "5", write(name, content))
        self.assertEqual((status, out), (1, ""))
        self.assertIn(said, err)

    def test_csv(self):
        good = "time,op,lba,bytes\n0,R,1,512\n"
        self.refuse(good + "0,R,1\n", "bad.csv:3: not four fields")
        self.refuse(good + "0,R,1,512,7\n", "bad.csv:3: not four fields")
        self.refuse(good + "x,R,1,512\n", "bad.csv:3: the time is no number")
        self.refuse(good + "0,Q,1,512\n", "bad.csv:3: the operation")
        self.refuse(good + "0,R,-1,512\n", "bad.csv:3: the lba is no number")
        self.refuse(good + "0,R,1,99999999999999999999\n", "bad.csv:3: the length is no number")
        self.refuse(good + "0,R,18446744073709551615,512\n", "bad.csv:3: an lba beyond")
        self.refuse(good + "0,R,1,1073741825\n", "bad.csv:3: a request of more than 1 GiB")
        self.refuse(good + good, "bad.csv:3: the time is no number")
        self.refuse(good + "0" * 300 + ",R,1,512\n", "bad.csv:3: a line of more than")
        self.refuse(good.encode() + b"0,R\0,1,512\n0,R,1,512\n", "bad.csv:3:")
        self.refuse(os.urandom(4096), "bad.csv:1:")

    def test_oracle(self):
        self.refuse(ORACLE[:100], "record 5: cut off after 4 of 24 bytes", "bad.bin")
        self.refuse(struct.pack("<IQIq", 0, 2**64 - 1, 512, -1), "record 1: an lba beyond", "bad.bin")

    def test_arguments(self):
        path = write("trace.csv", CSV)
        for arguments in (["--size", "0", path], ["--size", "101%", path], ["--size", "5,", path], ["--size", "1K", path],
                          ["--policy", "arc", path], ["--key", "end", path], ["--output", "xml", path], ["--frobnicate", "1", path],
                          ["--size", "5"], ["--size"], [], ["--block", "0", path], ["--size", ",".join("1" * 33), path]):
            status, out, err = run(*arguments)
            self.assertEqual((status, out), (2, ""), arguments)
            self.assertIn("usage:", err)
        self.assertEqual(run(os.path.join(FOLDER.name, "nothing"))[0], 1)
        self.assertEqual(run(FOLDER.name)[0], 1)


if __name__ == "__main__":
    unittest.main()
