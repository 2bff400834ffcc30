"""The confusion matrix as SVG: how often each class is predicted as each other one."""

from collections.abc import Sequence
from html import escape
from unicodedata import east_asian_width

import numpy as np
from numpy.typing import NDArray

from tasks.svg_charts import render_svg

MAX_NAME_COLUMNS = 18
# Units of the drawing. The margin on the left has room for the longest names.
LEFT, TOP, GRID_SIZE = 214, 8, 400
# From this ratio on figures in the page's color are easier to read than those in the text's color.
DARK_FROM = 0.75


def draw_confusion(counts: NDArray[np.int64], names: Sequence[str]) -> str:
    """Draw counts (true class, predicted class) as percentages of each true class; the darker, the more."""
    short_names = [shorten_name(name) for name in names]
    cell_size = GRID_SIZE / len(names)
    # The style sheet scales the figures by the size of a cell.
    parts = [f'<g style="--cell:{cell_size:.1f}">']
    for row, (name, short_name) in enumerate(zip(names, short_names, strict=True)):
        total = int(counts[row].sum())
        y = TOP + row * cell_size
        parts.append(
            f'<text class="tick end" x="{LEFT - 8}" y="{y + cell_size / 2 + 4:.1f}">{escape(short_name)}</text>'
        )
        for column, count in enumerate(counts[row].tolist()):
            description = f"{name} predicted as {names[column]}: {count} of {total}"
            parts.append(
                _render_cell(
                    (LEFT + column * cell_size, y, cell_size),
                    # A class that is not in the test part has no row of its own to be a fraction of.
                    count / max(1, total),
                    description,
                    is_right=row == column,
                )
            )
    parts.append("</g>")
    for column, short_name in enumerate(short_names):
        position = f"translate({LEFT + (column + 0.5) * cell_size + 4:.1f} {TOP + GRID_SIZE + 10}) rotate(-55)"
        parts.append(f'<text class="tick end" transform="{position}">{escape(short_name)}</text>')
    # The names below the grid are turned, and take room by their length, as large as a phone shows them.
    names_height = 24 + 8 * max(map(count_columns, short_names))
    return render_svg(
        TOP + GRID_SIZE + names_height, parts, "Confusion matrix: true class by row, predicted class by column"
    )


def _render_cell(square: tuple[float, float, float], ratio: float, description: str, *, is_right: bool) -> str:
    x, y, size = square
    percent = f"{100 * ratio:.0f}"
    cell = (
        f'<rect class="cell {"right" if is_right else "wrong"}" x="{x:.1f}" y="{y:.1f}" width="{size - 1:.1f}" '
        f'height="{size - 1:.1f}" style="fill-opacity:{0.04 + 0.96 * ratio:.2f}"><title>{escape(description)}</title>'
        "</rect>"
    )
    if percent == "0":
        return cell
    ground = "on" if ratio > DARK_FROM else "off"
    return f'{cell}<text class="cellcount {ground}" x="{x + size / 2:.1f}" y="{y + size / 2:.1f}">{percent}</text>'


def count_columns(name: str) -> int:
    """Count the columns that a name takes: Chinese characters are twice as wide."""
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in name)


def shorten_name(name: str) -> str:
    """Cut the middle out of a long name; classes often differ at their ends, as `Cause-Effect(e2,e1)`."""
    if count_columns(name) <= MAX_NAME_COLUMNS:
        return name
    half = MAX_NAME_COLUMNS // 2
    head = next(name[:end] for end in range(len(name), -1, -1) if count_columns(name[:end]) < half)
    tail = next(name[start:] for start in range(len(name) + 1) if count_columns(name[start:]) <= half)
    return f"{head}…{tail}"
