"""The summary of clean: the drop funnel as a table and a picture."""

from html import escape
from typing import Any

from tasks.svg_charts import chart_as_image

WIDTH, ROW_HEIGHT, LABEL_WIDTH, COUNT_WIDTH = 640, 22, 230, 70  # pixels
KEPT_COLOUR, DROPPED_COLOUR = "#2a7f62", "#c9d6d0"


def add_counts(shards: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the sum of the shards' counts, nested ones too."""
    total: dict[str, Any] = {}
    for counts in shards:
        for name, value in counts.items():
            if isinstance(value, dict):
                total[name] = add_counts([total.get(name, {}), value])
            else:
                total[name] = total.get(name, 0) + value
    return total


def list_steps(counts: dict[str, Any]) -> list[tuple[str, int]]:
    """Return (name, remaining) from all pages with a body to the kept documents, for each rule that dropped any."""
    remaining = counts["documents"]
    steps = [("pages", remaining + sum(counts["failed"].values())), ("documents", remaining)]
    for rule, dropped in counts["dropped"].items():
        remaining -= dropped
        if dropped:
            steps.append((f"after {rule}", remaining))
    return steps


def draw_funnel(counts: dict[str, Any]) -> str:
    """Draw the funnel as SVG: a bar for what remains after each rule."""
    steps = list_steps(counts)
    largest, full_width = max(steps[0][1], 1), WIDTH - LABEL_WIDTH - COUNT_WIDTH
    height = ROW_HEIGHT - 6  # of a bar
    bars = []
    for index, (name, remaining) in enumerate(steps):
        top, width = index * ROW_HEIGHT, full_width * remaining / largest
        bars.append(
            f'<text x="{LABEL_WIDTH - 8}" y="{top + 15}" text-anchor="end">{escape(name)}</text>'
            f'<rect x="{LABEL_WIDTH}" y="{top + 3}" width="{full_width}" height="{height}" fill="{DROPPED_COLOUR}"/>'
            f'<rect x="{LABEL_WIDTH}" y="{top + 3}" width="{width:.1f}" height="{height}" fill="{KEPT_COLOUR}"/>'
            f'<text x="{WIDTH - 64}" y="{top + 15}">{remaining:,}</text>'
        )
    total_height = len(steps) * ROW_HEIGHT + 4
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {total_height}" width="{WIDTH}" '
        f'height="{total_height}" '
        # a white background, or the text is invisible in the dark theme of the Prefect UI
        'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="#fff"/>'
        f"{''.join(bars)}</svg>"
    )


def render_summary(counts: dict[str, Any], samples: str = "") -> str:
    """Render the stage's summary in markdown: funnel, drops by rule, failed pages, languages, samples."""
    fraction = counts["kept"] / max(counts["documents"], 1)
    kept = f"**{counts['kept']:,}** of {counts['documents']:,} documents kept ({fraction:.1%})"
    parts = [
        f"{kept}, {counts['characters']:,} characters.",
        chart_as_image(draw_funnel(counts), "What remains after each rule"),
        _render_table(
            ("rule", "documents it dropped first", "documents that fail it"),
            [
                (rule, count, counts["failing"][rule])
                for rule, count in counts["dropped"].items()
                if counts["failing"][rule]
            ],
        ),
    ]
    if counts["failed"]:
        parts.append(_render_table(("pages without a document", "pages"), _sort_by_count(counts["failed"])))
    parts.append(_render_table(("language", "documents kept"), _sort_by_count(counts["languages"])[:20]))
    if any(counts["personal"].values()):
        parts.append(
            _render_table(("personal data in the kept documents", "found"), _sort_by_count(counts["personal"]))
        )
    if samples:
        parts += ["Documents that each rule dropped, and kept documents nearest to its bounds:", samples]
    return "\n\n".join(parts) + "\n"


def _sort_by_count(counts: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _render_table(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    ruler = "|---|" + "---:|" * (len(head) - 1)
    lines = [f"| {' | '.join(head)} |", ruler]
    lines += [f"| {' | '.join(f'{cell:,}' if isinstance(cell, int) else cell for cell in row)} |" for row in rows]
    return "\n".join(lines)
