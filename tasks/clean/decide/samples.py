"""Samples for every rule: some documents that it dropped, and some that it barely kept, to set thresholds by."""

from html import escape
from pathlib import Path
from typing import Any

import polars as pl

from tasks.clean.filters import SCORE_PREFIX, Filter
from tasks.runtime.markdown import render_markdown_table
from tasks.runtime.parquet_files import read_parquet

MAX_SAMPLES = 3  # of each verdict for a rule, in a shard and in the summary
EXCERPT_CHARACTERS = 200
DROPPED, BARELY_KEPT = "dropped", "barely kept"
SAMPLE_SCHEMA = pl.Schema(
    {"rule": pl.String, "verdict": pl.String, "score": pl.Float32, "margin": pl.Float32, "bounds": pl.String,
     "id": pl.String, "url": pl.String, "excerpt": pl.String}
)  # fmt: skip

EXCERPT = pl.col("text").str.slice(0, EXCERPT_CHARACTERS).str.replace_all("\n", " ", literal=True).alias("excerpt")


def choose_samples(judged: pl.DataFrame, filters: dict[str, Filter]) -> pl.DataFrame:
    """Choose the samples of one shard of documents with the column `rules`, the rules that each document fails.

    Of the dropped documents, those with the smallest ids: ids are hashes, so this is a random choice that is the same
    on every run. Of the kept documents, those with the scores nearest to the rule's bounds.
    """
    is_kept = pl.col("rules").list.len() == 0
    samples = [pl.DataFrame(schema=SAMPLE_SCHEMA)]
    for rule, block in filters.items():
        score = pl.col(SCORE_PREFIX + rule)
        rows = judged.select(
            "id", "url", EXCERPT, is_kept.alias("is_kept"), pl.col("rules").list.contains(rule).alias("fails"),
            rule=pl.lit(rule), bounds=pl.lit(block.bounds), score=score,
            margin=block.margin(score).cast(pl.Float32).fill_nan(None),
        )  # fmt: skip
        kept = rows.filter(pl.col("is_kept") & pl.col("margin").is_not_null()).sort("margin", "id").head(MAX_SAMPLES)
        dropped = rows.filter(pl.col("fails")).sort("id").head(MAX_SAMPLES)
        for verdict, sample in ((DROPPED, dropped), (BARELY_KEPT, kept)):
            samples.append(sample.with_columns(verdict=pl.lit(verdict)).select(SAMPLE_SCHEMA.names()))
    return pl.concat(samples)


def merge_samples(files: list[Path], rules: list[str]) -> pl.DataFrame:
    """Merge the samples of all shards to at most MAX_SAMPLES of each verdict for each rule, in the order of `rules`."""
    samples = pl.concat([pl.DataFrame(schema=SAMPLE_SCHEMA), *(read_parquet(file) for file in files)])
    # as in `choose_samples`: dropped documents by id, kept ones by their distance from the bounds
    nearness = pl.when(pl.col("verdict") == BARELY_KEPT).then("margin").otherwise(0.0)
    chosen = samples.sort(nearness, "id").group_by("rule", "verdict", maintain_order=True).head(MAX_SAMPLES)
    rule_index = pl.col("rule").replace_strict(rules, range(len(rules)), return_dtype=pl.Int32)
    return chosen.sort(rule_index, pl.col("verdict") == BARELY_KEPT, nearness, "id").select(SAMPLE_SCHEMA.names())


def render_samples(samples: pl.DataFrame) -> str:
    """Render the samples in markdown, a table for each rule."""
    parts = []
    for (rule, bounds), rows in samples.group_by("rule", "bounds", maintain_order=True):
        cells = [
            (row["verdict"], f"{row['score']:,.4g}", escape_markup(row["url"]), escape_markup(row["excerpt"]))
            for row in rows.iter_rows(named=True)
        ]
        table = render_markdown_table(("", "score", "page", "begins"), cells, alignment="lrl")
        parts += [f"**{rule}**, {escape_markup(str(bounds))}", table]
    return "\n\n".join(parts)


def escape_markup(text: Any) -> str:
    """Escape any text for a cell of a Markdown table, which escapes pipes: markup in pages must not take effect."""
    escaped = escape(text or "", quote=False)
    for sign in "\\`*_[]!":
        escaped = escaped.replace(sign, f"\\{sign}")
    return escaped
