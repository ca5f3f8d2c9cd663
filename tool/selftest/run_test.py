#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tool/run with a small script in the emulator's place: transcripts, time limits, bad scenarios, nothing left behind."""
import json
import os
import pty
import signal
import subprocess
import sys
import tempfile
import termios
import time
import unittest

TOOL = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
EMULATOR = r"""#!/bin/sh
# Prints its modules' names, then obeys the console: q ends, h hangs without a word, anything else is echoed.
echo $$ >"$PIDFILE"
for word; do case "$word" in *,*\ *) echo "$word" | tr , '\n' | sed 's/.* /module /' ;; esac; done
printf 'ready> '
while IFS= read -r line; do
    line=$(printf %s "$line" | tr -d '\r')
    case "$line" in q*) exit 7 ;; h*) sleep 1000 ;; *) printf 'got %s\r\n' "$line" ;; esac
done
sleep 1000
"""
SCENARIO = {"about": "for the test", "modules": ["app"], "time": 20, "variants": {
    "gone": {"config": "nowhere.xml"}, "wrong": {"expect": "wrong"}, "hang": {"expect": "hang"},
    "order": {"expect": "order"}, "unseen": {"expect": "unseen"},
    "absent": {"expect": "absent"}, "quit": {"expect": "quit"}, "early": {"expect": "early"},
    "disk": {"expect": "disk", "disks": [
        {"interface": "ahci", "file": "text", "size": "8K", "faults": [{"iotype": "read", "sector": 3}]},
        {"interface": "nvme", "id": "n", "size": "2M", "fill": "printf filled | dd of=$DISK conv=notrunc status=none"},
        {"interface": "virtio", "null": True, "latency": 1000}]},
    "disk_typo": {"disks": [{"interface": "ahci", "sise": 1}]}, "disk_kind": {"disks": [{"interface": "scsi"}]},
    "disk_4k": {"disks": [{"interface": "ahci", "block_size": 4096}]},
    "disk_gone": {"disks": [{"interface": "nvme", "file": "nowhere"}]},
    "disk_fill": {"disks": [{"interface": "nvme", "fill": "echo too bad >&2; exit 3"}]}}}
FILES = {
    "scenario/one/scenario.json": json.dumps(SCENARIO),
    "scenario/one/init.xml": "<config/>",
    "scenario/one/expect": "# comment\nexpect ^module core$\nexpect module app\nexpect ready> \nsend yes\\x21\\n\nexpect got yes!\n",
    "scenario/one/order": "expect module app\nanywhere ^module core$\nanywhere ready> \nexpect ready> \ntype q\\n\n",
    "scenario/one/unseen": "limit 1\nanywhere never\n",
    "scenario/one/hang": "expect ready\ntype h\\n\nlimit 1\nexpect got\n",
    "scenario/one/absent": "absent g.t no\nexpect ready\ntype no\\n\nexpect never\n",
    "scenario/one/quit": "expect ready\ntype q\\n\nhost test -f scenario/one/quit\nexit 7\n",
    "scenario/one/text": "first",
    "scenario/one/disk": "expect ready\nhost test $(stat -c %s $DISK_disk0) = 8192 && grep -q ^first $DISK_disk0\n"
                         "host test $DISK_n = build/disk/one.disk.n.img && grep -q ^filled $DISK_n\n",
    "scenario/one/early": "expect ready\ntype q\\n\nexpect more\n",
    "scenario/one/wrong": "expect ready\nexcept (\n",
    "scenario/broken/scenario.json": "{\n \"memory\": 1,,\n}",
    "scenario/strange/scenario.json": "{\"memroy\": 1}",
    "build/kernel.elf32": "", "build/bin/core": "", "build/bin/init": "", "build/bin/app": "",
}


class RunTest(unittest.TestCase):
    def setUp(self):
        self.place = tempfile.TemporaryDirectory()
        self.root = self.place.name
        for name, text in FILES.items():
            self.write(name, text)
        os.makedirs(self.root + "/path")
        self.write("path/qemu-system-x86_64", EMULATOR)
        os.chmod(self.root + "/path/qemu-system-x86_64", 0o755)
        # A copy by symbolic links would find the real root; the tool takes the folder above its own for the root.
        subprocess.run(["cp", "-r", TOOL, self.root + "/tool"], check=True)
        self.pid_file = self.root + "/pid"
        self.environment = dict(os.environ, PATH=f"{self.root}/path:{os.environ['PATH']}", PIDFILE=self.pid_file,
                                ACCEL="tcg", SLOW="1")

    def tearDown(self):
        self.place.cleanup()

    def write(self, name, text):
        path = os.path.join(self.root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def run_tool(self, *arguments):
        done = subprocess.run([sys.executable, self.root + "/tool/run", *arguments], env=self.environment,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stdout + done.stderr

    def assert_emulator_gone(self):
        with open(self.pid_file, encoding="ascii") as file:
            pid = int(file.read())
        for _ in range(50):
            if not os.path.exists(f"/proc/{pid}"):
                return
            with open(f"/proc/{pid}/stat", encoding="ascii") as file:
                if file.read().rpartition(")")[2].split()[0] == "Z":
                    return
            time.sleep(0.1)
        self.fail("the emulator still runs")

    def expect(self, name, status, *words):
        got, text = self.run_tool("--test", name)
        self.assertEqual(got, status, text)
        for word in words:
            self.assertIn(word, text)

    def test_passes(self):
        self.expect("one", 0, "passed")
        self.assert_emulator_gone()

    def test_typed_exit(self):
        self.expect("one.quit", 0, "passed")

    def test_silence_is_too_late(self):
        self.expect("one.hang", 1, "scenario/one/hang:4: expect got: not seen within 1 s", "ready>")
        self.assert_emulator_gone()

    def test_any_order(self):
        self.expect("one.order", 0, "passed")
        self.expect("one.unseen", 1, "scenario/one/unseen:2: anywhere never: not seen within 1 s")

    def test_forbidden_output(self):
        self.expect("one.absent", 1, "scenario/one/absent:1: absent g.t no: it says 'got no'")

    def test_early_end(self):
        self.expect("one.early", 1, "the emulator ended first (status 7)")

    def test_bad_transcript_and_scenarios(self):
        self.expect("one.wrong", 1, "scenario/one/wrong:2", "unknown step")
        self.expect("one.gone", 1, "no such file: nowhere.xml (config)")
        self.expect("one.nothing", 1, "has no variant 'nothing'")
        self.expect("broken", 1, "scenario/broken/scenario.json:2")
        self.expect("strange", 1, "unknown key 'memroy'")
        self.expect("two", 1, "there is no scenario 'two'; there are: broken, one, strange")

    def test_disks(self):
        self.write("build/disk/one.disk.disk0.img", "of the run before" * 1000)
        self.expect("one.disk", 0, "passed")
        _, text = self.run_tool("--command", "one.disk")
        for word in ("driver=raw,node-name=disk0,", "file.driver=blkdebug,file.inject-error.0.event=none,",
                     "file.inject-error.0.sector=3,file.image.driver=file", "ide-hd,drive=disk0,serial=disk0,bus=ide.0",
                     "driver=null-co,node-name=disk2,size=67108864,", "latency-ns=1000"):
            self.assertIn(word, text)
        self.expect("one.disk_typo", 1, "scenario/one/scenario.json: disk 0: unknown key 'sise'")
        self.expect("one.disk_kind", 1, "'interface' must be one of ahci, nvme, virtio, not 'scsi'")
        self.expect("one.disk_4k", 1, "the emulator's AHCI has blocks of 512 bytes")
        self.expect("one.disk_gone", 1, "no such file: nowhere (disk0)")
        self.expect("one.disk_fill", 1, "disk disk0: sh failed: too bad")

    def interactive(self, end):
        """Starts `run one` on a terminal, lets `end` act; returns its exit status and whether the terminal is as before."""
        master, slave = pty.openpty()
        before = termios.tcgetattr(slave)
        process = subprocess.Popen([sys.executable, self.root + "/tool/run", "one"], env=self.environment,
                                   stdin=slave, stdout=slave, stderr=slave)
        seen = b""
        while b"ready> " not in seen:
            seen += os.read(master, 4096)
        self.assertIn(b"Leave with Ctrl-]", seen)
        end(process, master)
        status = process.wait(20)
        same = termios.tcgetattr(slave) == before
        os.close(master)
        os.close(slave)
        return status, same

    def test_wrong_configuration(self):
        """Refused before a start, unless it is wrong on purpose or nobody wants to know."""
        self.write("app/config.schema", '<schema component="app"><element name="config"/></schema>')
        self.write("init/config.schema", '<schema component="init"><element name="config"><element name="start" count="any">'
                   '<attribute name="name" type="string"/><element name="config" content="config"/></element></element></schema>')
        self.write("scenario/one/init.xml", '<config>\n<start name="app">\n<config x="1"/></start></config>')
        self.expect("one", 1, "the configuration is wrong", "one/init.xml:3: <config>: unknown attribute 'x', expected none")
        self.environment["CONFIG_CHECK"] = "no"
        self.expect("one", 0, "passed")
        del self.environment["CONFIG_CHECK"]
        self.write("scenario/one/scenario.json", json.dumps({**SCENARIO, "wrong_config": True}))
        self.expect("one", 0, "passed")

    def test_leave_key(self):
        self.assertEqual(self.interactive(lambda _, master: os.write(master, b"\x1d")), (0, True))
        self.assert_emulator_gone()

    def test_signal(self):
        self.assertEqual(self.interactive(lambda process, _: process.send_signal(signal.SIGTERM)), (143, True))
        self.assert_emulator_gone()

    def test_sudden_death(self):
        self.interactive(lambda process, _: process.kill())
        self.assert_emulator_gone()


if __name__ == "__main__":
    unittest.main()
