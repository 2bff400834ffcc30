"""What is taken for what, as SVG text."""

from collections.abc import Sequence
from html import escape
from unicodedata import east_asian_width

import numpy as np
from numpy.typing import NDArray

from tasks.evaluate.report.charts import svg

LONGEST = 18  # columns of a class's name
START, TOP, ROOM = 214, 8, 400
READABLE = 0.75  # from here on figures in the page's color are read better than those in the text's


def confusion_picture(counts: NDArray[np.int64], names: Sequence[str]) -> str:
    """A grid of counts (true class, predicted class) as shares of each true class in per cent; the darker, the more."""
    shown = [cut(name) for name in names]
    cell = ROOM / len(names)
    body = [f'<g style="--cell:{cell:.1f}">']
    for row, (name, short) in enumerate(zip(names, shown, strict=True)):
        total = int(counts[row].sum())
        y = TOP + row * cell
        body.append(f'<text class="tick end" x="{START - 8}" y="{y + cell / 2 + 4:.1f}">{escape(short)}</text>')
        for column, value in enumerate(counts[row].tolist()):
            told = f"{name} taken for {names[column]}: {value} of {total}"
            place = (START + column * cell, y, cell)
            body.append(_cell(place, value / max(1, total), told, right=row == column))
    body.append("</g>")
    for column, short in enumerate(shown):
        turn = f"translate({START + (column + 0.5) * cell + 4:.1f} {TOP + ROOM + 10}) rotate(-55)"
        body.append(f'<text class="tick end" transform="{turn}">{escape(short)}</text>')
    below = 24 + 8 * max(map(width, shown))  # turned, and as large as a phone shows them
    return svg(TOP + ROOM + below, body, "Confusion: true class by row, predicted class by column")


def _cell(place: tuple[float, float, float], share: float, told: str, *, right: bool) -> str:
    x, y, size = place
    kind, shade, percent = "right" if right else "wrong", "on" if share > READABLE else "off", f"{100 * share:.0f}"
    drawn = (
        f'<rect class="cell {kind}" x="{x:.1f}" y="{y:.1f}" width="{size - 1:.1f}" height="{size - 1:.1f}" '
        f'style="fill-opacity:{0.04 + 0.96 * share:.2f}"><title>{escape(told)}</title></rect>'
    )
    if percent == "0":
        return drawn
    return f'{drawn}<text class="cellcount {shade}" x="{x + size / 2:.1f}" y="{y + size / 2:.1f}">{percent}</text>'


def width(name: str) -> int:
    """Columns that a name takes: Chinese characters are twice as wide."""
    return sum(2 if east_asian_width(sign) in "WF" else 1 for sign in name)


def cut(name: str) -> str:
    """A name that fits beside a picture; classes often differ at their ends, as `Cause-Effect(e2,e1)`."""
    if width(name) <= LONGEST:
        return name
    half = LONGEST // 2
    head = next(name[:end] for end in range(len(name), -1, -1) if width(name[:end]) < half)
    tail = next(name[start:] for start in range(len(name) + 1) if width(name[start:]) <= half)
    return f"{head}…{tail}"
