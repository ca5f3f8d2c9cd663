#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The same sources give the same bytes: built twice, in different folders, at different times, by different people.

Kernel, one component and a library with generated sources; with FULL=1 in the environment (some minutes) everything,
and a bootable image besides.
"""
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FULL = os.environ.get("FULL") == "1"
QUICK_TARGETS = ["kernel.elf32", "bin/hello", "lib/vmm_firmware.a"]
SKIPPED = shutil.ignore_patterns("build", ".git", "__pycache__")
OLD = 1580601600


class Workshop:
    """A copy of the sources, and how somebody builds there."""

    def __init__(self, root, build, umask, variables, old=False):
        self.root, self.build, self.umask = root, build, umask
        self.variables = {**{name: value for name, value in os.environ.items()
                             if not name.startswith("MAKE") and name != "MFLAGS"}, **variables}
        shutil.copytree(ROOT, root, ignore=SKIPPED, symlinks=True)
        if old:
            for folder, _, names in os.walk(root):
                for name in names:
                    os.utime(os.path.join(folder, name), (OLD, OLD))

    def output(self):
        return os.path.join(self.root, self.build)

    def run(self, *command):
        done = subprocess.run(command, cwd=self.root, env=self.variables, umask=self.umask, capture_output=True, text=True,
                              check=False)
        if done.returncode:
            raise AssertionError(f"{' '.join(command)}\n{(done.stdout + done.stderr)[-2000:]}")

    def make(self):
        targets = ["system"] if FULL else [f"{self.build}/{target}" for target in QUICK_TARGETS]
        self.run("make", "-s", "-j2", f"BUILD={self.build}", *targets)
        if FULL:
            self.run(sys.executable, "tool/run", "--build", self.build, "--iso", self.output() + "/hello.iso", "hello")

    def hashes(self):
        """{file: hash} of images and libraries. Objects and dependency files may name their folder."""
        found = {}
        for folder, children, names in os.walk(self.output()):
            if folder == self.output():
                children[:] = [child for child in children if child in ("bin", "lib", "guest")]
            for name in names:
                path = os.path.join(folder, name)
                if os.path.splitext(name)[1] in ("", ".a", ".iso", ".elf", ".elf32"):
                    with open(path, "rb") as file:
                        found[os.path.relpath(path, self.output())] = hashlib.sha256(file.read()).hexdigest()
        return found


IMAGE_MAKER = """
import sys
from types import SimpleNamespace
from runner import iso
iso.write(SimpleNamespace(name="x", kernel="kernel", find=lambda file: sys.argv[1], module_list=lambda: [("core", "core")]), sys.argv[2])
"""


class ReproducibleTest(unittest.TestCase):
    def test_image(self):
        """The bootable image of the same files: who makes it, when and where does not show."""
        with tempfile.TemporaryDirectory() as place:
            images = []
            for number, (umask, variables) in enumerate(((0o022, {"TZ": "UTC"}), (0o077, {"TZ": "Asia/Tokyo", "TMPDIR": place}))):
                file, image = f"{place}/kernel{number}", f"{place}/{number}.iso"
                with open(file, "wb") as output:
                    output.write(bytes(range(256)) * 64)
                os.utime(file, (OLD * number, OLD * number))
                subprocess.run([sys.executable, "-c", IMAGE_MAKER, file, image], cwd=os.path.join(ROOT, "tool"), umask=umask,
                               env={**os.environ, **variables}, check=True)
                with open(image, "rb") as output:
                    images.append(hashlib.sha256(output.read()).hexdigest())
            self.assertEqual(images[0], images[1])

    def test_two_builds(self):
        with tempfile.TemporaryDirectory() as place:
            first = Workshop(place + "/a", "build", 0o022, {"TZ": "UTC", "LC_ALL": "C"})
            second = Workshop(place + "/another/folder with a longer name".replace(" ", "-"), place + "/output", 0o077,
                              {"TZ": "Asia/Tokyo", "LC_ALL": "C.UTF-8", "USER": "somebody", "HOME": place}, old=True)
            for one in (first, second):
                one.make()
            self.assertIn("kernel.elf32", first.hashes())
            self.assertIn("bin/hello", first.hashes())
            different = [name for name, value in first.hashes().items() if second.hashes().get(name) != value]
            self.assertEqual(different, [], "these files differ")
            self.assertEqual(first.hashes().keys(), second.hashes().keys())
            print(f"{len(first.hashes())} files are the same")


if __name__ == "__main__":
    unittest.main()
