"""What clean left to look at: for every rule some documents that it dropped, and some that it barely kept."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from tasks.evaluate.report.provenance import Manifest, counted
from tasks.store import Artifact

MOST = 3  # of each verdict of a rule
EXCERPT = 160  # characters
DROPPED = "dropped"
COLUMNS = ["rule", "verdict", "score", "margin", "bounds", "id", "url", "excerpt"]


@dataclass(frozen=True)
class Sample:
    """A document at a rule's bounds."""

    verdict: str
    score: float
    bounds: str
    url: str
    excerpt: str


@dataclass(frozen=True)
class Rule:
    """A rule: how many documents it was the first to drop, how many break it, and some of them."""

    name: str
    dropped: int
    failing: int
    samples: Sequence[Sample]


def sampled_folders(lineage: list[Manifest]) -> Iterator[Path]:
    """The folders with samples of all snapshots. Of a clean artifact that is gone there is none."""
    for each in lineage:
        if each.get("stage") == "clean" and each.get("path"):
            handle = Artifact.model_validate({name: each[name] for name in Artifact.model_fields})
            yield handle.folder_with("samples/") / "samples"


def rules(lineage: list[Manifest]) -> list[Rule]:
    """Every rule with samples, the one that dropped most first; of several snapshots the counts are sums."""
    files = [file for folder in sampled_folders(lineage) for file in sorted(folder.glob("*.parquet"))]
    if not files:
        return []
    counts = counted(lineage, "clean")
    dropped, failing = counts.get("dropped", {}), counts.get("failing", {})
    found = [
        Rule(
            str(name), dropped.get(name, 0), failing.get(name, 0), [_sample(row) for row in rows.iter_rows(named=True)]
        )
        for (name,), rows in nearest(files).group_by("rule", maintain_order=True)
    ]
    return sorted(found, key=lambda rule: (-rule.dropped, -rule.failing, rule.name))


def nearest(files: Sequence[Path]) -> pl.DataFrame:
    """Of each rule's dropped documents those with the least ids, a fair draw; of the kept those nearest to its bounds.

    An id counts once, because a page may be in several snapshots.
    """
    every = pl.concat([pl.read_parquet(file, columns=COLUMNS) for file in files])
    nearness = pl.when(pl.col("verdict") == DROPPED).then(0.0).otherwise("margin")
    once = every.sort(nearness, "id").unique(["rule", "verdict", "id"], keep="first", maintain_order=True)
    few = once.group_by("rule", "verdict", maintain_order=True).head(MOST)
    return few.sort("rule", pl.col("verdict") != DROPPED, nearness, "id")


def _sample(row: dict[str, Any]) -> Sample:
    text = " ".join((row["excerpt"] or "").split())
    short = text if len(text) <= EXCERPT else text[:EXCERPT].rstrip() + "…"
    return Sample(row["verdict"], row["score"], row["bounds"], row["url"] or "", short)
