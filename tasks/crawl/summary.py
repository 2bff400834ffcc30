"""The counts of a crawl as Markdown with small pictures, as Prefect and the report show them."""

from typing import Any

from tasks.runtime.markdown import render_markdown_table
from tasks.svg_charts import chart_as_image, draw_bars

MAX_BARS = 12
MAX_LABEL_CHARACTERS = 34  # beside a bar
COUNT_WIDTH = 80  # pixels


def render_summary(counts: dict[str, Any], snapshot: str) -> str:
    """Render the counts as Markdown tables, and the largest of them as bars."""
    hosts = counts["hosts"]
    totals = f"{counts['pages']:,} pages, {counts['bytes'] / 1e6:,.1f} MB of payload, {counts['pages_per_second']:,}/s."
    parts = [f"# Crawl of {snapshot}", totals]
    statuses = draw_largest(counts["statuses"] | counts["skipped"])
    parts.append(chart_as_image(statuses, "Answers by status, and what was not stored"))
    parts.append(render_markdown_table(("status", "answers"), counts["statuses"].items()))
    if counts["skipped"]:
        parts.append(render_markdown_table(("not stored because", "URLs"), counts["skipped"].items()))
    if counts["flaws"]:
        parts.append(render_markdown_table(("stored, but", "pages"), counts["flaws"].items()))
    if counts["unanswered"]:
        parts.append(
            render_markdown_table(
                ("host that the next run asks again", "URLs without an answer"), counts["unanswered"].items()
            )
        )
    if counts["dead"]:
        parts.append(f"{counts['dead']:,} URLs without an answer are not asked for again in this snapshot.")
    if counts["links"]:
        parts.append(render_markdown_table(("links left out or rewritten", "links"), counts["links"].items()))
    if set(counts["changes"]) - {"new"}:
        parts.append(render_markdown_table(("since the previous snapshot", "pages"), counts["changes"].items()))
    if len(hosts) > 1:
        pages_by_host = {host: host_counts["pages"] for host, host_counts in hosts.items()}
        parts.append(chart_as_image(draw_largest(pages_by_host), "Pages by host"))
    rows = [(host, f"{n['pages']:,}", f"{n['bytes'] / 1e6:,.2f}") for host, n in hosts.items()]
    parts.append(render_markdown_table(("host", "pages", "MB"), rows))
    if counts["queues"]:
        parts.append(render_markdown_table(("host", "URLs still waiting"), counts["queues"].items()))
    return "\n\n".join(parts) + "\n"


def draw_largest(values: dict[str, int]) -> str:
    """Draw the largest values as bars; of a long name only its end has room beside a bar."""
    largest = sorted(values.items(), key=lambda item: -item[1])[:MAX_BARS]
    return draw_bars([(name[-MAX_LABEL_CHARACTERS:], value) for name, value in largest], count_width=COUNT_WIDTH)
