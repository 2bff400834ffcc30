"""The counts of a crawl as Markdown with small pictures, as Prefect and the report show them."""

from collections.abc import Sequence
from html import escape
from typing import Any

from tasks.svg_charts import chart_as_image

WIDTH, ROW_HEIGHT, LABEL_WIDTH = 640, 22, 230  # of the bars, in pixels
MAX_BARS = 12
BAR_COLOUR = "#2a7f62"


def render_summary(counts: dict[str, Any], snapshot: str) -> str:
    """Render the counts as Markdown tables, and the largest of them as bars."""
    hosts = counts["hosts"]
    totals = f"{counts['pages']:,} pages, {counts['bytes'] / 1e6:,.1f} MB of payload, {counts['pages_per_second']:,}/s."
    parts = [f"# Crawl of {snapshot}", totals]
    parts.append(
        chart_as_image(draw_bars(counts["statuses"] | counts["skipped"]), "Answers by status, and what was not stored")
    )
    parts.append(render_table(("status", "answers"), format_rows(counts["statuses"])))
    if counts["skipped"]:
        parts.append(render_table(("not stored because", "URLs"), format_rows(counts["skipped"])))
    if counts["links"]:
        parts.append(render_table(("links left out or rewritten", "links"), format_rows(counts["links"])))
    if set(counts["changes"]) - {"new"}:
        parts.append(render_table(("since the previous snapshot", "pages"), format_rows(counts["changes"])))
    if len(hosts) > 1:
        pages_by_host = {host: host_counts["pages"] for host, host_counts in hosts.items()}
        parts.append(chart_as_image(draw_bars(pages_by_host), "Pages by host"))
    rows = [(host, f"{n['pages']:,}", f"{n['bytes'] / 1e6:,.2f}") for host, n in hosts.items()]
    parts.append(render_table(("host", "pages", "MB"), rows))
    if counts["queues"]:
        parts.append(render_table(("host", "URLs still waiting"), format_rows(counts["queues"])))
    return "\n\n".join(parts) + "\n"


def format_rows(counts: dict[str, int]) -> list[tuple[str, str]]:
    return [(name, f"{count:,}") for name, count in counts.items()]


def render_table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Render a Markdown table, the first column left-aligned, the others right-aligned."""
    rule = ("---",) + ("---:",) * (len(head) - 1)
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in [head, rule, *rows])


def draw_bars(values: dict[str, int]) -> str:
    """Draw the largest values as SVG: a name, a bar as long as its value, the value."""
    largest = sorted(values.items(), key=lambda item: -item[1])[:MAX_BARS]
    maximum = max([value for _, value in largest], default=0) or 1
    lines = []
    for number, (name, value) in enumerate(largest):
        top, width = number * ROW_HEIGHT, (WIDTH - LABEL_WIDTH - 80) * value / maximum
        lines.append(
            f'<text x="{LABEL_WIDTH - 8}" y="{top + 15}" text-anchor="end">{escape(name[-34:])}</text>'
            f'<rect x="{LABEL_WIDTH}" y="{top + 3}" width="{width:.1f}" height="{ROW_HEIGHT - 6}" fill="{BAR_COLOUR}"/>'
            f'<text x="{LABEL_WIDTH + width + 6:.1f}" y="{top + 15}">{value:,}</text>'
        )
    height = len(largest) * ROW_HEIGHT + 4
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        # a background of its own, or the words vanish on the dark pages of the Prefect UI
        'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="#fff"/>'
        f"{''.join(lines)}</svg>"
    )
