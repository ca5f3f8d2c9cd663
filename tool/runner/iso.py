# SPDX-License-Identifier: MIT
"""A scenario as a bootable image: GRUB for BIOS and UEFI, which starts the kernel by multiboot 2."""
import os
import shutil
import subprocess
import tempfile
import time

from . import Failure
from .scenario import ROOT

# What grub.cfg below needs, beside what GRUB needs to find it. Everything else would be megabytes of no use.
GRUB_MODULES = ("normal serial terminal multiboot2 iso9660 fat configfile part_acorn part_amiga part_apple part_bsd "
                "part_dfly part_dvh part_gpt part_msdos part_plan part_sun part_sunpc")
GRUB_START = ["serial --unit=0 --speed=115200", "terminal_input serial console", "terminal_output serial console",
              "set timeout=0"]
EPOCH = "1767225600"  # every date in an image, unless SOURCE_DATE_EPOCH says another: the same files give the same image


def grub_config(wanted):
    lines = [*GRUB_START, f'menuentry "Tessera {wanted.name}" {{', "  multiboot2 /boot/kernel"]
    lines += [f"  module2 /boot/{name} {name}" for name, _ in wanted.module_list()]
    return "\n".join([*lines, "}", ""])


def fill(stage, wanted):
    """The image's files. Links would do, but for xorriso's sake they are copies. Nobody's umask shall show in the image."""
    boot = os.path.join(stage, "boot")
    os.makedirs(os.path.join(boot, "grub"))
    shutil.copy(os.path.join(ROOT, wanted.find(wanted.kernel)), os.path.join(boot, "kernel"))
    for name, file in wanted.module_list():
        shutil.copy(os.path.join(ROOT, wanted.find(file)), os.path.join(boot, name))
    with open(os.path.join(boot, "grub", "grub.cfg"), "w", encoding="utf-8") as file:
        file.write(grub_config(wanted))
    for folder, _, names in os.walk(stage):
        os.chmod(folder, 0o755)
        for name in names:
            os.chmod(os.path.join(folder, name), 0o644)


def environment(folder):
    """For grub-mkrescue. Its mformat would number the UEFI partition at random; a script in its place prevents that."""
    path = os.path.join(folder, "mformat")
    with open(path, "w", encoding="utf-8") as file:
        file.write(f'#!/bin/sh\nexec {shutil.which("mformat")} -N 54657373 "$@"\n')
    os.chmod(path, 0o755)
    return {"SOURCE_DATE_EPOCH": EPOCH, **os.environ, "TZ": "UTC", "LC_ALL": "C", "PATH": f"{folder}:{os.environ['PATH']}"}


def write(wanted, output):
    if not shutil.which("grub-mkrescue") or not shutil.which("xorriso") or not shutil.which("mformat"):
        raise Failure("grub-mkrescue, xorriso or mformat is not installed: run tool/deps iso")
    os.makedirs(os.path.dirname(os.path.abspath(output)), exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        stage, programs = os.path.join(place, "stage"), os.path.join(place, "programs")
        os.makedirs(programs)
        fill(stage, wanted)
        variables = environment(programs)
        date = time.strftime("%Y%m%d%H%M%S00", time.gmtime(int(variables["SOURCE_DATE_EPOCH"])))
        done = subprocess.run(["grub-mkrescue", "-o", output, "--fonts=", "--themes=", "--locales=",
                               f"--install-modules={GRUB_MODULES}", stage, f"--modification-date={date}",
                               "--set_all_file_dates", date],
                              capture_output=True, text=True, check=False, env=variables, umask=0o022)
    if done.returncode != 0:
        raise Failure(f"grub-mkrescue failed:\n{done.stderr[-1000:]}")
