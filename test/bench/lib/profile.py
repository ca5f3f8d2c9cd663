#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
Where do the instructions of a repeated operation go?

The scenario runs with one instruction a block, and the emulator tells the address of each. The stream is cut at each
entry of the kernel function DELIMITER; a piece whose length comes 20 times in a row is a measured loop, and is shown by
function, in the order of first use. It takes some minutes.

    python3 test/bench/lib/profile.py [--change REGEX TEXT] [--full] SCENARIO DELIMITER PROGRAM [PIECES]

    python3 test/bench/lib/profile.py ipc ipc_call bench_client 2
    python3 test/bench/lib/profile.py --change '<config kernel="selftest"' \\
        '<config kernel="selftest" command_line="test=loop-exits=200"' vm_selftest vcpu_exit vmm 3

PROGRAM's symbols name addresses in user mode, which are another program's where that one runs. --full prints every
instruction instead of the counts. What has no symbol is the guest's.
"""
import argparse
import bisect
import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from machine import ROOT, Failure, emulator, scenario, with_change  # noqa: E402

REPEATED = 20
PROGRAM_BASE = 0x400000
ADDRESS = re.compile(rb"\[[0-9a-f]+/([0-9a-f]+)/")


class Symbols:
    def __init__(self, *paths):
        """Without the kernel's boot code, whose addresses are those of a small guest."""
        found = []
        for path in paths:
            listed = subprocess.run(["nm", path], capture_output=True, text=True, check=True, cwd=ROOT).stdout
            found += [(int(match.group(1), 16), match.group(2)) for match in
                      re.finditer(r"^([0-9a-f]+) [tTwW] (\S+)$", listed, re.MULTILINE)
                      if int(match.group(1), 16) >= PROGRAM_BASE]
        found.sort()
        self.addresses = [address for address, _ in found]
        self.names = [name for _, name in found]

    def name(self, address):
        at = bisect.bisect_right(self.addresses, address) - 1
        return self.names[at] if at >= 0 and address - self.addresses[at] < 1 << 20 else "guest"

    def address(self, name):
        """The kernel's, if a program has the same name: it lies highest."""
        if name not in self.names:
            raise Failure(f"there is no function '{name}'")
        return max(address for address, one in zip(self.addresses, self.names) if one == name)


def disassembly(*paths):
    lines = {}
    for path in paths:
        text = subprocess.run(["objdump", "-d", "--no-show-raw-insn", path], capture_output=True, text=True, check=True,
                              cwd=ROOT).stdout
        for match in re.finditer(r"^\s*([0-9a-f]+):\s+(.*)$", text, re.MULTILINE):
            lines[int(match.group(1), 16)] = match.group(2)
    return lines


def pieces(stream, delimiter):
    """Pieces that have come REPEATED times in a row for the first time."""
    current, length, count, shown = [], 0, 0, set()
    for line in stream:
        match = ADDRESS.search(line)
        if not match:
            continue
        address = int(match.group(1), 16)
        if address == delimiter:
            count = count + 1 if len(current) == length else 1
            length = len(current)
            if count == REPEATED and length not in shown:
                shown.add(length)
                yield current
            current = []
        current.append(address)


def show(piece, symbols, lines_opt):
    print(f"== {len(piece)} instructions")
    if lines_opt is not None:
        for address in piece:
            print(f"{address:16x} {symbols.name(address):28} {lines_opt.get(address, '')}")
        return
    counts = {}
    for address in piece:
        counts[symbols.name(address)] = counts.get(symbols.name(address), 0) + 1
    for name, count in counts.items():
        print(f"   {name:36} {count:6}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--change", nargs=2)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("scenario")
    parser.add_argument("delimiter")
    parser.add_argument("program")
    parser.add_argument("pieces", nargs="?", type=int, default=1)
    options = parser.parse_args()
    wanted = scenario.load(options.scenario, os.environ.get("BUILD", "build"))
    images = [wanted.find("kernel.elf"), wanted.find("bin/" + options.program)]
    symbols = Symbols(*images)
    lines_opt = disassembly(*images) if options.full else None
    with with_change(wanted, options.change):
        arguments = emulator.arguments(wanted, "tcg")
        arguments[arguments.index("stdio,id=console,signal=off")] = "null,id=console"
        arguments += [] if "-icount" in arguments else ["-icount", "shift=0,sleep=off"]
        arguments += ["-singlestep", "-d", "exec,nochain", "-D", "/dev/stderr"]
        with subprocess.Popen([emulator.PROGRAM, *arguments], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
                              stdin=subprocess.DEVNULL, cwd=ROOT, preexec_fn=emulator.die_with_parent) as process:
            for piece in pieces(process.stderr, symbols.address(options.delimiter)):
                show(piece, symbols, lines_opt)
                options.pieces -= 1
                if not options.pieces:
                    break
            process.kill()


if __name__ == "__main__":
    try:
        main()
    except Failure as problem:
        print(f"profile: {problem}", file=sys.stderr)
        sys.exit(1)
