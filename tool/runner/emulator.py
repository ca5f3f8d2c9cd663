# SPDX-License-Identifier: MIT
"""The emulator: its command line, its process, and whether KVM may be used.

The emulator never outlives us: it runs in a session of its own that stop() kills as a whole, and the kernel kills it
should we die without a chance to (parent-death signal).
"""
import ctypes
import os
import select
import shlex
import signal
import subprocess
import tempfile
import time

from . import Failure, disk, iso
from .scenario import ROOT

PROGRAM = "qemu-system-x86_64"
BOCHS = "bochs"
UEFI_FIRMWARE = "/usr/share/ovmf/OVMF.fd"
PR_SET_PDEATHSIG = 1
PROBE_SECONDS, PROBE_GOOD = 10, 33  # the debug-exit device makes 33 of 16


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Emulator:
    """A running emulator, its first serial line on two pipes."""

    def __init__(self, arguments, program=PROGRAM):
        self.errors = tempfile.TemporaryFile()
        try:
            self.process = subprocess.Popen(
                [program] + arguments, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=self.errors, start_new_session=True, preexec_fn=die_with_parent, bufsize=0)
        except FileNotFoundError as error:
            raise Failure(f"{program} is not installed: run tool/deps test") from error
        os.set_blocking(self.process.stdin.fileno(), False)
        self.unsent = b""

    def read(self, seconds, *others):
        """Waits up to `seconds` for output: (bytes, other file descriptors that are readable). Bytes are None at the end."""
        output = self.process.stdout.fileno()
        writers = [self.process.stdin.fileno()] if self.unsent else []
        readable, writable, _ = select.select([output, *others], writers, [], max(seconds, 0))
        if writable:
            self.flush()
        if output in readable:
            return os.read(output, 65536) or None, [fd for fd in readable if fd != output]
        return b"", readable

    def write(self, data):
        self.unsent += data
        self.flush()

    def flush(self):
        try:
            self.unsent = self.unsent[os.write(self.process.stdin.fileno(), self.unsent):]
        except BlockingIOError:
            pass
        except BrokenPipeError:
            self.unsent = b""

    def cpu_seconds(self):
        """User and system time of all its threads; None when it has ended."""
        try:
            with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
                fields = file.read().rpartition(")")[2].split()
        except OSError:
            return None
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def complaints(self):
        """What the emulator itself said on its error output, without the features that no TCG has."""
        self.errors.seek(0)
        lines = self.errors.read().decode(errors="replace").splitlines()
        return [line for line in lines if "TCG doesn't support requested feature" not in line]

    def wait(self, seconds):
        """Exit status, or None if it still runs after that time."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def stop(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def arguments(scenario, accelerator):
    """Command line for a scenario, whose disks are made anew. Modules go by relative paths, so that the boot protocol's
    strings stay short."""
    cpu = "host" if accelerator == "kvm" and scenario.cpu.startswith("EPYC,+svm") else scenario.cpu
    return [
        "-machine", scenario.machine, *processor_arguments(scenario, accelerator), "-cpu", cpu, "-m", str(scenario.memory),
        "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
        "-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console",
        "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04", *boot_arguments(scenario), *scenario.qemu,
        *disk.prepare(scenario, ROOT), *shlex.split(os.environ.get("QEMU_FLAGS", ""))]


def processor_arguments(scenario, accelerator):
    """Several processors run at the same time; with -icount, which counts instructions, in turns."""
    if scenario.cpus == 1:
        return ["-accel", accelerator]
    threads = ",thread=multi" if accelerator == "tcg" and "-icount" not in scenario.qemu else ""
    return ["-accel", accelerator + threads, "-smp", str(scenario.cpus)]


def boot_arguments(scenario):
    if scenario.boot:
        firmware = ["-bios", UEFI_FIRMWARE] if scenario.boot == "uefi" else []
        return [*firmware, "-cdrom", iso_path(scenario, ".iso")]
    modules = ",".join(f"{scenario.find(file)} {name}" for name, file in scenario.module_list())
    return ["-kernel", scenario.find(scenario.kernel), *(["-initrd", modules] if modules else [])]


def iso_path(scenario, suffix):
    """Scenarios that boot from an image have it made for each run: it takes a second."""
    return os.path.join(ROOT, scenario.build_root, "iso", scenario.name + suffix)


def bochs_arguments(scenario):
    """Debian's Bochs stops at a debugger's prompt, so it is given the command to continue; its console is output only."""
    settings = [
        'display_library: rfb, options="timeout=0"', f"memory: guest={scenario.memory}, host={scenario.memory}",
        'romimage: file="/usr/share/bochs/BIOS-bochs-latest", options=fastboot',
        'vgaromimage: file="/usr/share/bochs/VGABIOS-lgpl-latest"',
        f"cpu: model=corei7_haswell_4770, count={scenario.cpus}, ips=50000000, reset_on_triple_fault=0, ignore_bad_msrs=1",
        "clock: sync=none, time0=local", "boot: cdrom", "panic: action=fatal", "log: /dev/null",
        f'ata0-master: type=cdrom, path="{iso_path(scenario, ".iso")}", status=inserted',
        "com1: enabled=1, mode=file, dev=/dev/stdout", "pci: enabled=1, chipset=i440fx"]
    for suffix, lines in ((".bochsrc", settings), (".debugger", ["c"])):
        with open(iso_path(scenario, suffix), "w", encoding="utf-8") as file:
            file.write("\n".join([*lines, ""]))
    return ["-q", "-f", iso_path(scenario, ".bochsrc"), "-rc", iso_path(scenario, ".debugger")]


def start(scenario, accelerator):
    """The emulator that the scenario wants, running."""
    if scenario.boot:
        if scenario.boot == "uefi" and not os.path.exists(UEFI_FIRMWARE):
            raise Failure(f"{UEFI_FIRMWARE} is missing: run tool/deps test")
        iso.write(scenario, iso_path(scenario, ".iso"))
    if scenario.boot == "bochs":
        return Emulator(bochs_arguments(scenario), BOCHS)
    return Emulator(arguments(scenario, accelerator))


def probe_image(folder):
    """kvm_probe.S as a multiboot image."""
    name = os.path.join(folder, "probe")
    for command in (["gcc", "-m32", "-c", os.path.join(ROOT, "tool/runner/kvm_probe.S"), "-o", name + ".o"],
                    ["objcopy", "-O", "binary", "-j", ".text", name + ".o", name]):
        subprocess.run(command, check=True, capture_output=True)
    return name


def virtualizes(accelerator, cpu):
    """Boots the probe: does a machine of this kind run a guest by AMD-V? Some have a /dev/kvm that runs no ordinary one."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            emulator = Emulator(["-machine", f"q35,accel={accelerator}", "-cpu", cpu, "-m", "64", "-nodefaults",
                                 "-display", "none", "-no-reboot", "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04",
                                 "-kernel", probe_image(folder)])
            try:
                return emulator.wait(PROBE_SECONDS) == PROBE_GOOD
            finally:
                emulator.stop()
    except (OSError, subprocess.CalledProcessError):
        return False


def kvm_nested():
    """Tessera needs AMD-V inside the machine it runs on."""
    try:
        with open("/sys/module/kvm_amd/parameters/nested", encoding="ascii") as file:
            return file.read().strip() in ("1", "Y") and os.access("/dev/kvm", os.R_OK | os.W_OK)
    except OSError:
        return False


def accelerator(scenario):
    """tcg or kvm; ACCEL in the environment decides for all."""
    wanted = os.environ.get("ACCEL") or scenario.accel
    if wanted:
        return wanted
    if not kvm_nested():
        return "tcg"
    note = os.path.join(ROOT, scenario.build_root, "kvm-probe")
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        boot = file.read().strip()
    try:
        with open(note, encoding="ascii") as file:
            known, answer = file.read().split()
        if known == boot:
            return answer
    except (OSError, ValueError):
        pass
    answer = "kvm" if virtualizes("kvm", "host") else "tcg"
    os.makedirs(os.path.dirname(note), exist_ok=True)
    with open(note, "w", encoding="ascii") as file:
        file.write(f"{boot} {answer}\n")
    return answer


def deadline(seconds):
    """Slow machines: SLOW=3 in the environment triples every time limit."""
    return time.monotonic() + seconds * float(os.environ.get("SLOW") or 1)
