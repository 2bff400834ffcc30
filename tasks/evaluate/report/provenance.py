"""What happened before this stage: the funnel of the data, the lineage, the loss curve. What is missing is left out."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.svg_charts import BLUE, Marks, Panel, chart_as_html, render_chart, thin_points

Manifest = dict[str, Any]
Step = tuple[str, int, str]


def counted(lineage: list[Manifest], stage: str) -> dict[str, Any]:
    """The counts of a stage's manifests; of several snapshots the sums."""
    total: dict[str, Any] = {}
    for manifest in lineage:
        if manifest.get("stage") == stage:
            total = _added(total, manifest.get("counts") or {})
    return total


def _added(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    merged = dict(first)
    for name, value in second.items():
        before = merged.get(name)
        if isinstance(value, dict):
            merged[name] = _added(before if isinstance(before, dict) else {}, value)
        elif isinstance(value, int | float) and isinstance(before, int | float):
            merged[name] = before + value
        else:
            merged[name] = value
    return merged


def words(counts: dict[str, Any], most: int = 4) -> str:
    """`{"rule": 3, …}` as a phrase, the largest first."""
    largest = sorted(((count, name) for name, count in counts.items() if count), key=lambda pair: (-pair[0], pair[1]))
    named = [f"{name.replace('_', ' ')} {count:,}" for count, name in largest[:most]]
    rest = sum(count for count, _ in largest[most:])
    return ", ".join(named + ([f"other {rest:,}"] if rest else []))


def funnel_steps(lineage: list[Manifest]) -> list[Step]:
    """Name, what was left, and what went before it, from pages to training documents."""
    crawl, clean = counted(lineage, "crawl"), counted(lineage, "clean")
    dedup, tokens = counted(lineage, "dedup"), counted(lineage, "tokenize")
    parts = tokens.get("documents") if isinstance(tokens.get("documents"), dict) else {}
    found: list[tuple[str, Any, str]] = [
        ("pages fetched", crawl.get("pages", crawl.get("fetched")), ""),
        ("documents", clean.get("documents"), _lost(words(clean.get("failed") or {}), "no text")),
        ("after clean", clean.get("kept"), _lost(words(clean.get("dropped") or {}), "dropped")),
        (
            "after dedup",
            dedup.get("kept"),
            _lost(words({name: dedup.get(name, 0) for name in ("exact", "near")}), "copies"),
        ),
        (
            "to train on",
            (parts or {}).get("train"),
            _lost(words({name: (parts or {}).get(name, 0) for name in ("heldout", "validation")}), "kept apart"),
        ),
    ]
    return [(name, int(count), note) for name, count, note in found if isinstance(count, int | float)]


def crawl_figures(lineage: list[Manifest]) -> list[tuple[str, str]]:
    """Name and words of what the crawls met: answers, refusals, changes, hosts; of several snapshots the sums."""
    counts = counted(lineage, "crawl")
    pages = {host: of_host["pages"] for host, of_host in counts.get("hosts", {}).items()}
    rates = [each["counts"].get("pages_per_second") for each in lineage if each.get("stage") == "crawl"]
    found = [
        ("answers by status", words(counts.get("statuses", {}), 8)),
        ("not stored", words(counts.get("skipped", {}), 8)),
        ("since the snapshot before", words(counts.get("changes", {}), 8)),
        ("pages by host", words(pages, 8)),
        ("still waiting by host", words(counts.get("queues", {}), 8)),
        ("payload", f"{counts['bytes'] / 1e6:,.1f} MB" if "bytes" in counts else ""),
        ("pages a second", ", ".join(f"{rate:,}" for rate in rates if rate)),
    ]
    return [(name, text) for name, text in found if text]


def _lost(phrase: str, what: str) -> str:
    return f"{what}: {phrase}" if phrase else ""


@dataclass(frozen=True)
class LossCurve:
    """The pretraining loss by step, on training and on validation text."""

    training: list[tuple[float, float]]
    validation: list[tuple[float, float]]


def loss_curve(path: Path, most_points: int = 200) -> LossCurve:
    """Read `metrics.jsonl`; lines without a step or a loss are passed over, long curves thinned by averaging."""
    training: list[tuple[float, float]] = []
    validation: list[tuple[float, float]] = []
    if path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines():
            row = _object(line)
            step = row.get("step")
            if not isinstance(step, int | float):
                continue
            for name, points in (("loss", training), ("validation_loss", validation)):
                if isinstance(row.get(name), int | float):
                    points.append((float(step), float(row[name])))
    return LossCurve(_thinned(training, most_points), _thinned(validation, most_points))


def run_picture(checkpoint: Path) -> str:
    """Learning rate, gradient norm and throughput by step, as HTML; empty where nothing was measured.

    A picture each, because a phone shows them one beneath the other.
    """
    titles = {
        "learning_rate_factor": "learning rate, share of the highest",
        "gradient_norm": "norm of the gradient",
        "tokens_per_second": "tokens a second",
    }
    points: dict[str, list[tuple[float, float]]] = {name: [] for name in titles}
    for path in (checkpoint / "metrics.jsonl", checkpoint / "speed.jsonl"):
        for row in map(_object, path.read_text(encoding="utf-8").splitlines() if path.is_file() else ()):
            for name in points.keys() & row.keys():
                points[name].append((row["step"], row[name]))
    drawn = [
        chart_as_html(
            render_chart([Panel(titles[name], [Marks("", BLUE, thin_points(found))])]), f"{titles[name]}, by step"
        )
        for name, found in points.items()
        if found
    ]
    return f'<div class="panels">{"".join(drawn)}</div>' if drawn else ""


def _object(line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except json.JSONDecodeError:
        return {}
    return row if isinstance(row, dict) else {}


def _thinned(points: list[tuple[float, float]], most: int) -> list[tuple[float, float]]:
    width = -(-len(points) // most) if points else 1
    groups = [points[start : start + width] for start in range(0, len(points), width)]
    return [(group[-1][0], sum(y for _, y in group) / len(group)) for group in groups]


@dataclass(frozen=True)
class Ancestor:
    """A row of the lineage table."""

    stage: str
    key: str
    digest: str
    settings: str


def ancestors(lineage: list[Manifest]) -> list[Ancestor]:
    """Every artifact behind the scores, with the settings that decided it."""
    return [
        Ancestor(
            str(manifest.get("stage", "")),
            str(manifest.get("key", "")),
            str(manifest.get("digest", ""))[:16],
            "\n".join(settings_lines(manifest.get("semantic") or manifest.get("settings") or {})),
        )
        for manifest in lineage
    ]


def settings_lines(value: Any, name: str = "") -> list[str]:
    """Nested settings as lines `a.b = value`."""
    if isinstance(value, dict):
        return [
            line for key, inner in value.items() for line in settings_lines(inner, f"{name}.{key}" if name else key)
        ]
    text = json.dumps(value, ensure_ascii=False)
    return [f"{name} = {text if len(text) <= 120 else text[:117] + '…'}"]
