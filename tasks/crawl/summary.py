"""A crawl's figures as Markdown with small pictures, as Prefect and the report show them."""

from typing import Any

from tasks.runtime.markdown import render_markdown_table
from tasks.svg_charts import chart_as_image, draw_bars

MOST_BARS = 12
MOST_CHARACTERS = 34  # of a name beside a bar
COUNT_WIDTH = 80  # pixels


def summary(counts: dict[str, Any], snapshot: str) -> str:
    """The counts as tables, and the largest of them as bars."""
    hosts = counts["hosts"]
    said = f"{counts['pages']:,} pages, {counts['bytes'] / 1e6:,.1f} MB of payload, {counts['pages_per_second']:,}/s."
    parts = [f"# Crawl of {snapshot}", said]
    parts.append(
        chart_as_image(
            draw_largest(counts["statuses"] | counts["skipped"]), "Answers by status, and what was not stored"
        )
    )
    parts.append(render_markdown_table(("status", "answers"), counts["statuses"].items()))
    if counts["skipped"]:
        parts.append(render_markdown_table(("not stored because", "URLs"), counts["skipped"].items()))
    if counts["links"]:
        parts.append(render_markdown_table(("links left out or rewritten", "links"), counts["links"].items()))
    if set(counts["changes"]) - {"new"}:
        parts.append(render_markdown_table(("since the snapshot before", "pages"), counts["changes"].items()))
    if len(hosts) > 1:
        parts.append(
            chart_as_image(draw_largest({host: of_host["pages"] for host, of_host in hosts.items()}), "Pages by host")
        )
    rows = [(host, f"{n['pages']:,}", f"{n['bytes'] / 1e6:,.2f}") for host, n in hosts.items()]
    parts.append(render_markdown_table(("host", "pages", "MB"), rows))
    if counts["queues"]:
        parts.append(render_markdown_table(("host", "URLs that still wait"), counts["queues"].items()))
    return "\n\n".join(parts) + "\n"


def draw_largest(values: dict[str, int]) -> str:
    """Draw the largest values as bars; of a long name only its end has room beside a bar."""
    largest = sorted(values.items(), key=lambda entry: -entry[1])[:MOST_BARS]
    return draw_bars([(name[-MOST_CHARACTERS:], value) for name, value in largest], count_width=COUNT_WIDTH)
