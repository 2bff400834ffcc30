"""The drop funnel: a table and a picture for people."""

from html import escape
from typing import Any

from tasks.svg_charts import chart_as_image

WIDTH, ROW, LABEL = 640, 22, 230
KEPT, LOST = "#2a7f62", "#c9d6d0"


def added(shards: list[dict[str, Any]]) -> dict[str, Any]:
    """The sum of the shards' counts, nested ones too."""
    total: dict[str, Any] = {}
    for counts in shards:
        for name, value in counts.items():
            if isinstance(value, dict):
                total[name] = added([total.get(name, {}), value])
            else:
                total[name] = total.get(name, 0) + value
    return total


def steps(counts: dict[str, Any]) -> list[tuple[str, int]]:
    """What was left after each rule that dropped anything, from all pages that came with a body to what is kept."""
    left = counts["documents"] + sum(counts["failed"].values())
    found = [("pages", left), ("documents", counts["documents"])]
    left = counts["documents"]
    for rule, dropped in counts["dropped"].items():
        left -= dropped
        if dropped:
            found.append((f"after {rule}", left))
    return found


def picture(counts: dict[str, Any]) -> str:
    """The funnel as SVG: a bar for what is left after each rule."""
    bars = steps(counts)
    widest = max(bars[0][1], 1)
    lines = []
    for number, (name, left) in enumerate(bars):
        top, width = number * ROW, (WIDTH - LABEL - 70) * left / widest
        lines.append(
            f'<text x="{LABEL - 8}" y="{top + 15}" text-anchor="end">{escape(name)}</text>'
            f'<rect x="{LABEL}" y="{top + 3}" width="{WIDTH - LABEL - 70}" height="{ROW - 6}" fill="{LOST}"/>'
            f'<rect x="{LABEL}" y="{top + 3}" width="{width:.1f}" height="{ROW - 6}" fill="{KEPT}"/>'
            f'<text x="{WIDTH - 64}" y="{top + 15}">{left:,}</text>'
        )
    height = len(bars) * ROW + 4
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        # a ground of its own, or the words vanish on the dark pages of the Prefect UI
        'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="#fff"/>'
        f"{''.join(lines)}</svg>"
    )


def summary(counts: dict[str, Any], samples: str = "") -> str:
    """The stage's page in markdown: picture, drops by rule, failures, languages, samples."""
    share = counts["kept"] / max(counts["documents"], 1)
    kept = f"**{counts['kept']:,}** of {counts['documents']:,} documents kept ({share:.1%})"
    parts = [
        f"{kept}, {counts['characters']:,} characters.",
        chart_as_image(picture(counts), "What is left after each rule"),
        _table(
            ("rule", "dropped by it first", "break it at all"),
            [
                (rule, count, counts["failing"][rule])
                for rule, count in counts["dropped"].items()
                if counts["failing"][rule]
            ],
        ),
    ]
    if counts["failed"]:
        parts.append(_table(("pages that gave no document", "pages"), _most_first(counts["failed"])))
    parts.append(_table(("language", "documents kept"), _most_first(counts["languages"])[:20]))
    if any(counts["personal"].values()):
        parts.append(_table(("personal data in what stays", "found"), _most_first(counts["personal"])))
    if samples:
        parts += ["Documents that each rule dropped, and those of the rest that came nearest to its bounds:", samples]
    return "\n\n".join(parts) + "\n"


def _most_first(counts: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda each: (-each[1], each[0]))


def _table(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    ruler = "|---|" + "---:|" * (len(head) - 1)
    lines = [f"| {' | '.join(head)} |", ruler]
    lines += [f"| {' | '.join(f'{cell:,}' if isinstance(cell, int) else cell for cell in row)} |" for row in rows]
    return "\n".join(lines)
