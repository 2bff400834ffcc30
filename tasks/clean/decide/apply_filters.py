"""Keep or drop documents by their scores, and record for every dropped document the rules that it failed."""

from pathlib import Path
from typing import Any

import polars as pl

from tasks.clean.decide.samples import EXCERPT, choose_samples
from tasks.clean.filters import SCORE_PREFIX, Filter
from tasks.clean.filters._scores import add_scores
from tasks.clean.pii.redaction import Pii, treat_texts
from tasks.errors import StageFailure
from tasks.runtime.parquet_files import read_parquet

# The column `rules` names the rules that a document failed: filters by their kind, and these two.
BAD_LINES_RULE = "remove_bad_lines"  # C4 would remove every line of the document
PII_RULE = "pii"  # it has personal data of a kind that is set to `drop`
IS_KEPT = pl.col("rules").list.len() == 0


def build_failure_masks(filters: dict[str, Filter]) -> dict[str, pl.Expr]:
    """Return for each enabled filter an expression that is True where it drops a document."""
    return {kind: ~block.keeps(pl.col(SCORE_PREFIX + kind)) for kind, block in filters.items() if block.enabled}


def clean_shard(out: Path, shard: Path, filters: dict[str, Filter], remove_bad_lines: bool, pii: Pii) -> dict[str, Any]:
    """Write documents/NAME, dropped/NAME and samples/NAME for one shard of scored documents; return its counts."""
    for part in ("documents", "dropped", "samples"):
        (out / part).mkdir()
    failures = build_failure_masks(filters)
    unscored = {kind: block for kind, block in filters.items() if block.enabled and block.scored_in_clean}
    try:
        documents = add_scores(read_parquet(shard), unscored).with_columns(rules=list_failed_rules(failures))
    except (pl.exceptions.PolarsError, OSError) as error:
        problem = f"{shard} cannot be read as scored documents: {error}"
        raise StageFailure(problem, "Extract again with --force extract") from error
    # samples are taken before texts change, so that they show what the filters scored
    enabled = {kind: filters[kind] for kind in failures}
    samples = choose_samples(documents, enabled)
    samples.write_parquet(out / "samples" / shard.name, compression="zstd", statistics=True)
    if remove_bad_lines:
        documents = drop_bad_lines(documents)
    documents, pii_counts = treat_personal_data(documents, pii)
    kept = documents.filter(IS_KEPT).drop("rules")
    kept.write_parquet(out / "documents" / shard.name, compression="zstd", statistics=True)
    first_rule = pl.col("rules").list.first().alias("rule")
    dropped = documents.filter(~IS_KEPT).select("id", "url", first_rule, "rules", EXCERPT)
    dropped.write_parquet(out / "dropped" / shard.name, compression="zstd", statistics=True)
    return {
        "documents": documents.height,
        "kept": kept.height,
        "characters": int(kept["text"].str.len_chars().sum()),
        "dropped": count_values(dropped["rule"], failures),
        "failing": count_values(dropped["rules"].explode(), failures),
        "languages": count_values(kept["language"], {}),
        "personal": pii_counts,
    }


def drop_bad_lines(documents: pl.DataFrame) -> pl.DataFrame:
    """Remove from kept documents the lines that C4 removes; drop a document that has no others, text unchanged."""
    from tasks.clean.measures.c4_lines import remove_bad_lines  # noqa: PLC0415 - numba takes a second to import

    documents = documents.with_columns(good=remove_bad_lines(documents["text"]))
    is_empty = pl.col("good") == ""
    return documents.with_columns(
        rules=pl.when(IS_KEPT & is_empty).then(pl.lit([BAD_LINES_RULE])).otherwise("rules"),
        text=pl.when(IS_KEPT & ~is_empty).then("good").otherwise("text"),
    ).drop("good")


def treat_personal_data(documents: pl.DataFrame, pii: Pii) -> tuple[pl.DataFrame, dict[str, int]]:
    """Treat personal data in the kept documents as the settings say; return them and the number found by kind."""
    # dropped documents are not searched: an empty text stands for theirs
    texts = documents.select(pl.when(IS_KEPT).then("text").otherwise(pl.lit("")).alias("text"))["text"]
    treated = treat_texts(texts, pii)
    documents = documents.with_columns(treated=treated.texts, drops=treated.drops)
    return (
        documents.with_columns(
            rules=pl.when("drops").then(pl.lit([PII_RULE])).otherwise("rules"),
            text=pl.when(IS_KEPT & ~pl.col("drops")).then("treated").otherwise("text"),
        ).drop("treated", "drops"),
        treated.counts,
    )


def list_failed_rules(failures: dict[str, pl.Expr]) -> pl.Expr:
    """Return an expression for the rules that a document fails, in the order of the filters; empty when it is kept."""
    names = [pl.when(fails).then(pl.lit(f"{kind} ")) for kind, fails in failures.items()]
    # join the names to one string and split it again: it takes a tenth of the time of concat_list
    return pl.concat_str(names or [pl.lit("")], ignore_nulls=True).str.extract_all(r"\w+")


def count_values(values: pl.Series, expected: dict[str, Any]) -> dict[str, int]:
    """Count how often each value occurs; a value of `expected` is counted with 0 when it does not."""
    counts = dict.fromkeys(expected, 0)
    for value, count in values.value_counts(name="count").sort(values.name).iter_rows():
        counts[value] = count
    return counts
