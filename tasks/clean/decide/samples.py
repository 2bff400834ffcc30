"""For every rule some documents that it dropped, and some that it barely kept: thresholds are set by looking."""

from html import escape
from pathlib import Path
from typing import Any

import polars as pl

from tasks.clean.filters import SCORE, Filter

MOST = 3  # of each kind for a rule, in a shard and in the summary
EXCERPT = 200
DROPPED, BARELY_KEPT = "dropped", "barely kept"
SAMPLE = pl.Schema(
    {"rule": pl.String, "verdict": pl.String, "score": pl.Float32, "margin": pl.Float32, "bounds": pl.String,
     "id": pl.String, "url": pl.String, "excerpt": pl.String}
)  # fmt: skip

EXCERPTED = pl.col("text").str.slice(0, EXCERPT).str.replace_all("\n", " ", literal=True).alias("excerpt")


def samples(judged: pl.DataFrame, filters: dict[str, Filter]) -> pl.DataFrame:
    """The samples of one shard of documents with the column `rules`, those that each breaks.

    Of the dropped those with the least ids, which are hashes: a fair draw, and the same on every run. Of the documents
    that stay those whose scores lie nearest to the rule's bounds.
    """
    stays = pl.col("rules").list.len() == 0
    found = [pl.DataFrame(schema=SAMPLE)]
    for rule, block in filters.items():
        score = pl.col(SCORE + rule)
        rows = judged.select(
            "id", "url", EXCERPTED, stays.alias("stays"), pl.col("rules").list.contains(rule).alias("broken"),
            rule=pl.lit(rule), bounds=pl.lit(block.bounds), score=score,
            margin=block.margin(score).cast(pl.Float32).fill_nan(None),
        )  # fmt: skip
        kept = rows.filter(pl.col("stays") & pl.col("margin").is_not_null()).sort("margin", "id").head(MOST)
        gone = rows.filter(pl.col("broken")).sort("id").head(MOST)
        for verdict, sample in ((DROPPED, gone), (BARELY_KEPT, kept)):
            found.append(sample.with_columns(verdict=pl.lit(verdict)).select(SAMPLE.names()))
    return pl.concat(found)


def merged(files: list[Path], rules: list[str]) -> pl.DataFrame:
    """The samples of all shards: as many of each kind as one has, in the order of the rules."""
    every = pl.concat([pl.DataFrame(schema=SAMPLE), *(pl.read_parquet(file) for file in files)])
    # drawn by id alone, or near the bounds
    nearness = pl.when(pl.col("verdict") == BARELY_KEPT).then("margin").otherwise(0.0)
    chosen = every.sort(nearness, "id").group_by("rule", "verdict", maintain_order=True).head(MOST)
    place = pl.col("rule").replace_strict(rules, range(len(rules)), return_dtype=pl.Int32)
    return chosen.sort(place, pl.col("verdict") == BARELY_KEPT, nearness, "id").select(SAMPLE.names())


def shown(sample: pl.DataFrame) -> str:
    """The samples in markdown, a table a rule."""
    parts = []
    for (rule, bounds), rows in sample.group_by("rule", "bounds", maintain_order=True):
        lines = [f"| {row['verdict']} | {row['score']:,.4g} | {safe(row['url'])} | {safe(row['excerpt'])} |"
                 for row in rows.iter_rows(named=True)]  # fmt: skip
        parts.append(
            "\n".join(
                [f"**{rule}**, {safe(str(bounds))}", "", "| | score | page | begins |", "|---|---:|---|---|", *lines]
            )
        )
    return "\n\n".join(parts)


def safe(text: Any) -> str:
    """Any text as one cell of a markdown table: what pages say is no markup here."""
    marked = escape(text or "", quote=False)
    for sign in "\\`*_[]|!":
        marked = marked.replace(sign, f"\\{sign}")
    return marked
