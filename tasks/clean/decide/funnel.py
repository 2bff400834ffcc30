"""The summary of clean: the drop funnel as a table and a picture."""

from typing import Any

from tasks.runtime.markdown import render_markdown_table
from tasks.svg_charts import chart_as_image, draw_bars

COUNT_WIDTH = 70  # pixels


def list_steps(counts: dict[str, Any]) -> list[tuple[str, int]]:
    """Return (name, remaining) from all pages with a body to the kept documents, for each rule that dropped any."""
    remaining = counts["documents"]
    steps = [("pages", remaining + sum(counts["failed"].values())), ("documents", remaining)]
    for rule, dropped in counts["dropped"].items():
        remaining -= dropped
        if dropped:
            steps.append((f"after {rule}", remaining))
    return steps


def render_summary(counts: dict[str, Any], samples: str = "") -> str:
    """Render the stage's summary in markdown: funnel, drops by rule, failed pages, languages, samples."""
    fraction = counts["kept"] / max(counts["documents"], 1)
    kept = f"**{counts['kept']:,}** of {counts['documents']:,} documents kept ({fraction:.1%})"
    parts = [
        f"{kept}, {counts['characters']:,} characters.",
        chart_as_image(
            draw_bars(list_steps(counts), count_width=COUNT_WIDTH, with_track=True), "What remains after each rule"
        ),
        render_markdown_table(
            ("rule", "documents it dropped first", "documents that fail it"),
            [
                (rule, count, counts["failing"][rule])
                for rule, count in counts["dropped"].items()
                if counts["failing"][rule]
            ],
        ),
    ]
    if counts["failed"]:
        parts.append(render_markdown_table(("pages without a document", "pages"), _sort_by_count(counts["failed"])))
    parts.append(render_markdown_table(("language", "documents kept"), _sort_by_count(counts["languages"])[:20]))
    if any(counts["personal"].values()):
        parts.append(
            render_markdown_table(("personal data in the kept documents", "found"), _sort_by_count(counts["personal"]))
        )
    if samples:
        parts += ["Documents that each rule dropped, and kept documents nearest to its bounds:", samples]
    return "\n\n".join(parts) + "\n"


def _sort_by_count(counts: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))
