#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
What a repeated operation costs each of those who take part in it: instructions of a protection domain, and of the kernel in it.

From the moment when the console shows START, the emulator executes one instruction a block and tells the address and the mode of
each. A write to CR3 ends a piece of that stream; what is executed until the next one belongs to one protection domain, and which one
is known by its instructions: all their addresses begin an instruction of that program, and of no other. What
the kernel does from an interrupt's arrival to its next return or change of address space is counted by itself, for it hits whoever
happens to run. Guests are counted by themselves too, and the times that they are left.

An operation is an execution of FUNCTION of PROGRAM; the first SKIP are not counted, and COUNT are.

    python3 test/bench/lib/split.py [--start REGEX] [--skip N] [--count N] [--functions N] [--change REGEX TEXT] SCENARIO PROGRAM FUNCTION

    python3 test/bench/lib/split.py --functions 20 block_speed.count_nvme disk_test done
"""
import argparse
import collections
import os
import re
import socket
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from machine import ROOT, Failure, Machine, scenario  # noqa: E402
from profile import Symbols, disassembly  # noqa: E402

LINE = re.compile(rb"/([0-9a-f]+)/([0-9a-f]+)/[0-9a-f]+\]")
IN_GUEST, PRIVILEGE = 1 << 21, 3  # of the emulator's hidden flags
INTERRUPT_ENTRY = "entry_stubs"   # where the processor enters the kernel but for hypercalls
LIMIT = 600
UNKNOWN, INTERRUPT, GUEST = "(unknown)", "(interrupts)", "(guest)"
IDLE = {"spin", "entry_idle"}     # of test/bench/idle/spare.c, and of the kernel: these take what is left


class Programs:
    """Who an address in user mode may belong to."""

    def __init__(self, wanted):
        kernel = wanted.find("kernel.elf")
        self.kernel = Symbols(kernel)
        self.switches = {address for address, code in disassembly(kernel).items() if re.match(r"mov +%\w+,%cr3", code)}
        self.names = sorted({os.path.basename(file) for _, file in wanted.module_list() if file.startswith("bin/")})
        paths = {name: wanted.find("bin/" + name) for name in self.names}
        self.symbols = {name: Symbols(path) for name, path in paths.items()}
        self.masks = collections.defaultdict(int)
        for index, name in enumerate(self.names):
            for address in disassembly(paths[name]):
                self.masks[address] |= 1 << index
        self.all = (1 << len(self.names)) - 1

    def of(self, addresses):
        mask = self.all
        for address in addresses:
            mask &= self.masks.get(address, 0)
            if mask & (mask - 1) == 0:
                break
        return [name for index, name in enumerate(self.names) if mask >> index & 1]


class Split:
    """Counts by owner and function, of all operations together; `of` gives them for one."""

    def __init__(self, programs, mark):
        self.programs, self.mark = programs, mark
        self.mark_address = programs.symbols[mark[0]].address(mark[1])
        self.user, self.kernel = collections.defaultdict(collections.Counter), collections.defaultdict(collections.Counter)
        self.marks, self.exits = 0, 0
        self.last = {}  # program: its last address, where it goes on

    def owner(self, user):
        """Programs that have the same code there are told apart by where they were before."""
        found = self.programs.of(user)
        if len(found) > 1:
            found = [name for name in found if 0 < user[0] - self.last.get(name, 0) <= 15] or found
        return found[0] if len(found) == 1 else UNKNOWN

    def add(self, piece, counted):
        """A piece of the stream; its operations are counted. Returns how many they were."""
        owner = self.owner(piece.user) if piece.user else UNKNOWN
        if piece.user:
            self.last[owner] = piece.user[-1]
        marks = piece.user.count(self.mark_address) if owner == self.mark[0] else 0
        if counted:
            self.user[owner].update(piece.user)
            self.kernel[owner].update(piece.kernel)
            self.kernel[INTERRUPT].update(piece.interrupt)
            self.user[GUEST][0] += piece.guest
            self.exits += piece.exits
            self.marks += marks
        return marks

    def functions(self, owner, kernel):
        """{function: instructions an operation}"""
        symbols = self.programs.kernel if kernel else self.programs.symbols.get(owner)
        found = collections.Counter()
        for address, count in (self.kernel if kernel else self.user)[owner].items():
            found[symbols.name(address) if symbols else owner] += count
        return {name: count / self.marks for name, count in found.most_common() if name not in IDLE}

    def of(self, owner, kernel=True, user=True):
        """Instructions an operation."""
        return sum(sum(self.functions(owner, which).values()) for which, wanted in ((True, kernel), (False, user)) if wanted)

    def total(self):
        return sum(self.of(owner) for owner in {*self.user, *self.kernel} - {GUEST})


class Piece:
    def __init__(self):
        self.user, self.kernel, self.interrupt, self.guest, self.exits = [], [], [], 0, 0


def pieces(stream, programs):
    """The stream, cut at the changes of address spaces."""
    entry, switches = programs.kernel.address(INTERRUPT_ENTRY), programs.switches
    piece, into, in_guest = Piece(), None, False
    for line in stream:
        match = LINE.search(line)
        if not match:
            continue
        address, flags = int(match[1], 16), int(match[2], 16)
        if flags & IN_GUEST:
            piece.guest, in_guest = piece.guest + 1, True
            continue
        if in_guest:
            piece.exits, in_guest = piece.exits + 1, False
        if flags & PRIVILEGE:
            piece.user.append(address)
            into = None
            continue
        if 0 <= address - entry < 4096 and address not in switches and programs.kernel.name(address) == INTERRUPT_ENTRY:
            into = piece.interrupt
        (piece.kernel if into is None else into).append(address)
        if address in switches:
            yield piece
            piece, into = Piece(), None


def monitor_command(path, *commands):
    with socket.socket(socket.AF_UNIX) as monitor:
        monitor.settimeout(LIMIT)
        monitor.connect(path)
        for command in commands:
            monitor.sendall(command.encode() + b"\n")
        time.sleep(0.3)
        monitor.recv(65536)


def split(name, mark, start, skip=1000, count=2000, change_opt=None, build=None):
    """The Split of COUNT operations (about: whole pieces) of a scenario."""
    build = build or os.environ.get("BUILD", "build")
    found = Split(Programs(scenario.load(name, build)), mark)
    with tempfile.TemporaryDirectory(prefix="split.") as work:
        trace, monitor = os.path.join(work, "trace"), os.path.join(work, "monitor")
        os.mkfifo(trace)
        reader = os.open(trace, os.O_RDONLY | os.O_NONBLOCK)
        os.set_blocking(reader, True)
        with os.fdopen(reader, "rb", buffering=1 << 20) as stream, \
                Machine(name, build, change_opt, ["-D", trace, "-monitor", f"unix:{monitor},server=on,wait=off"]) as machine:
            machine.wait(start)
            monitor_command(monitor, "singlestep on", "log exec,nochain")
            end, seen = time.monotonic() + LIMIT * float(os.environ.get("SLOW") or 1), 0
            for piece in pieces(stream, found.programs):
                seen += found.add(piece, seen >= skip)
                if found.marks >= count:
                    return found
                if time.monotonic() > end:
                    break
    raise Failure(f"{name}: {seen} times {mark[1]} of {mark[0]} in {LIMIT} s instead of {skip + count}")


def show(found, functions):
    for owner in sorted({*found.user, *found.kernel}):
        print(f"{owner:20} {found.of(owner, kernel=False):9.1f} and {found.of(owner, user=False):9.1f} of the kernel")
        for kernel in (False, True):
            for name, count in list(found.functions(owner, kernel).items())[:functions]:
                print(f"    {'kernel ' if kernel else ''}{name:36} {count:8.1f}")
    print(f"{'together':20} {found.total():9.1f} an operation, of {found.marks}; a guest was left {found.exits / found.marks:.3f} times")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--start", default="depth")
    parser.add_argument("--skip", type=int, default=1000)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--functions", type=int, default=0)
    parser.add_argument("--change", nargs=2)
    parser.add_argument("scenario")
    parser.add_argument("program")
    parser.add_argument("function")
    options = parser.parse_args()
    show(split(options.scenario, (options.program, options.function), options.start.encode(), options.skip, options.count,
               options.change), options.functions)


if __name__ == "__main__":
    try:
        main()
    except Failure as problem:
        print(f"split: {problem}", file=sys.stderr)
        sys.exit(1)
