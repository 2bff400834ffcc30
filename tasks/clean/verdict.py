"""The decision: one mask over the scores at the end, and for every dropped document its reasons."""

from pathlib import Path
from typing import Any

import polars as pl

from tasks.clean.filters import SCORE, Filter

EXCERPT = 200


def fails(filters: dict[str, Filter]) -> dict[str, pl.Expr]:
    """For each enabled filter, whether it drops a document."""
    return {kind: ~block.keeps(pl.col(SCORE + kind)) for kind, block in filters.items() if block.enabled}


def clean_shard(out: Path, shard: Path, filters: dict[str, Filter]) -> dict[str, Any]:
    """Write documents/NAME and dropped/NAME for one shard of scored documents; return its counts."""
    for part in ("documents", "dropped"):
        (out / part).mkdir()
    broken = fails(filters)
    judged = pl.read_parquet(shard).with_columns(rules=rules(broken))
    kept = judged.filter(pl.col("rules").list.len() == 0).drop("rules")
    kept.write_parquet(out / "documents" / shard.name, compression="zstd", statistics=True)
    dropped = judged.filter(pl.col("rules").list.len() > 0).select(
        "id",
        "url",
        pl.col("rules").list.first().alias("rule"),
        "rules",
        pl.col("text").str.slice(0, EXCERPT).str.replace_all("\n", " ", literal=True).alias("excerpt"),
    )
    dropped.write_parquet(out / "dropped" / shard.name, compression="zstd", statistics=True)
    return {
        "documents": judged.height,
        "kept": kept.height,
        "characters": int(kept["text"].str.len_chars().sum()),
        "dropped": tally(dropped["rule"], broken),
        "failing": tally(dropped["rules"].explode(), broken),
        "languages": tally(kept["language"], {}),
    }


def rules(broken: dict[str, pl.Expr]) -> pl.Expr:
    """The names of the rules that a document breaks, in the order of the filters; empty when it stays."""
    names = [pl.when(breaks).then(pl.lit(kind)) for kind, breaks in broken.items()]
    return pl.concat_list(names).list.drop_nulls() if names else pl.lit([], dtype=pl.List(pl.String))


def tally(values: pl.Series, every: dict[str, Any]) -> dict[str, int]:
    """How often each value occurs, those of `every` also when they do not."""
    counts = dict.fromkeys(every, 0)
    for value, count in values.value_counts(name="count").sort(values.name).iter_rows():
        counts[value] = count
    return counts
