#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Figures of the benchmarks: targets in both directions, in the table and in the drawing; the lines that tool/bench reads."""
import importlib.machinery
import importlib.util
import os
import re
import sys
import unittest

sys.dont_write_bytecode = True
TOOL = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TOOL)
from runner import Failure, chart, figures  # noqa: E402

LESS = {"name": "cost", "group": "g", "text": "a cost", "bench": "b", "target": 100, "peers": {"NOVA": 50}}
MORE = {"name": "speed", "group": "g", "text": "a speed", "bench": "b", "target": 28, "better": "more"}
FREE = {"name": "free", "group": "g", "text": "no target", "bench": "b"}
NONE = {"name": "none", "group": "g", "text": "nothing of this", "bench": "b", "target": 0}


def results(**values):
    return {name: {"value": value, "unit": "ratio"} for name, value in values.items()}


def dots(drawing):
    """Places of our dots, from top to bottom."""
    return [float(x) for x in re.findall(r'<circle cx="([0-9.]+)" cy="[0-9]+" r="6"', drawing)]


def load_bench():
    loader = importlib.machinery.SourceFileLoader("bench", os.path.join(TOOL, "bench"))
    bench = importlib.util.module_from_spec(importlib.util.spec_from_loader("bench", loader))
    loader.exec_module(bench)
    return bench


class FiguresTest(unittest.TestCase):
    def test_missed(self):
        for figure, value, missed in ((LESS, 101, True), (LESS, 100, False), (LESS, 1, False), (MORE, 27.9, True),
                                      (MORE, 28, False), (MORE, 31, False), (FREE, 1e9, False), (NONE, 1, True), (NONE, 0, False)):
            self.assertEqual(figures.missed(figure, value), missed, (figure["name"], value))

    def test_table(self):
        rows = figures.table([LESS, MORE, FREE], results(cost=120, speed=30.5, free=7), "g").splitlines()[2:]
        self.assertEqual(rows, ["| a cost | **120x** | 100x | 50x | `make bench T=b` |",
                                "| a speed | 30.5x | ≥ 28x | - | `make bench T=b` |",
                                "| no target | 7x | - | - | `make bench T=b` |"])
        self.assertIn("| **20x** | ≥ 28x |", figures.table([MORE], results(speed=20), "g"))

    def test_drawing(self):
        left, middle, right = (dots(chart.draw([MORE], results(speed=value)))[0] for value in (56, 28, 14))
        self.assertLess(left, middle)
        self.assertLess(middle, right)
        self.assertEqual([middle, left], [dots(chart.draw([LESS], results(cost=value)))[0] for value in (100, 50)])
        self.assertIn("#a02020", chart.draw([MORE], results(speed=27)))
        self.assertNotIn("#a02020", chart.draw([MORE], results(speed=29)))

    def test_list(self):
        """figures.json itself: known keys, no name twice."""
        found = figures.load()
        self.assertEqual(len({one["name"] for one in found}), len(found))
        for one in found:
            self.assertLessEqual(set(one), {"name", "group", "text", "bench", "target", "better", "peers", "short"}, one["name"])

    def test_wrong_list(self):
        kept, figures.FILE = figures.FILE, os.path.join(os.environ.get("TMPDIR", "/tmp"), f"figures-{os.getpid()}.json")
        try:
            with open(figures.FILE, "w", encoding="utf-8") as file:
                file.write('[{"name": "x", "better": "most"}]')
            self.assertRaisesRegex(Failure, "x: 'better' must be", figures.load)
        finally:
            os.unlink(figures.FILE)
            figures.FILE = kept

    def test_words(self):
        bench = load_bench()
        for only, chosen in (("", ["block", "ipc"]), ("block", ["block"]), ("peer", ["peer-disk"]), ("block,disk", ["block", "peer-disk"]),
                             ("no", [])):
            self.assertEqual([name for name in ("block", "ipc", "peer-disk") if bench.wanted(name, only)], chosen)

    def test_lines(self):
        bench = load_bench()
        found = list(bench.results_of("[0.1] x: BENCH cost 12 instructions\r\nBENCH speed 1.25 ratio\nBENCH no number x\n"))
        self.assertEqual(found, [{"name": "cost", "value": 12, "unit": "instructions"},
                                 {"name": "speed", "value": 1.25, "unit": "ratio"}])
        self.assertEqual(bench.verdict(MORE, {"target": 28, "value": 20}), "  (target ≥ 28, MISSED)")
        self.assertEqual(bench.verdict(LESS, {"target": 100, "value": 20}), "  (target 100)")


if __name__ == "__main__":
    unittest.main()
