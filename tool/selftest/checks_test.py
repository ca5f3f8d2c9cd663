#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tool/check-deps and tool/check-size on small trees with known faults, and tool/symbols on a small program."""
import os
import subprocess
import sys
import tempfile
import unittest

TOOL = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LICENCE = "/* SPDX-License-Identifier: MIT */\n"
DEPS = "abi:\nlib/*: lib/*\nlib/base: abi lib/*\napp/*: lib/*\napp/*/deep: lib/base/only.h\n+ **/test: test\ntest: **\n"


class CheckTest(unittest.TestCase):
    def check(self, tool, files):
        """(exit status, output) of a check over a tree of these files."""
        with tempfile.TemporaryDirectory() as root:
            for name, text in {"DEPS": DEPS, **files}.items():
                path = os.path.join(root, name)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "w", encoding="utf-8") as file:
                    file.write((LICENCE if name != "DEPS" else "# SPDX-License-Identifier: MIT\n") + text)
            done = subprocess.run([sys.executable, os.path.join(TOOL, tool), "--root", root], capture_output=True,
                                  text=True, check=False)
            return done.returncode, done.stdout + done.stderr

    def edge(self, source, target, allowed):
        status, text = self.check("check-deps", {source: f'#include "{target}"\n', target: ""})
        self.assertEqual(status, 0 if allowed else 1, f"{source} -> {target}: {text}")
        if not allowed:
            self.assertIn(f'{source}:2: may not include "{target}"', text)

    def test_edges(self):
        self.edge("lib/base/a.c", "abi/x.h", True)
        self.edge("lib/other/a.c", "abi/x.h", False)
        self.edge("lib/other/a.c", "lib/base/a.h", True)
        self.edge("app/one/a.c", "app/one/sub/a.h", True)
        self.edge("app/one/a.c", "app/two/a.h", False)
        self.edge("app/one/a.c", "abi/x.h", False)
        self.edge("app/one/deep/a.c", "lib/base/only.h", True)
        self.edge("app/one/deep/a.c", "lib/base/more.h", False)
        self.edge("app/one/a.c", "test/check.h", False)
        self.edge("app/one/test/a.c", "test/check.h", True)
        self.edge("abi/a.h", "lib/base/a.h", False)

    def test_cycles(self):
        status, text = self.check("check-deps", {"lib/a/1.h": '#include "lib/a/2.h"\n', "lib/a/2.h": '#include "lib/a/1.h"\n'})
        self.assertEqual(status, 1)
        self.assertIn("include cycle: lib/a/1.h -> lib/a/2.h -> lib/a/1.h", text)
        status, text = self.check("check-deps", {"lib/a/1.h": '#include "lib/b/2.h"\n', "lib/b/2.h": "",
                                                 "lib/b/3.h": '#include "lib/a/4.h"\n', "lib/a/4.h": ""})
        self.assertEqual(status, 1)
        self.assertIn("lib/a -> lib/b -> lib/a", text)

    def test_other_includes(self):
        for line, word in (("#include <stdio.h>", "<stdio.h>"), ('#include "a.h"', "no such file")):
            status, text = self.check("check-deps", {"lib/a/1.c": line + "\n", "lib/a/a.h": ""})
            self.assertEqual(status, 1)
            self.assertIn(word, text)
        good = "#if __STDC_HOSTED__\n#include <stdio.h>\n#endif\n#include <stdint.h>\n"
        self.assertEqual(self.check("check-deps", {"lib/a/1.c": good, "lib/a/test/1.c": "#include <stdio.h>\n"}), (0, ""))
        self.assertIn("no line for this folder", self.check("check-deps", {"new/1.c": ""})[1])

    def test_sizes(self):
        def function(length, comment=""):
            return f"{comment}void f(void)\n{{\n" + "    g();\n" * length + "}\n"

        self.assertEqual(self.check("check-size", {"lib/a.c": function(80)})[0], 0)
        status, text = self.check("check-size", {"lib/a.c": function(81)})
        self.assertEqual(status, 1)
        self.assertIn("lib/a.c:3: function of 81 lines", text)
        self.assertEqual(self.check("check-size", {"lib/a.c": function(81, "/* long: a table in code */\n")})[0], 0)
        self.assertIn("701 lines", self.check("check-size", {"lib/a.c": "\n" * 700})[1])
        self.assertEqual(self.check("check-size", {"init/a.c": "int x;\n" * 600})[0], 0)
        many = {f"{folder}/{number}.c": "int x;\n" * 600 for number in range(8) for folder in ("core", "init")}
        self.assertIn("core and init: 9600 code lines, more than 9000", self.check("check-size", many)[1])

    def test_symbols(self):
        with tempfile.TemporaryDirectory() as place:
            source, program, table = place + "/a.c", place + "/a", place + "/a.S"
            with open(source, "w", encoding="ascii") as file:
                file.write("void f(void) {}\nstatic void g(void) {}\nint main(void) { f(); g(); return 0; }\n")
            subprocess.run(["gcc", "-O0", "-no-pie", source, "-o", program], check=True)
            subprocess.run([sys.executable, TOOL + "/symbols", program, table], check=True)
            with open(table, encoding="ascii") as file:
                text = file.read()
            for name in ("f", "g", "main"):
                self.assertIn(f'.asciz "{name}"', text)
            addresses = [int(line.split()[1].rstrip(","), 16) for line in text.splitlines() if line.startswith(".quad")]
            self.assertEqual(addresses, sorted(addresses))


if __name__ == "__main__":
    unittest.main()
