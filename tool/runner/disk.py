# SPDX-License-Identifier: MIT
"""The disks of a scenario: images made fresh before each start, and the emulator's arguments for them.

The key `disks` of scenario.json is a list of objects with these keys, of which only "interface" must be there:
    id            letters, digits and _ (disk0, disk1, ...): the drive's name, serial number and node in the emulator
    interface     "ahci" (the n-th of them is on port n of the machine's own controller), "nvme" or "virtio"
    size          "64M": bytes, or with K, M, G; a file that is shorter is made longer (64M if there is no file)
    file          what the image holds at first, looked up as all files of a scenario; a copy is used
    null          true: no image, but the emulator's null-co: reads give zeroes, writes are lost
    latency       nanoseconds a request of a null disk takes
    partition     list of lines for sfdisk, which writes the partition table
    fill          shell command that changes the image, in the root of the repository, with the image's path in $DISK
                  and the build folder's in $BUILD
    block_size    logical and physical block size (512; ahci: nothing else)
    read_only     true: the disk refuses writes
    faults        list of objects: errors that the emulator injects, by the names of its blkdebug: {"iotype": "read" or
                  "write", "flush", "discard", "sector": of 512 bytes, "errno": 5, "once": true}; without "sector" all
                  requests of that kind fail, without "once" each time
    throttle      object: limits of the emulator's throttle group, {"iops-total": 8}
    options       object: further properties of the emulated device, {"physical_block_size": 4096}
    bus           the bus in the emulator, if not the first that fits

An image is a sparse file, build/disk/SCENARIO.ID.img; it stays after the run. A transcript's `host` steps find its path in
the variable DISK_ID ($DISK_disk0); what the emulator has written is in the file at once, to see for any reader.
"""
import os
import re
import shutil
import subprocess

from . import Failure

UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
DEVICES = {"ahci": "ide-hd", "nvme": "nvme", "virtio": "virtio-blk-pci"}
DEFAULTS = {"id": "", "interface": "", "size": "", "file": "", "null": False, "latency": 0, "partition": [], "fill": "",
            "block_size": 512, "read_only": False, "faults": [], "throttle": {}, "options": {}, "bus": ""}
SMALLEST = "64M"


def byte_count(text):
    match = re.fullmatch(r"([0-9]+)([KMG]?)", str(text))
    return int(match[1]) * UNITS[match[2]] if match else None


def on_off(value):
    """A value as the emulator writes it."""
    return ("off", "on")[value] if isinstance(value, bool) else value


def properties(values):
    """A list of properties for the command line."""
    return ",".join(f"{key}={value}" for key, value in values.items())


class Disk:
    """One entry of `disks`: attributes are the keys above, and path (from the repository; None without an image)."""

    def __init__(self, keys, number, scenario):
        place = f"{scenario.folder}/scenario.json: disk {number}"
        if not isinstance(keys, dict):
            raise Failure(f"{place}: must be an object")
        for key, value in {**DEFAULTS, **keys}.items():
            if key not in DEFAULTS:
                raise Failure(f"{place}: unknown key '{key}'")
            setattr(self, key, value)
        self.id = self.id or f"disk{number}"
        self.bytes = byte_count(self.size or ("0" if self.file else SMALLEST))
        for good, problem in (
                (self.interface in DEVICES, f"'interface' must be one of {', '.join(DEVICES)}, not '{self.interface}'"),
                (re.fullmatch(r"\w+", self.id), f"'id' must be letters, digits and _, not '{self.id}'"),
                (self.bytes is not None, f"'size' must be a number, perhaps with K, M or G, not '{self.size}'"),
                (not self.null or not (self.file or self.fill or self.partition), "a null disk holds nothing"),
                (self.null or not self.latency, "only a null disk has a latency"),
                (self.interface != "ahci" or self.block_size == 512, "the emulator's AHCI has blocks of 512 bytes")):
            if not good:
                raise Failure(f"{place}: {problem}")
        self.build = scenario.build_root
        self.path = None if self.null else os.path.join(scenario.build_root, "disk", f"{scenario.name}.{self.id}.img")
        self.source = scenario.find(self.file) if self.file else None

    def make(self, root):
        """A new image; whatever was there before is gone."""
        if not self.path:
            return
        path = os.path.join(root, self.path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if os.path.exists(path):
            os.remove(path)
        if self.source:
            shutil.copyfile(os.path.join(root, self.source), path)
        with open(path, "ab") as image:
            image.truncate(max(os.path.getsize(path), self.bytes))
        if self.partition:
            self.command(["sfdisk", "--quiet", "--no-reread", path], root, "\n".join(self.partition) + "\n")
        if self.fill:
            self.command(["sh", "-c", self.fill], root)

    def command(self, words, root, text=None):
        environment = {**os.environ, "DISK": self.path, "BUILD": self.build, "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"}
        try:
            done = subprocess.run(words, cwd=root, env=environment, input=text, capture_output=True, text=True, check=False,
                                  **({} if text is not None else {"stdin": subprocess.DEVNULL}))
        except FileNotFoundError as error:
            raise Failure(f"{words[0]} is not installed: run tool/deps test") from error
        if done.returncode != 0:
            raise Failure(f"disk {self.id}: {words[0]} failed: {(done.stdout + done.stderr)[-500:]}")

    def node(self):
        """The emulator's block node: the image, errors below it if wanted, and raw on top, where blkdebug is told of all."""
        if self.null:
            return {"driver": "null-co", "node-name": self.id, "size": self.bytes, "read-zeroes": "on",
                    "latency-ns": self.latency}
        lowest = "file.image" if self.faults else "file"
        node = {"driver": "raw", "node-name": self.id, "read-only": on_off(self.read_only)}
        if self.faults:
            node["file.driver"] = "blkdebug"
            for number, fault in enumerate(self.faults):
                for key, value in {"event": "none", "once": False, **fault}.items():
                    node[f"file.inject-error.{number}.{key}"] = on_off(value)
        return {**node, f"{lowest}.driver": "file", f"{lowest}.filename": self.path, f"{lowest}.discard": "unmap",
                "discard": "unmap"}

    def arguments(self, port):
        device = {"driver": DEVICES[self.interface], "drive": self.id, "serial": self.id}
        nodes = ["-blockdev", properties(self.node())]
        if self.throttle:
            device["drive"] = self.id + "-slow"
            group = {"qom-type": "throttle-group", "id": self.id + "-group",
                     **{"x-" + key: value for key, value in self.throttle.items()}}
            slow = {"driver": "throttle", "node-name": device["drive"], "throttle-group": group["id"], "file": self.id}
            nodes += ["-object", properties(group), "-blockdev", properties(slow)]
        if self.block_size != 512:
            device.update(logical_block_size=self.block_size, physical_block_size=self.block_size)
        if self.bus or self.interface == "ahci":
            device["bus"] = self.bus or f"ide.{port}"
        device.update({key: on_off(value) for key, value in self.options.items()})
        return [*nodes, "-device", properties(device)]


def disks(scenario):
    return [Disk(keys, number, scenario) for number, keys in enumerate(scenario.disks)]


def names(scenario):
    """The variables with which commands of a transcript find the images."""
    return {f"DISK_{disk.id}": disk.path for disk in disks(scenario) if disk.path}


def prepare(scenario, root):
    """Makes the images, and returns the emulator's arguments for them."""
    result, port = [], 0
    for disk in disks(scenario):
        disk.make(root)
        result += disk.arguments(port)
        port += disk.interface == "ahci" and not disk.bus
    return result
