"""Horizontal bars with a name before and a number behind each, for counts in Markdown."""

from collections.abc import Sequence
from html import escape

BARS_WIDTH, BAR_ROW_HEIGHT, LABEL_WIDTH = 640, 22, 230  # pixels
BAR_HEIGHT = BAR_ROW_HEIGHT - 6
BAR_COLOUR, TRACK_COLOUR = "#2a7f62", "#c9d6d0"


def draw_bars(bars: Sequence[tuple[str, int]], *, count_width: int, with_track: bool = False) -> str:
    """Draw a bar for each (name, count) as SVG, the largest count as long as there is room for.

    `count_width` is the room for the numbers, in pixels. With a track, the rest of each row is filled with a lighter
    colour, and the numbers stand in a column behind it.
    """
    largest = max((count for _, count in bars), default=0) or 1
    full_width = BARS_WIDTH - LABEL_WIDTH - count_width
    rows = []
    for index, (name, count) in enumerate(bars):
        top, width = index * BAR_ROW_HEIGHT, full_width * count / largest
        place = f'x="{LABEL_WIDTH}" y="{top + 3}"'
        track = f'<rect {place} width="{full_width}" height="{BAR_HEIGHT}" fill="{TRACK_COLOUR}"/>'
        count_x = str(LABEL_WIDTH + full_width + 6) if with_track else f"{LABEL_WIDTH + width + 6:.1f}"
        rows.append(
            f'<text x="{LABEL_WIDTH - 8}" y="{top + 15}" text-anchor="end">{escape(name)}</text>'
            f"{track if with_track else ''}"
            f'<rect {place} width="{width:.1f}" height="{BAR_HEIGHT}" fill="{BAR_COLOUR}"/>'
            f'<text x="{count_x}" y="{top + 15}">{count:,}</text>'
        )
    height = len(bars) * BAR_ROW_HEIGHT + 4
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {BARS_WIDTH} {height}" width="{BARS_WIDTH}" '
        f'height="{height}" '
        # a white background, or the text is invisible in the dark theme of the Prefect UI
        'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="#fff"/>'
        f"{''.join(rows)}</svg>"
    )
