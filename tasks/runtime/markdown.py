"""Markdown for people: tables in summaries, model cards and on the terminal."""

from collections.abc import Iterable, Sequence

RULES = {"l": "---", "r": "---:"}


def render_markdown_table(head: Sequence[str], rows: Iterable[Sequence[str | int]], *, alignment: str = "lr") -> str:
    """Render a table without a line end after the last row. Integers are written with commas between thousands.

    `alignment` has a letter for each column, l or r, the last one also for all further columns. Pipes are escaped and
    line ends become spaces, so that no text can add cells or rows; other markup in a cell takes effect.
    """
    # the last letter again for each further column; a text times a negative number is empty
    letters = alignment[: len(head)] + alignment[-1] * (len(head) - len(alignment))
    lines = [map(escape_table_cell, head), (RULES[letter] for letter in letters)]
    lines += [map(escape_table_cell, row) for row in rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def escape_table_cell(cell: str | int) -> str:
    """Return the text of a table's cell: without line ends, and with a backslash before each pipe."""
    text = f"{cell:,}" if isinstance(cell, int) else cell
    return text.replace("|", "\\|").replace("\n", " ")
