# SPDX-License-Identifier: MIT
"""A scenario's machine for benchmarks: init's configuration with changes, and a console that is read step by step."""
import contextlib
import os
import re
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
sys.path.insert(0, os.path.join(ROOT, "tool"))
from runner import Failure, emulator, scenario  # noqa: E402

LIMIT = 120


@contextlib.contextmanager
def with_change(wanted, change_opt):
    """The scenario with `change` = (regular expression, replacement) applied to init's configuration, exactly once."""
    with tempfile.NamedTemporaryFile("w", suffix=".xml") as changed:
        if change_opt:
            with open(os.path.join(ROOT, wanted.find(wanted.config)), encoding="utf-8") as file:
                text, count = re.subn(*change_opt, file.read())
            if count != 1:
                raise Failure(f"{wanted.config} of {wanted.name}: {count} places like '{change_opt[0]}' instead of one")
            changed.write(text)
            changed.flush()
            wanted.config = changed.name
        yield wanted


class Machine:
    """A running scenario, for a `with` statement."""

    def __init__(self, name, build, change_opt=None, qemu=(), kernel_opt=None):
        wanted = scenario.load(name, build)
        wanted.kernel = kernel_opt or wanted.kernel
        wanted.qemu = [*wanted.qemu, *qemu]
        with with_change(wanted, change_opt):  # the emulator has read its files when it first says something
            wanted.check(with_transcript=False)
            self.emulator = emulator.Emulator(emulator.arguments(wanted, "tcg"))
            self.output, self.position = b"", 0
            try:
                self.wait(rb"(?s)\A.", raw=True)
            except BaseException:
                self.emulator.stop()
                raise
        self.position = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.emulator.stop()

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
