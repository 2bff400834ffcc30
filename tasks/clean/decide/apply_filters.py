"""The decision: one mask over the scores at the end, and for every dropped document its reasons."""

from pathlib import Path
from typing import Any

import polars as pl

from tasks.clean.decide.samples import EXCERPTED, samples
from tasks.clean.filters import SCORE, Filter
from tasks.clean.filters._scores import with_scores
from tasks.clean.pii.redaction import Pii, treated
from tasks.errors import StageFailure

EMPTIED = "remove_bad_lines"  # the setting is the reason of a document whose lines were all bad
PERSONAL = "pii"
STAYS = pl.col("rules").list.len() == 0


def fails(filters: dict[str, Filter]) -> dict[str, pl.Expr]:
    """For each enabled filter, whether it drops a document."""
    return {kind: ~block.keeps(pl.col(SCORE + kind)) for kind, block in filters.items() if block.enabled}


def clean_shard(out: Path, shard: Path, filters: dict[str, Filter], remove_bad_lines: bool, pii: Pii) -> dict[str, Any]:
    """Write documents/NAME, dropped/NAME and samples/NAME for one shard of scored documents; return its counts."""
    for part in ("documents", "dropped", "samples"):
        (out / part).mkdir()
    broken = fails(filters)
    late = {kind: block for kind, block in filters.items() if block.enabled and block.late}
    try:
        judged = with_scores(pl.read_parquet(shard), late).with_columns(rules=rules(broken))
    except (pl.exceptions.PolarsError, OSError) as error:
        what = f"{shard} cannot be read as scored documents: {error}"
        raise StageFailure(what, "Extract again with --force extract") from error
    enabled = {kind: filters[kind] for kind in broken}
    samples(judged, enabled).write_parquet(out / "samples" / shard.name, compression="zstd", statistics=True)
    if remove_bad_lines:
        judged = without_bad_lines(judged)
    judged, personal = without_personal_data(judged, pii)
    kept = judged.filter(STAYS).drop("rules")
    kept.write_parquet(out / "documents" / shard.name, compression="zstd", statistics=True)
    dropped = judged.filter(~STAYS).select(
        "id",
        "url",
        pl.col("rules").list.first().alias("rule"),
        "rules",
        EXCERPTED,
    )
    dropped.write_parquet(out / "dropped" / shard.name, compression="zstd", statistics=True)
    return {
        "documents": judged.height,
        "kept": kept.height,
        "characters": int(kept["text"].str.len_chars().sum()),
        "dropped": tally(dropped["rule"], broken),
        "failing": tally(dropped["rules"].explode(), broken),
        "languages": tally(kept["language"], {}),
        "personal": personal,
    }


def without_bad_lines(judged: pl.DataFrame) -> pl.DataFrame:
    """The documents with the lines removed that C4 removes; one that has no other is dropped, and keeps its text."""
    from tasks.clean.measures.c4_lines import without_bad_lines  # noqa: PLC0415 - numba takes a second to import

    judged = judged.with_columns(good=without_bad_lines(judged["text"]))
    emptied = pl.col("good") == ""
    return judged.with_columns(
        rules=pl.when(STAYS & emptied).then(pl.lit([EMPTIED])).otherwise("rules"),
        text=pl.when(STAYS & ~emptied).then("good").otherwise("text"),
    ).drop("good")


def without_personal_data(judged: pl.DataFrame, pii: Pii) -> tuple[pl.DataFrame, dict[str, int]]:
    """What stays, with personal data treated as the settings say, and how many of each kind were found in it."""
    staying = judged.select(pl.when(STAYS).then("text").otherwise(pl.lit("")).alias("text"))["text"]
    done = treated(staying, pii)
    judged = judged.with_columns(treated=done.texts, drops=done.drops)
    return (
        judged.with_columns(
            rules=pl.when("drops").then(pl.lit([PERSONAL])).otherwise("rules"),
            text=pl.when(STAYS & ~pl.col("drops")).then("treated").otherwise("text"),
        ).drop("treated", "drops"),
        done.counts,
    )


def rules(broken: dict[str, pl.Expr]) -> pl.Expr:
    """The names of the rules that a document breaks, in the order of the filters; empty when it stays."""
    names = [pl.when(breaks).then(pl.lit(f"{kind} ")) for kind, breaks in broken.items()]
    # one string taken apart again: a tenth of what concat_list costs
    return pl.concat_str(names or [pl.lit("")], ignore_nulls=True).str.extract_all(r"\w+")


def tally(values: pl.Series, every: dict[str, Any]) -> dict[str, int]:
    """How often each value occurs, those of `every` also when they do not."""
    counts = dict.fromkeys(every, 0)
    for value, count in values.value_counts(name="count").sort(values.name).iter_rows():
        counts[value] = count
    return counts
