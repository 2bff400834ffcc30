"""Boilerplate: lines that recur over the pages of one host, which no look at a single page can tell.

One pass counts hashes of lines per host, a second removes. At the start and the end of a page a recurring line always
goes, with all recurring lines before or after it. Between, only a long one does: short ones are headings ("Synopsis"),
list entries, and lines of code, which every page of a manual repeats for good reason.
"""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from tasks.block import Block
from tasks.errors import StageFailure

LONG = 40  # characters; a Chinese one counts three
MOST = 0.5  # a page that would lose more is no page with boilerplate but one of many copies: dedup's work
HOST = pl.col("url").str.extract(r"^[A-Za-z][A-Za-z0-9+.-]*://([^/?#]*)").fill_null("").str.to_lowercase()
WIDTH = pl.col("line").str.len_chars() + 2 * pl.col("line").str.count_matches(r"[\p{Han}\p{Kana}\p{Hangul}]")
IS_INDENTED = pl.col("line").str.starts_with(" ")


class Recurring(Block):
    """Lines that stand on many pages of one host are left out: notices, slogans, remains of menus."""

    enabled: bool = True
    """whether lines that recur are removed"""
    fewest_pages: int = 20
    """a line recurs when it stands on at least so many pages of its host …"""
    share: float = 0.3
    """… and on at least this share of them, 0 to 1"""


def lines_of(documents: pl.DataFrame) -> pl.DataFrame:
    """A row for each line: number of its document, host, the line, and its hash; blank lines have none."""
    return (
        documents.select(HOST.alias("host"), pl.col("text").str.split("\n").alias("line"))
        .with_row_index("document")
        .explode("line")
        .with_columns(pl.when(pl.col("line") != "").then(pl.col("line").str.strip_chars().hash(seed=0)).alias("hash"))
    )


def line_counts(documents: pl.DataFrame) -> pl.DataFrame:
    """On how many of these documents each line stands, by host; null stands for the documents themselves."""
    lines = lines_of(documents).select("document", "host", "hash").unique()
    on_pages = lines.drop_nulls("hash").group_by("host", "hash").agg(pl.len().cast(pl.UInt32).alias("pages"))
    pages = lines.group_by("host").agg(
        pl.lit(None, pl.UInt64).alias("hash"), pl.col("document").n_unique().cast(pl.UInt32).alias("pages")
    )
    return pl.concat([on_pages, pages]).sort("host", "hash")


def recurring(counts: Sequence[Path], settings: Recurring) -> pl.DataFrame:
    """Host and hash of the lines to remove, from all shards' counts. Raises StageFailure."""
    try:
        total = pl.scan_parquet(list(counts)).group_by("host", "hash").agg(pl.col("pages").sum())
        kept = total.filter(pl.col("pages") >= settings.fewest_pages).collect(engine="streaming")
    except (pl.exceptions.PolarsError, OSError) as error:
        raise StageFailure(f"the counts of lines cannot be read: {error}", "Run again with --force extract") from error
    hosts = kept.filter(pl.col("hash").is_null()).select("host", pl.col("pages").alias("of"))
    often = kept.drop_nulls("hash").join(hosts, on="host")
    return often.filter(pl.col("pages") >= settings.share * pl.col("of")).select("host", "hash").sort("host", "hash")


def without(documents: pl.DataFrame, lines: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """The documents without those lines, and how many lines were removed."""
    touched = documents.with_row_index("row").filter(HOST.is_in(lines["host"].unique().implode()))
    if not touched.height:
        return documents, 0
    found = lines_of(touched).join(
        lines.with_columns(recurs=True), on=("host", "hash"), how="left", maintain_order="left"
    )
    blank = pl.col("line") == ""
    recurs = pl.col("recurs").fill_null(value=False)
    yields = (recurs | blank).cast(pl.UInt8)
    edge = (yields.cum_min().over("document") | yields.cum_min(reverse=True).over("document")).cast(pl.Boolean)
    goes = recurs & (edge | (WIDTH >= LONG) & ~IS_INDENTED)
    marked = found.with_columns(goes=goes).with_columns(
        goes=pl.col("goes") & (WIDTH.filter("goes").sum() <= MOST * WIDTH.sum()).over("document")
    )
    kept = (
        marked.filter(~pl.col("goes"))
        .group_by("document", maintain_order=True)
        .agg(pl.col("line").str.join("\n").str.replace_all(r"\n{3,}", "\n\n").str.strip_chars("\n").alias("left"))
    )
    left = touched.select("row").with_row_index("document").join(kept, on="document").select("row", "left")
    changed = documents.with_row_index("row").join(left, on="row", how="left", maintain_order="left")
    text = pl.coalesce("left", "text").alias("text")
    return changed.with_columns(text).drop("row", "left"), int(marked["goes"].sum())
