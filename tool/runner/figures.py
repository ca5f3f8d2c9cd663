# SPDX-License-Identifier: MIT
"""What is known about each figure of the benchmarks (test/bench/figures.json), and tables of results for the page.

figures.json is a list of {"name", "group", "text", "bench", "target", "peers": {system: value}, "short"},
the last three optional: the short text is for the drawing. Less is better in all of them. "bench" is the word for `make bench T=...`; the order is that of the tables.
"""
import json
import os
import re

from . import Failure
from .scenario import ROOT

FILE = "test/bench/figures.json"
SYSTEMS = ("NOVA", "seL4", "Linux/KVM")
MARKER = re.compile(r"(<!-- bench: (\w+) begin -->\n).*?(<!-- bench: \2 end -->)", re.DOTALL)


def load():
    with open(os.path.join(ROOT, FILE), encoding="utf-8") as file:
        return json.load(file)


def missed(value, target):
    return target is not None and value > target


def shown(value, unit=""):
    """As a person writes it: 4,516 or 13.9 ms or 0.88x or 512 KiB."""
    if value is None:
        return "-"
    if unit == "bytes":
        return f"{value / 1024:,.0f} KiB"
    text = f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}".rstrip("0").rstrip(".")
    return text + {"ms": " ms", "ratio": "x", "percent": " %"}.get(unit, "")


def table(figures, results, group):
    """Markdown; a figure without a result has a dash, and one that misses its target is in bold."""
    rows = [figure for figure in figures if figure["group"] == group]
    systems = [one for one in SYSTEMS if any(one in row.get("peers", {}) for row in rows)]
    lines = ["| what | Tessera | target | " + "".join(f"{one} | " for one in systems) + "command |",
             "|---|---|---|" + "---|" * len(systems) + "---|"]
    for row in rows:
        result = results.get(row["name"], {})
        unit, value = result.get("unit", ""), result.get("value")
        ours = shown(value, unit)
        if value is not None and missed(value, row.get("target")):
            ours = f"**{ours}**"
        cells = [row["text"], ours, shown(row.get("target"), unit)]
        cells += [shown(row.get("peers", {}).get(one), unit) for one in systems]
        lines.append("| " + " | ".join([*cells, f"`make bench T={row['bench']}`"]) + " |")
    return "\n".join(lines) + "\n"


def fill(page, figures, results):
    """The page with its tables made anew, between `<!-- bench: GROUP begin -->` and `<!-- bench: GROUP end -->`."""
    text, count = MARKER.subn(lambda match: match.group(1) + table(figures, results, match.group(2)) + match.group(3), page)
    if count == 0:
        raise Failure("the page has no marker like <!-- bench: GROUP begin -->")
    return text
