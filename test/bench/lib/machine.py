# SPDX-License-Identifier: MIT
"""A scenario's machine for benchmarks: init's configuration with changes, and a console that is read step by step."""
import os
import re
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
sys.path.insert(0, os.path.join(ROOT, "tool"))
from runner import Failure, emulator, scenario  # noqa: E402

LIMIT = 120


class Machine:
    """A running scenario. `change` = (regular expression, replacement) is applied to init's configuration, once."""

    def __init__(self, name, build, change_opt=None, qemu=(), kernel_opt=None):
        wanted = scenario.load(name, build)
        self.config = tempfile.NamedTemporaryFile("w", suffix=".xml")
        if change_opt:
            self.change(wanted, *change_opt)
        wanted.kernel = kernel_opt or wanted.kernel
        wanted.qemu = [*wanted.qemu, *qemu]
        wanted.check(with_transcript=False)
        self.emulator = emulator.Emulator(emulator.arguments(wanted, "tcg"))
        self.output, self.position = b"", 0

    def change(self, wanted, pattern, replacement):
        with open(os.path.join(ROOT, wanted.find(wanted.config)), encoding="utf-8") as file:
            text, count = re.subn(pattern, replacement, file.read())
        if count != 1:
            raise Failure(f"{wanted.config} of {wanted.name} has {count} places like '{pattern}' instead of one")
        self.config.write(text)
        self.config.flush()
        wanted.config = self.config.name

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.emulator.stop()
        self.config.close()

    def wait(self, pattern, raw=False):
        """The match, looked for behind the one before. Carriage returns are dropped unless the bytes are `raw`."""
        end = emulator.deadline(LIMIT)
        while not (match := re.compile(pattern, re.MULTILINE).search(self.output, self.position)):
            data, _ = self.emulator.read(end - time.monotonic())
            if not data:
                raise Failure(f"'{pattern}' has not come; the last output was:\n"
                              f"{self.output[-800:].decode(errors='replace')}")
            self.output += data if raw else data.replace(b"\r", b"")
        self.position = match.end()
        return match

    def text(self):
        return self.output.decode(errors="replace")
