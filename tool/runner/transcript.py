# SPDX-License-Identifier: MIT
"""Transcripts: what a scenario's console shall say, step by step. One step a line, `#` starts a comment line.

    limit SECONDS     time for each of the following steps (30 at the start)
    expect REGEX      wait until the output, from the last match on, contains this (Python syntax; ^ and $ match at lines)
    anywhere REGEX    wait until the whole output contains this; for lines whose order is open, it moves no position
    absent REGEX      from here to the end of the run, no output may contain this
    send TEXT         type the text and Enter (carriage return)
    type TEXT         type the text alone; \\r \\n \\t \\xNN \\\\ are understood in both
    pause SECONDS     let time pass
    mark NAME         note the emulator's CPU seconds and the time at this point (for benchmarks)
    host COMMAND      run a shell command on the host, from the root of the repository; it must succeed. $DISK_ID is the
                      path of the disk image ID (disk.py)
    exit [STATUS]     the emulator must end by itself (with this exit status, if given)

Carriage returns are dropped from the output before matching. When the last step is done the run has passed, and
the emulator is stopped if it still runs.
"""
import codecs
import re

from . import Failure


class Step:
    def __init__(self, verb, value, text, limit, place):
        self.verb, self.value, self.text, self.limit, self.place = verb, value, text, limit, place

    def __str__(self):
        return f"{self.place}: {self.verb} {self.text}"


def parse_value(verb, text):
    if verb in ("expect", "anywhere", "absent"):
        return re.compile(text.encode(), re.MULTILINE)
    if verb in ("send", "type"):
        typed = codecs.escape_decode(text.encode())[0]
        return typed + (b"\r" if verb == "send" else b"")
    if verb in ("limit", "pause"):
        return float(text)
    if verb == "exit":
        return int(text) if text else None
    if verb in ("mark", "host") and text:
        return text
    raise ValueError("unknown step" if verb not in ("mark", "host") else "needs a value")


def parse(path, shown_path):
    """The steps of a transcript file; Failure names the line that is wrong."""
    steps, limit = [], 30.0
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            line = line.rstrip("\n")
            if not line.strip() or line.startswith("#"):
                continue
            verb, _, text = line.partition(" ")
            place = f"{shown_path}:{number}"
            try:
                value = parse_value(verb, text)
            except (ValueError, re.error) as error:
                raise Failure(f"{place}: '{line}': {error}") from error
            if verb == "limit":
                limit = value
            else:
                steps.append(Step(verb, value, text, limit, place))
    if not steps:
        raise Failure(f"{shown_path}: the transcript has no steps")
    return steps
