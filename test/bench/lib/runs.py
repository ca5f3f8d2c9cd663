# SPDX-License-Identifier: MIT
"""Whole runs of scenarios for benchmarks, and numbers out of their logs."""
import os
import re
import subprocess
import sys

from machine import ROOT, Failure

BUILD = os.environ.get("BUILD", "build")
RUNS = int(os.environ.get("RUNS") or 5)  # of whatever is measured in seconds; the median counts


def log_of(name):
    """What a scenario that went through its transcript has said."""
    done = subprocess.run([sys.executable, "tool/run", "--build", BUILD, "--test", name], cwd=ROOT, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failure(f"{name}: {done.stdout}{done.stderr}")
    with open(os.path.join(ROOT, "build", "log", name + ".log"), encoding="utf-8", errors="replace") as log:
        return log.read()


def number(text, pattern):
    """The group of a pattern, as a number."""
    match = re.search(pattern, text)
    if not match:
        raise Failure(f"no '{pattern}' in the log")
    return float(match.group(1))


def report(name, value, unit):
    text = f"{value:.0f}" if unit == "instructions" else f"{value:.3f}" if value < 1 else f"{value:.2f}"
    print(f"BENCH {name} {text} {unit}", flush=True)


def run(function, name):
    """A benchmark's main program: failures are words for the user."""
    try:
        function()
    except (Failure, subprocess.TimeoutExpired) as problem:
        sys.exit(f"{name}: {problem}")
