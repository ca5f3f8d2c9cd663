# SPDX-License-Identifier: MIT
"""Runs a scenario against its transcript. Everything the console says goes to a log as it comes."""
import json
import os
import subprocess
import time

from . import Failure
from .emulator import deadline
from .scenario import ROOT


class Judge:
    """Invariant: `output` is all output so far without carriage returns; steps have consumed it up to `position`."""

    def __init__(self, emulator, log, seconds, variables=None):
        self.emulator = emulator
        self.log = log
        self.variables = {**os.environ, **(variables or {})}  # what `host` steps find in their environment
        self.end = deadline(seconds)
        self.output = b""
        self.position = 0
        self.forbidden = []  # (step, position from which on it holds)
        self.marks = {}
        self.ended = False

    def listen(self, seconds):
        """Takes in what the emulator says within that time; returns at the first output."""
        data, _ = self.emulator.read(seconds)
        if data is None:
            self.ended = True
        elif data:
            self.log.write(data)
            self.log.flush()
            self.output += data.replace(b"\r", b"")
            self.check_forbidden()

    def check_forbidden(self):
        for step, start in self.forbidden:
            match = step.value.search(self.output, start)
            if match:
                raise Failure(f"{step}: it says '{match.group().decode(errors='replace')}'")

    def limit_of(self, step):
        return min(deadline(step.limit), self.end)

    def late(self, step):
        if time.monotonic() >= self.end:
            return Failure(f"{step}: the scenario's time is up")
        return Failure(f"{step}: not seen within {step.limit:g} s")

    def wait_for(self, step, start):
        """End of the first match behind `start`."""
        limit = self.limit_of(step)
        while True:
            match = step.value.search(self.output, start)
            if match:
                return match.end()
            if self.ended:
                raise Failure(f"{step}: the emulator ended first (status {self.emulator.wait(1)})")
            if time.monotonic() >= limit:
                raise self.late(step)
            self.listen(limit - time.monotonic())

    def expect(self, step):
        self.position = self.wait_for(step, self.position)

    def anywhere(self, step):
        self.wait_for(step, 0)

    def exit(self, step):
        limit = self.limit_of(step)
        while not self.ended:
            if time.monotonic() >= limit:
                raise Failure(f"{step}: the emulator still runs after {step.limit:g} s")
            self.listen(limit - time.monotonic())
        status = self.emulator.wait(5)
        if step.value is not None and status != step.value:
            raise Failure(f"{step}: exit status {status}")

    def pause(self, step):
        limit = min(time.monotonic() + step.value, self.end)
        while time.monotonic() < limit and not self.ended:
            self.listen(limit - time.monotonic())

    def mark(self, step):
        self.marks[step.value] = {"cpu": self.emulator.cpu_seconds(), "time": time.monotonic()}

    def host(self, step):
        done = subprocess.run(step.value, shell=True, cwd=ROOT, env=self.variables, stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=step.limit, check=False)
        self.log.write(b"[host] " + step.value.encode() + b"\n" + done.stdout + done.stderr)
        if done.returncode != 0:
            raise Failure(f"{step}: exit status {done.returncode}: {(done.stdout + done.stderr).decode()[-500:]}")

    def run(self, steps):
        for step in steps:
            if step.verb == "absent":
                self.forbidden.append((step, self.position))
                self.check_forbidden()
            elif step.verb in ("send", "type"):
                self.emulator.write(step.value)
            else:
                getattr(self, step.verb)(step)

    def save_marks(self, path):
        if self.marks:
            with open(path, "w", encoding="utf-8") as file:
                json.dump(self.marks, file, indent=1)
