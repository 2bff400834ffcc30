"""Samples of the clean stage: for each rule some documents that it dropped, and some that it barely kept."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from tasks.evaluate.report.provenance import ManifestFields, sum_counts
from tasks.runtime.parquet_files import read_parquet
from tasks.store import Artifact

# Of each verdict of a rule.
MAX_SAMPLES = 3
EXCERPT_CHARACTERS = 160
DROPPED = "dropped"
COLUMNS = ["rule", "verdict", "score", "margin", "bounds", "id", "url", "excerpt"]


@dataclass(frozen=True)
class DocumentSample:
    """A document that a rule dropped, or barely kept."""

    verdict: str
    score: float
    bounds: str
    url: str
    excerpt: str


@dataclass(frozen=True)
class RuleSamples:
    """A rule of clean, how many documents it dropped, and some of the documents."""

    name: str
    dropped: int
    """documents that this rule was the first to drop"""
    failing: int
    """documents that break the rule, whichever rule dropped them"""
    samples: Sequence[DocumentSample]

    @property
    def bounds(self) -> str:
        """The bounds of the rule in words; there are several when snapshots were cleaned with different settings."""
        return " or ".join(sorted({sample.bounds for sample in self.samples}))


def find_sample_folders(lineage: list[ManifestFields]) -> Iterator[Path]:
    """Yield the folders with samples of all snapshots; a clean artifact that is no longer stored has none."""
    for manifest in lineage:
        if manifest.get("stage") == "clean" and manifest.get("path"):
            artifact = Artifact.model_validate({name: manifest[name] for name in Artifact.model_fields})
            yield artifact.folder_with("samples/") / "samples"


def load_rule_samples(lineage: list[ManifestFields]) -> list[RuleSamples]:
    """Load every rule with samples, the one that dropped most first; counts of several snapshots are summed."""
    files = [file for folder in find_sample_folders(lineage) for file in sorted(folder.glob("*.parquet"))]
    if not files:
        return []
    counts = sum_counts(lineage, "clean")
    dropped, failing = counts.get("dropped", {}), counts.get("failing", {})
    rules = [
        RuleSamples(
            str(name),
            dropped.get(name, 0),
            failing.get(name, 0),
            [_parse_sample(row) for row in rows.iter_rows(named=True)],
        )
        for (name,), rows in select_nearest(files).group_by("rule", maintain_order=True)
    ]
    return sorted(rules, key=lambda rule: (-rule.dropped, -rule.failing, rule.name))


def select_nearest(files: Sequence[Path]) -> pl.DataFrame:
    """Select each rule's dropped documents with the smallest ids, and its kept documents nearest to its bounds.

    Ids are hashes, so the smallest ones are a random sample. A page may be in several snapshots: its id counts once.
    """
    rows = pl.concat([read_parquet(file, columns=COLUMNS) for file in files])
    # dropped documents are equally distant, so that the id alone orders them
    distance = pl.when(pl.col("verdict") == DROPPED).then(0.0).otherwise("margin")
    # Sorted first: `keep="first"` then keeps the nearest copy of a page.
    unique = rows.sort(distance, "id").unique(["rule", "verdict", "id"], keep="first", maintain_order=True)
    nearest = unique.group_by("rule", "verdict", maintain_order=True).head(MAX_SAMPLES)
    return nearest.sort("rule", pl.col("verdict") != DROPPED, distance, "id")


def _parse_sample(row: dict[str, Any]) -> DocumentSample:
    text = " ".join((row["excerpt"] or "").split())
    excerpt = text if len(text) <= EXCERPT_CHARACTERS else text[:EXCERPT_CHARACTERS].rstrip() + "…"
    return DocumentSample(row["verdict"], row["score"], row["bounds"], row["url"] or "", excerpt)
