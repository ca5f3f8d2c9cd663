# SPDX-License-Identifier: MIT
"""Scenarios: whole systems as text.

A scenario is a folder with `scenario.json` (what to boot) and, as a rule, `init.xml` (init's configuration), `expect`
(the transcript to match, see transcript.py) and README.md. Folders below scenario/ and test/ count. Variants share
the folder and override single keys; the variant V of scenario S is called S.V.

Keys of scenario.json, all optional:
    about         one line for lists
    modules       boot modules after core, init and config: a name (file bin/NAME), or {"name": ..., "file": ...}
    add_modules, drop_modules   for variants: changes to `modules`
    core          file of the first module (bin/core); false: no core, init or config, only `modules` (test kernels)
    config        file of init's configuration (init.xml)
    replace       list of [text, text to put there]: changes to that file, each of which must fit exactly once
    kernel        file given to the emulator (kernel.elf32)
    expect        transcript file (expect)
    memory        MiB of RAM (512)
    cpus          number of processors (1); the variable CPUS in the environment, or of make, is used instead if it is set
    cpu           processor model and flags (EPYC,+svm)
    machine       emulated machine (q35)
    boot          how the kernel is started: "" by the emulator itself, or from an ISO image by "bios" or "uefi", or
                  "bochs": from an ISO image in Bochs instead of QEMU
    accel         "tcg" rules out KVM (the default takes KVM where it works)
    qemu          list of further arguments for the emulator
    disks         list of disks, whose images are made fresh before each start: described in disk.py
    time          seconds for the whole transcript (120)
    build         "debug" or "release": which build to boot (the one in use)
    test          false: not a part of `make test`
    wrong_config  true: the configuration is wrong on purpose, so it is not checked before a start
    variants      {"name": {keys that differ}, ...}

File names are looked up in the scenario's folder, in the build folder, in build/ and in the repository, in this
order; so `bin/core`, `guest/vmlinux` and `README.md` all work.
"""
import json
import os

from . import Failure, disk

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DEFAULTS = {
    "about": "", "modules": [], "replace": [], "add_modules": [], "drop_modules": [], "core": "bin/core", "config": "init.xml",
    "kernel": "kernel.elf32", "expect": "expect", "memory": 512, "cpus": 1, "cpu": "EPYC,+svm", "machine": "q35",
    "accel": "", "boot": "", "qemu": [], "disks": [], "time": 120, "build": "", "test": True, "wrong_config": False, "variants": {},
}


def without(text, ending):
    return text[:-len(ending)] if text.endswith(ending) else text


def root_folder(build_folder):
    """The folder that holds all variants of the build, logs and guest images."""
    return without(without(build_folder, "/debug"), "/clang")


class Scenario:
    """One scenario or variant; attributes are the keys above, and name, folder, build_folder."""

    def __init__(self, name, folder, keys, build_folder):
        self.name = name
        self.folder = folder
        for key, value in {**DEFAULTS, **keys}.items():
            if key not in DEFAULTS:
                raise Failure(f"{folder}/scenario.json: unknown key '{key}'")
            setattr(self, key, value)
        cpus = os.environ.get("CPUS", "")
        self.cpus = int(cpus) if cpus.isdecimal() and int(cpus) else self.cpus
        base = without(build_folder, "/debug")
        if self.boot not in ("", "bios", "uefi", "bochs"):
            raise Failure(f"{folder}/scenario.json: 'boot' must be \"bios\", \"uefi\" or \"bochs\", not '{self.boot}'")
        if self.build not in ("", "debug", "release"):
            raise Failure(f"{folder}/scenario.json: 'build' must be \"debug\" or \"release\", not '{self.build}'")
        self.build_folder = {"debug": base + "/debug", "release": base, "": build_folder}[self.build]
        self.build_root = root_folder(build_folder)
        self.disk_paths = disk.names(self)

    def find(self, file):
        """Path of a file the scenario names, relative to the repository; None if there is no such file."""
        for place in (self.folder, self.build_folder, self.build_root, ""):
            path = os.path.join(place, file)
            if os.path.isfile(os.path.join(ROOT, path)):
                return path
        return None

    def module_list(self):
        """[(name, file)] in boot order."""
        chosen = [entry if isinstance(entry, dict) else {"name": entry, "file": "bin/" + entry}
                  for entry in self.modules + self.add_modules]
        chosen = [entry for entry in chosen if entry["name"] not in self.drop_modules]
        first = []
        if self.core:
            first = [("core", self.core), ("init", "bin/init"), ("config", self.config_file())]
        return [pair for pair in first if pair[0] not in self.drop_modules] + \
            [(entry["name"], entry["file"]) for entry in chosen]

    def config_file(self):
        """init's configuration; for a variant that replaces something, a changed copy in the build folder."""
        path = self.find(self.config)
        if not self.replace or not path:
            return self.config
        with open(os.path.join(ROOT, path), encoding="utf-8") as file:
            text = file.read()
        for old, new in self.replace:
            if text.count(old) != 1:
                raise Failure(f"scenario {self.name}: '{old}' is {text.count(old)} times in {path} instead of once")
            text = text.replace(old, new)
        changed = os.path.join(self.build_root, "config", self.name + ".xml")
        os.makedirs(os.path.dirname(os.path.join(ROOT, changed)), exist_ok=True)
        with open(os.path.join(ROOT, changed), "w", encoding="utf-8") as file:
            file.write(text)
        return os.path.join("config", self.name + ".xml")

    def check(self, with_transcript):
        """Everything must be there before an emulator is started; names all that is not."""
        files = [("kernel", self.kernel)] + self.module_list()
        if with_transcript:
            files.append(("transcript", self.expect))
        files += [(one.id, one.file) for one in disk.disks(self) if one.file]
        missing = [f"{file} ({name})" for name, file in files if self.find(file) is None]
        if missing:
            raise Failure(f"scenario {self.name}: no such file: {', '.join(missing)}; looked in {self.folder}, "
                          f"{self.build_folder} and {self.build_root} (has it been built?)")
        for name, file in self.module_list():
            if " " in name or "," in name or "," in self.find(file) or " " in self.find(file):
                raise Failure(f"scenario {self.name}: module '{name}': the boot loader's syntax forbids blanks and commas")


def load_file(folder):
    path = os.path.join(ROOT, folder, "scenario.json")
    try:
        with open(path, encoding="utf-8") as file:
            keys = json.load(file)
    except json.JSONDecodeError as error:
        raise Failure(f"{folder}/scenario.json:{error.lineno}: {error.msg}") from error
    if not isinstance(keys, dict):
        raise Failure(f"{folder}/scenario.json: must be an object")
    return keys


def folders():
    """{name: folder} of every scenario."""
    found = {}
    for top in ("scenario", "test"):
        for folder, children, files in os.walk(os.path.join(ROOT, top)):
            children.sort()
            if "scenario.json" in files:
                found.setdefault(os.path.basename(folder), os.path.relpath(folder, ROOT))
    return found


def load(name, build_folder):
    """The scenario called NAME or NAME.VARIANT."""
    base, _, variant = name.partition(".")
    known = folders()
    if base not in known:
        raise Failure(f"there is no scenario '{base}'; there are: {', '.join(sorted(known)) or 'none'}")
    keys = load_file(known[base])
    if variant:
        variants = keys.get("variants", {})
        if variant not in variants:
            raise Failure(f"scenario {base} has no variant '{variant}'; it has: {', '.join(variants) or 'none'}")
        keys = {**keys, "test": True, **variants[variant], "variants": {}}
    return Scenario(name, known[base], keys, build_folder)


def load_all(build_folder):
    """Every scenario and variant that can be booted."""
    found = []
    for name in sorted(folders()):
        base = load(name, build_folder)
        found.append(base)
        found += [load(f"{name}.{variant}", build_folder) for variant in base.variants]
    return found
