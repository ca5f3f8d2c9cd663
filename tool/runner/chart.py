# SPDX-License-Identifier: MIT
"""
An SVG of the figures: a row for each, a dot for each system, on a logarithmic scale where 1 is the target. Where more is
better the scale is turned round, so that left is better in every row.
"""
import math
from xml.sax.saxutils import escape

from .figures import missed, more_is_better, shown, shown_target

COLOURS = {"Tessera": "#0b6e4f", "NOVA": "#c2571a", "seL4": "#3b6fb6", "Linux/KVM": "#8a4f9e"}
LEAST, MOST = 1 / 16, 16
ROW, TOP, LABELS, PLOT, VALUES = 24, 64, 430, 420, 190
TICKS = ((1 / 16, "1/16"), (1 / 4, "1/4"), (1, "target"), (4, "4x"), (16, "16x"))


def across(ratio):
    """Horizontal place of a ratio to the target; what lies outside stands at the edge."""
    ratio = min(max(ratio, LEAST), MOST)
    return LABELS + PLOT * math.log(ratio / LEAST) / math.log(MOST / LEAST)


def text(x, y, words, anchor="start", fill="#222222", weight="normal"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{fill}" font-weight="{weight}">'
            f"{escape(words)}</text>")


def legend():
    parts, x = [], LABELS
    for name, colour in COLOURS.items():
        parts.append(f'<circle cx="{x + 5}" cy="20" r="5" fill="{colour}"/>' + text(x + 14, 24, name))
        x += 105
    return parts


def axis(bottom):
    parts = []
    for ratio, words in TICKS:
        x = across(ratio)
        strong = ratio == 1
        parts.append(f'<line x1="{x:.1f}" y1="{TOP - 8}" x2="{x:.1f}" y2="{bottom}" '
                     f'stroke="{"#222222" if strong else "#d5d5d5"}" stroke-width="{1.5 if strong else 1}"/>')
        parts.append(text(x, TOP - 14, words, "middle", "#222222" if strong else "#777777"))
    return parts


def to_target(figure, value):
    ratio = max(value, 1e-9) / figure["target"]
    return 1 / ratio if more_is_better(figure) else ratio


def row(figure, result, y):
    unit = result["unit"]
    points = [("Tessera", result["value"]), *figure.get("peers", {}).items()]
    parts = [text(LABELS - 14, y + 4, figure.get("short", figure["text"]).replace("`", ""), "end")]
    for name, value in reversed(points):  # ours on top
        parts.append(f'<circle cx="{across(to_target(figure, value)):.1f}" cy="{y}" r="{6 if name == "Tessera" else 5}" '
                     f'fill="{COLOURS[name]}"><title>{escape(name)}: {shown(value, unit)}</title></circle>')
    ours = result["value"]
    parts.append(text(LABELS + PLOT + 16, y + 4, f"{shown(ours, unit)} of {shown_target(figure, unit)}", "start",
                      "#a02020" if missed(figure, ours) else COLOURS["Tessera"], "bold"))
    return parts


def draw(figures, results):
    """Deterministic: the same figures give the same bytes."""
    rows = [(figure, results[figure["name"]]) for figure in figures
            if figure.get("target") and figure["name"] in results]
    bottom = TOP + ROW * len(rows)
    width, height = LABELS + PLOT + VALUES, bottom + 14
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
             'font-family="sans-serif" font-size="12">', f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
             text(14, 24, "Costs against their targets: further left is better", weight="bold")]
    parts += legend() + axis(bottom)
    for index, (figure, result) in enumerate(rows):
        parts += row(figure, result, TOP + ROW * index + ROW // 2)
    return "\n".join([*parts, "</svg>", ""])
