"""Tables and sizes as text for the terminal."""

from collections.abc import Iterable


def format_size(num_bytes: int) -> str:
    """`1234567` → `1.2 MB`."""
    value = float(num_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def format_table(rows: Iterable[tuple[str, ...]]) -> str:
    """Return rows as lines with aligned columns."""
    cells = [tuple(map(str, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
    )
