#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
How long does the same Linux take in the bare emulator?

The guest of our main scenario is booted directly by QEMU's processor emulation, without Tessera between them, and the
processor seconds (user + system) of the QEMU process are counted from the kernel's first instruction to the shell
prompt. A breakpoint at the kernel's PVH entry marks the start, so loading and firmware are not counted; it is set
through QEMU's gdb socket and removed again before the kernel runs. Processor seconds, not wall-clock time, because the
development machines are shared. A time on its own says little: divide by the same figure measured under Tessera.

test/bench/linux-boot measures both in turns, so that they share the machine's moods; alone, this is
`python3 test/bench/lib/baseline.py`. One line for each figure goes to standard output: BENCH <name> <value> <unit>
"""
import argparse
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

PROMPT = b"/ # "
XEN_PHYS32_ENTRY = 18


class Failure(Exception):
    """Something the user can act on: printed without a stack trace."""


def pvh_entry(path):
    """Physical address of the entry that the Xen note PHYS32_ENTRY of a 64-bit ELF file names."""
    with open(path, "rb") as file:
        image = file.read()
    if image[:5] != b"\x7fELF\x02":
        raise Failure(f"{path} is no 64-bit ELF file")
    offset, size, count = struct.unpack_from("<Q", image, 32) + struct.unpack_from("<HH", image, 54)
    for index in range(count):
        kind, _, start, _, _, length = struct.unpack_from("<IIQQQQ", image, offset + index * size)
        position = start
        while kind == 4 and position + 12 <= start + length:
            names, data, note = struct.unpack_from("<III", image, position)
            body = position + 12 + (names + 3) // 4 * 4
            if image[position + 12:position + 12 + names] == b"Xen\0" and note == XEN_PHYS32_ENTRY:
                return struct.unpack_from("<I", image, body)[0]
            position = body + (data + 3) // 4 * 4
    raise Failure(f"{path} has no PVH entry note")


class Debugger:
    """The few packets of the gdb remote protocol that are needed: breakpoint, continue, detach."""

    def __init__(self, path, process):
        for _ in range(200):
            try:
                self.socket = socket.socket(socket.AF_UNIX)
                self.socket.connect(path)
                break
            except OSError as error:
                if process.poll() is not None:
                    raise Failure(f"{process.args[0]} ended with status {process.returncode}") from error
                time.sleep(0.05)
        else:
            raise Failure("the emulator does not answer on its debugger socket")
        self.socket.settimeout(60)

    def command(self, text):
        packet = text.encode()
        self.socket.sendall(b"$" + packet + b"#%02x" % (sum(packet) & 255))
        reply = b""
        while True:
            reply += self.socket.recv(4096)
            start = reply.find(b"$")
            end = reply.find(b"#", start + 1)
            if start >= 0 and len(reply) >= end + 3 > start + 3:
                self.socket.sendall(b"+")
                return reply[start + 1:end].decode()

    def run_to(self, address):
        if self.command(f"Z1,{address:x},1") != "OK":
            raise Failure("the emulator refused a breakpoint at the kernel's entry")
        if not self.command("c").startswith("T05"):
            raise Failure("the guest did not reach the kernel's entry")
        self.command(f"z1,{address:x},1")

    def detach(self):
        self.command("D")
        self.socket.close()


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def read_until_prompt(process, limit, echo):
    """The prompt is looked for at the start of a line; a kernel message may hold the same characters elsewhere."""
    output = b""
    deadline = time.monotonic() + limit
    while b"\n" + PROMPT not in output:
        ready, _, _ = select.select([process.stdout], [], [], max(0, deadline - time.monotonic()))
        data = os.read(process.stdout.fileno(), 65536) if ready else b""
        if not data:
            tail = output.decode(errors="replace")[-800:]
            raise Failure(f"no prompt within {limit} s, or the guest ended; the last output was:\n{tail}")
        output += data
        if echo:
            sys.stderr.buffer.write(data)
            sys.stderr.buffer.flush()
    return len(output)


def measure(arguments, append):
    with tempfile.TemporaryDirectory(prefix="baseline.") as work:
        debugger_socket = os.path.join(work, "gdb")
        command = [arguments.qemu, "-M", arguments.machine, "-accel", "tcg", "-cpu", arguments.cpu, "-smp", "1",
                   "-m", arguments.memory, "-nodefaults", "-display", "none", "-serial", "stdio", "-no-reboot",
                   "-kernel", arguments.kernel, "-initrd", arguments.initramfs, "-append", append,
                   "-S", "-gdb", f"unix:{debugger_socket},server=on,wait=off"]
        try:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       stderr=subprocess.DEVNULL)
        except FileNotFoundError as error:
            raise Failure(f"{arguments.qemu} is not installed") from error
        try:
            debugger = Debugger(debugger_socket, process)
            debugger.run_to(pvh_entry(arguments.kernel))
            start = cpu_seconds(process.pid)
            debugger.detach()
            size = read_until_prompt(process, arguments.limit, arguments.echo)
            return cpu_seconds(process.pid) - start, size
        finally:
            process.kill()
            process.wait()


def parse(words=None):
    parser = argparse.ArgumentParser(description="Processor seconds of a Linux boot in the bare emulator.")
    parser.add_argument("guest", nargs="?", default="build/guest", help="folder made by tool/guest-linux")
    parser.add_argument("--full-log", action="store_true", help="measure with the kernel's log on the console too")
    parser.add_argument("--append", default="console=ttyS0", help="kernel command line without 'quiet'")
    parser.add_argument("--runs", type=int, default=3, help="the least of so many runs counts")
    parser.add_argument("--cpu", default="EPYC", help="processor model of the emulator")
    parser.add_argument("--machine", default="pc", help="machine model of the emulator")
    parser.add_argument("--memory", default="512", help="guest memory in MiB")
    parser.add_argument("--limit", type=float, default=120, help="seconds before a run is given up")
    parser.add_argument("--echo", action="store_true", help="show the guest's console on standard error")
    parser.add_argument("--qemu", default="qemu-system-x86_64", help="the emulator")
    arguments = parser.parse_args(words)
    arguments.kernel = os.path.join(arguments.guest, "vmlinux")
    arguments.initramfs = os.path.join(arguments.guest, "initramfs.cpio")
    for path in (arguments.kernel, arguments.initramfs):
        if not os.path.exists(path):
            raise Failure(f"{path} is missing: make it with tool/guest-linux {arguments.guest}")
    return arguments


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the emulator is killed on the way out
    try:
        arguments = parse()
        variants = [("quiet", arguments.append + " quiet")]
        if arguments.full_log:
            variants.append(("full_log", arguments.append))
        for name, append in variants:
            results = [measure(arguments, append) for _ in range(max(1, arguments.runs))]
            print(f"BENCH linux_bare_cpu_seconds_{name} {min(results)[0]:.2f} s", flush=True)
            print(f"BENCH linux_bare_console_bytes_{name} {min(results)[1]} bytes", flush=True)
    except (Failure, OSError) as failure:
        print(f"baseline-linux: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
