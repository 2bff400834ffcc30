"""The stages before this one: the data funnel, the lineage, the curves of training. Missing numbers are left out."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from tasks.runtime.counts import add_counts
from tasks.svg_charts import BLUE, Marks, Panel, chart_as_html, render_chart, thin_points

MAX_PHRASE_COUNTS = 8  # counts that a phrase of the crawl names
MAX_LINE_CHARACTERS = 120
ManifestFields = dict[str, Any]
"""The fields of a manifest, as a draft's lineage has them."""


class FunnelStep(NamedTuple):
    """A step from pages to training documents."""

    name: str
    num_documents: int
    """documents that are left after it"""
    losses: str
    """the documents lost in it, in words"""


@dataclass(frozen=True)
class LossCurve:
    """The pretraining loss by step, on training and on validation text."""

    training: list[tuple[float, float]]
    validation: list[tuple[float, float]]


@dataclass(frozen=True)
class Ancestor:
    """An artifact that the scores come from."""

    stage: str
    key: str
    digest: str
    settings: str


def sum_counts(lineage: list[ManifestFields], stage: str) -> dict[str, Any]:
    """Sum the counts of all manifests of a stage, one for each snapshot."""
    return add_counts(manifest.get("counts") or {} for manifest in lineage if manifest.get("stage") == stage)


def format_counts(counts: dict[str, Any], max_names: int = 4) -> str:
    """Format `{"a_rule": 3, …}` as a phrase, `a rule 3, …, other 12`, the largest first."""
    largest = sorted(((count, name) for name, count in counts.items() if count), key=lambda pair: (-pair[0], pair[1]))
    phrases = [f"{name.replace('_', ' ')} {count:,}" for count, name in largest[:max_names]]
    rest = sum(count for count, _ in largest[max_names:])
    return ", ".join(phrases + ([f"other {rest:,}"] if rest else []))


def list_funnel_steps(lineage: list[ManifestFields]) -> list[FunnelStep]:
    """List the steps from pages to training documents; a step without a count is left out."""
    crawl, clean = sum_counts(lineage, "crawl"), sum_counts(lineage, "clean")
    dedup, tokens = sum_counts(lineage, "dedup"), sum_counts(lineage, "tokenize")
    splits = tokens["documents"] if isinstance(tokens.get("documents"), dict) else {}
    duplicates = {name: dedup.get(name, 0) for name in ("exact", "near")}
    set_aside = {name: splits.get(name, 0) for name in ("heldout", "validation")}
    steps: list[tuple[str, Any, str]] = [
        ("pages fetched", crawl.get("pages", crawl.get("fetched")), ""),
        ("documents", clean.get("documents"), _describe_losses("no text", clean.get("failed") or {})),
        ("after clean", clean.get("kept"), _describe_losses("dropped", clean.get("dropped") or {})),
        ("after dedup", dedup.get("kept"), _describe_losses("duplicates", duplicates)),
        ("training documents", splits.get("train"), _describe_losses("set aside", set_aside)),
    ]
    return [FunnelStep(name, int(count), losses) for name, count, losses in steps if isinstance(count, int | float)]


def _describe_losses(reason: str, counts: dict[str, Any]) -> str:
    phrase = format_counts(counts)
    return f"{reason}: {phrase}" if phrase else ""


def describe_crawl(lineage: list[ManifestFields]) -> list[tuple[str, str]]:
    """Return what the crawls met, as rows of name and words; counts of several snapshots are summed."""
    counts = sum_counts(lineage, "crawl")
    pages = {host: of_host["pages"] for host, of_host in counts.get("hosts", {}).items()}
    rates = [manifest["counts"].get("pages_per_second") for manifest in lineage if manifest.get("stage") == "crawl"]
    rows = [
        ("responses by status", format_counts(counts.get("statuses", {}), MAX_PHRASE_COUNTS)),
        ("not stored", format_counts(counts.get("skipped", {}), MAX_PHRASE_COUNTS)),
        ("since the previous snapshot", format_counts(counts.get("changes", {}), MAX_PHRASE_COUNTS)),
        ("pages by host", format_counts(pages, MAX_PHRASE_COUNTS)),
        ("waiting URLs by host", format_counts(counts.get("queues", {}), MAX_PHRASE_COUNTS)),
        ("payload", f"{counts['bytes'] / 1e6:,.1f} MB" if "bytes" in counts else ""),
        ("pages per second", ", ".join(f"{rate:,}" for rate in rates if rate)),
    ]
    return [(name, text) for name, text in rows if text]


def load_loss_curve(path: Path, max_points: int = 200) -> LossCurve:
    """Read `metrics.jsonl`; lines without a step or a loss are skipped, long curves are thinned by averaging."""
    training: list[tuple[float, float]] = []
    validation: list[tuple[float, float]] = []
    for row in _read_rows(path):
        step = row.get("step")
        if not isinstance(step, int | float):
            continue
        for name, points in (("loss", training), ("validation_loss", validation)):
            if isinstance(row.get(name), int | float):
                points.append((float(step), float(row[name])))
    return LossCurve(_average_windows(training, max_points), _average_windows(validation, max_points))


def _average_windows(points: list[tuple[float, float]], max_points: int) -> list[tuple[float, float]]:
    """Average y over windows of equal size, at the last x of each: unlike `thin_points`, the last step stays."""
    # Rounded up, so that there are at most `max_points` windows.
    width = -(-len(points) // max_points) if points else 1
    windows = [points[start : start + width] for start in range(0, len(points), width)]
    return [(window[-1][0], sum(y for _, y in window) / len(window)) for window in windows]


def draw_training_curves(checkpoint: Path) -> list[str]:
    """Draw learning rate, gradient norm and throughput by step, an HTML image each; empty where nothing was measured.

    They are separate images, because a phone shows them one below the other.
    """
    titles = {
        "learning_rate_factor": "learning rate, fraction of its peak",
        "gradient_norm": "gradient norm",
        "tokens_per_second": "tokens per second",
    }
    curves: dict[str, list[tuple[float, float]]] = {name: [] for name in titles}
    for path in (checkpoint / "metrics.jsonl", checkpoint / "speed.jsonl"):
        for row in _read_rows(path):
            for name in curves.keys() & row.keys():
                curves[name].append((row["step"], row[name]))
    return [
        chart_as_html(
            render_chart([Panel(titles[name], [Marks("", BLUE, thin_points(points))])]), f"{titles[name]}, by step"
        )
        for name, points in curves.items()
        if points
    ]


def _read_rows(path: Path) -> list[dict[str, Any]]:
    """Read the objects of a JSON Lines file, empty without the file; a killed run may leave a torn last line."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(row, dict):
            rows.append(row)
    return rows


def list_ancestors(lineage: list[ManifestFields]) -> list[Ancestor]:
    """List every artifact that the scores come from, with the settings that decide its content."""
    return [
        Ancestor(
            str(manifest.get("stage", "")),
            str(manifest.get("key", "")),
            str(manifest.get("digest", ""))[:16],
            "\n".join(format_settings(manifest.get("semantic") or manifest.get("settings") or {})),
        )
        for manifest in lineage
    ]


def list_incomplete_ancestors(lineage: list[ManifestFields]) -> list[str]:
    """Say of each artifact that was incomplete when the model was built on it what it lacks."""
    return [
        f"{manifest.get('stage', '')} ({'; '.join(manifest['incomplete'])})"
        for manifest in lineage
        if manifest.get("incomplete")
    ]


def format_settings(value: Any, path: str = "") -> list[str]:
    """Format nested settings as lines `a.b = value`; long values are cut."""
    if isinstance(value, dict):
        return [
            line for key, inner in value.items() for line in format_settings(inner, f"{path}.{key}" if path else key)
        ]
    text = json.dumps(value, ensure_ascii=False)
    return [f"{path} = {text if len(text) <= MAX_LINE_CHARACTERS else text[: MAX_LINE_CHARACTERS - 3] + '…'}"]
