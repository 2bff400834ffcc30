"""Boilerplate: lines that recur over the pages of one host, which a single page does not show.

One pass counts hashes of lines per host, a second removes recurring lines. Those in an unbroken run from the start or
to the end of a page are always removed. Elsewhere only long ones are: short ones are headings ("Synopsis"), list
entries and lines of code, which every page of a manual repeats for good reason.
"""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from tasks.block import Block
from tasks.errors import StageFailure
from tasks.runtime.parquet_files import scan_parquet

MIN_LONG_WIDTH = 40  # characters; a Chinese one counts as three
MAX_REMOVED_FRACTION = 0.5  # a page that would lose more is one of many duplicates, which dedup removes
HOST = pl.col("url").str.extract(r"^[A-Za-z][A-Za-z0-9+.-]*://([^/?#]*)").fill_null("").str.to_lowercase()
WIDTH = pl.col("line").str.len_chars() + 2 * pl.col("line").str.count_matches(r"[\p{Han}\p{Kana}\p{Hangul}]")
IS_INDENTED = pl.col("line").str.starts_with(" ")


class RecurringLines(Block):
    """Remove lines that are on many pages of one host: notices, slogans, remains of menus."""

    enabled: bool = True
    """whether recurring lines are removed"""
    min_pages: int = 20
    """smallest number of pages of a host that a recurring line is on"""
    min_fraction: float = 0.3
    """smallest fraction of a host's pages that a recurring line is on, 0 to 1"""


def split_lines(documents: pl.DataFrame) -> pl.DataFrame:
    """Return a row for each line: index of its document, host, the line, and its hash, null for a blank line."""
    return (
        documents.select(HOST.alias("host"), pl.col("text").str.split("\n").alias("line"))
        .with_row_index("document")
        .explode("line")
        .with_columns(pl.when(pl.col("line") != "").then(pl.col("line").str.strip_chars().hash(seed=0)).alias("hash"))
    )


def count_lines(documents: pl.DataFrame) -> pl.DataFrame:
    """Count on how many of these documents each line is, by host; the row with a null hash counts the documents."""
    lines = split_lines(documents).select("document", "host", "hash").unique()
    on_pages = lines.drop_nulls("hash").group_by("host", "hash").agg(pl.len().cast(pl.UInt32).alias("pages"))
    pages = lines.group_by("host").agg(
        pl.lit(None, pl.UInt64).alias("hash"), pl.col("document").n_unique().cast(pl.UInt32).alias("pages")
    )
    return pl.concat([on_pages, pages]).sort("host", "hash")


def find_recurring_lines(counts: Sequence[Path], settings: RecurringLines) -> pl.DataFrame:
    """Return host and hash of the lines to remove, from the files with all shards' counts. Raises StageFailure."""
    try:
        total = scan_parquet(counts).group_by("host", "hash").agg(pl.col("pages").sum())
        # this keeps the rows that count a host's pages, too, unless it has fewer: then no line is on enough of them
        frequent = total.filter(pl.col("pages") >= settings.min_pages).collect(engine="streaming")
    except (pl.exceptions.PolarsError, OSError) as error:
        raise StageFailure(f"the counts of lines cannot be read: {error}", "Run again with --force extract") from error
    hosts = frequent.filter(pl.col("hash").is_null()).select("host", pl.col("pages").alias("host_pages"))
    lines = frequent.drop_nulls("hash").join(hosts, on="host")
    is_recurring = pl.col("pages") >= settings.min_fraction * pl.col("host_pages")
    return lines.filter(is_recurring).select("host", "hash").sort("host", "hash")


def remove_lines(documents: pl.DataFrame, lines: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """Return the documents without these lines, and how many lines were removed."""
    touched = documents.with_row_index("row").filter(HOST.is_in(lines["host"].unique().implode()))
    if not touched.height:
        return documents, 0
    rows = split_lines(touched).join(
        lines.with_columns(recurs=True), on=("host", "hash"), how="left", maintain_order="left"
    )
    # a null joins nothing, so blank lines never recur by themselves
    blank = pl.col("line") == ""
    recurs = pl.col("recurs").fill_null(value=False)
    # a running minimum from either end stays 1 up to the first line that neither recurs nor is blank
    is_removable = (recurs | blank).cast(pl.UInt8)
    is_at_edge = is_removable.cum_min().over("document") | is_removable.cum_min(reverse=True).over("document")
    removed = recurs & (is_at_edge.cast(pl.Boolean) | (WIDTH >= MIN_LONG_WIDTH) & ~IS_INDENTED)
    marked = rows.with_columns(removed=removed).with_columns(
        removed=pl.col("removed")
        & (WIDTH.filter("removed").sum() <= MAX_REMOVED_FRACTION * WIDTH.sum()).over("document")
    )
    kept = (
        marked.filter(~pl.col("removed"))
        .group_by("document", maintain_order=True)
        .agg(pl.col("line").str.join("\n").str.replace_all(r"\n{3,}", "\n\n").str.strip_chars("\n").alias("rest"))
    )
    rests = touched.select("row").with_row_index("document").join(kept, on="document").select("row", "rest")
    changed = documents.with_row_index("row").join(rests, on="row", how="left", maintain_order="left")
    text = pl.coalesce("rest", "text").alias("text")
    return changed.with_columns(text).drop("row", "rest"), int(marked["removed"].sum())
