# SPDX-License-Identifier: MIT
"""What is known about each figure of the benchmarks (test/bench/figures.json), and tables of results for the page.

figures.json is a list of {"name", "group", "text", "bench", "target", "better", "peers": {system: value}, "short"},
the last four optional: the short text is for the drawing. Less is better, unless "better" is "more". "bench" is the word for `make bench T=...`; the order is that of the tables.
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
        found = json.load(file)
    for one in found:
        if one.get("better", "less") not in ("less", "more"):
            raise Failure(f"{FILE}: {one['name']}: 'better' must be \"less\" or \"more\", not '{one['better']}'")
    return found


def more_is_better(figure):
    return figure.get("better") == "more"


def missed(figure, value):
    """Whether a value misses the figure's target; one without a target cannot be missed."""
    target = figure.get("target")
    if target is None:
        return False
    return value < target if more_is_better(figure) else value > target


def shown_target(figure, unit=""):
    """A target that is to be exceeded says so."""
    text = shown(figure.get("target"), unit)
    return "≥ " + text if more_is_better(figure) and figure.get("target") is not None else text


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
        if value is not None and missed(row, value):
            ours = f"**{ours}**"
        cells = [row["text"], ours, shown_target(row, unit)]
        cells += [shown(row.get("peers", {}).get(one), unit) for one in systems]
        lines.append("| " + " | ".join([*cells, f"`make bench T={row['bench']}`"]) + " |")
    return "\n".join(lines) + "\n"


def fill(page, figures, results):
    """The page with its tables made anew, between `<!-- bench: GROUP begin -->` and `<!-- bench: GROUP end -->`."""
    text, count = MARKER.subn(lambda match: match.group(1) + table(figures, results, match.group(2)) + match.group(3), page)
    if count == 0:
        raise Failure("the page has no marker like <!-- bench: GROUP begin -->")
    return text
