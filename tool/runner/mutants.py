# SPDX-License-Identifier: MIT
"""Would the tests notice? Mutants are the code under test with one mistake each; some command of some program must fail, or not end.

A script that has mutants is a list of them and of programs, and calls main(). Sources are compiled once; a mutant compiles only what
it changes. A mutant whose text is not in its file exactly once is a failure: it has to be brought up to date, since a mistake that nobody
makes proves nothing. Programs are built without sanitizers: the tests' own checks must suffice.
"""
import glob
import os
import subprocess
import sys
import tempfile
import time

from .scenario import ROOT

# The kernel as it is tested on the host.
KERNEL = [name for folder in ("object", "sched", "ipc", "hypercall", "iommu")
          for name in sorted(glob.glob(f"kernel/{folder}/*.c", root_dir=ROOT))]
KERNEL += ["kernel/smp.c", "kernel/mem/page_table.c", "kernel/mem/space.c", "kernel/arch/host/arch.c"]

FLAGS = "-std=gnu2x -g -O1 -w -DHOST_TEST -fno-strict-aliasing".split()

class Program:
    """`sources` are its own, besides those that all programs share. Its commands, lists of arguments, are run one after the other
    until one fails."""

    def __init__(self, name, sources, commands=((),), link=()):
        self.name, self.sources, self.commands, self.link = name, sources, commands, link
        self.limit = 60  # seconds for a command

    def build(self, objects, shared, folder):
        path = os.path.join(folder, self.name)
        subprocess.run(["gcc", "-g", *self.link, *(objects[source] for source in [*shared, *self.sources]), "-o", path],
                       check=True, cwd=ROOT)
        return path

    def failing(self, path, commands):
        """How many commands it took to fail; 0: none does."""
        for count, arguments in enumerate(commands, 1):
            try:
                status = subprocess.run([path, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        timeout=self.limit, check=False, cwd=ROOT).returncode
            except subprocess.TimeoutExpired:
                return count
            if status != 0:
                return count
        return 0


class Suite:
    def __init__(self, flags, shared, programs, folder):
        self.flags, self.shared, self.programs, self.folder = flags, shared, programs, folder
        self.sources = list(dict.fromkeys([*shared, *(source for program in programs for source in program.sources)]))
        self.objects = {source: self.compile(source, folder) for source in self.sources}

    def compile(self, source, folder, mutated=None):
        output = os.path.join(folder, source.replace("/", "_") + ".o")
        include, path = ([], source) if mutated is None else (["-I", mutated], os.path.join(mutated, source))
        subprocess.run(["gcc", *include, "-I.", *self.flags, "-c", path if os.path.exists(path) else source, "-o", output],
                       check=True, cwd=ROOT)
        return output

    def unchanged_passes(self):
        """Also how long a mutant may take: ten times as long as the code as it stands, which may wait for the other core."""
        good = True
        for program in self.programs:
            path, start = program.build(self.objects, self.shared, self.folder), time.monotonic()
            if program.failing(path, program.commands[:1]):
                print(f"FAIL {program.name} fails without a mistake", flush=True)
                good = False
            program.limit = 5 + 10 * (time.monotonic() - start)
        return good

    def notice(self, path, old, new):
        """What noticed the mutant, None: nothing did."""
        with open(os.path.join(ROOT, path), encoding="utf-8") as file:
            text = file.read()
        if text.count(old) != 1:
            raise LookupError(f"its text is {text.count(old)} times in {path}")
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            os.makedirs(os.path.join(folder, os.path.dirname(path)))
            with open(os.path.join(folder, path), "w", encoding="utf-8") as file:
                file.write(text.replace(old, new))
            changed = self.sources if path.endswith(".h") else [path]  # who includes a header is not known
            objects = self.objects | {source: self.compile(source, folder, folder) for source in changed}
            for program in self.programs:
                count = program.failing(program.build(objects, self.shared, folder), program.commands)
                if count:
                    return f"{program.name}, command {count}" if len(program.commands) > 1 else program.name
        return None


def main(flags, shared, programs, mutants):
    """Mutants are (name, file, text that is there once, what is there instead). The script's argument: only those whose names contain it."""
    word = sys.argv[1] if len(sys.argv) > 1 else ""
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        suite = Suite(flags, shared, programs, folder)
        if not suite.unchanged_passes():
            sys.exit(1)
        for name, path, old, new in mutants:
            if word not in name:
                continue
            try:
                noticed = suite.notice(path, old, new)
                why = noticed or "not noticed"
            except LookupError as problem:
                noticed, why = None, problem
            print(f"{'ok  ' if noticed else 'FAIL'} {name}: {why}", flush=True)
            passed += noticed is not None
            failed += noticed is None
    print(f"{passed} noticed, {failed} not")
    sys.exit(1 if failed or not passed else 0)
