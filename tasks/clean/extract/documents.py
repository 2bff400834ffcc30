"""One shard of pages to one shard of documents, with every filter's score.

In two passes, because what recurs over the pages of a host is known when all are read: `read_shard` reads the pages and
counts their lines, `score_shard` removes those that recur and scores what is left.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.clean.extract.crawl_reader import Bodies, rows
from tasks.clean.extract.html.markup import HtmlExtraction
from tasks.clean.extract.page import MARKUP, PLAIN, Page, media_type
from tasks.clean.extract.page_process import Raw, outcome, reader
from tasks.clean.extract.recurring_lines import line_counts, without
from tasks.clean.extract.unusable import Unusable
from tasks.clean.filters import SCORE, Filter
from tasks.clean.filters._scores import with_scores

Row = dict[str, Any]
BATCH = 1000  # documents in memory, and in a row group
PAGES, BYTES = 64, 4 << 20  # pages that go to the reader in one message: at most so many, until they are so large
PARSED, LINES, FAILURES = ".scratch/parsed", ".scratch/lines", ".scratch/failed"  # of a draft, between the passes

PAGE = pa.schema(
    [
        ("url", pa.string()),
        ("title", pa.string()),
        ("text", pa.string()),
        ("language", pa.string()),
        ("language_score", pa.float32()),
        ("languages", pa.list_(pa.string())),
        ("script", pa.string()),
        ("license", pa.string()),
        ("fetched_at", pa.timestamp("ms", tz="UTC")),
    ]
)
DOCUMENT = pa.schema([pa.field("id", pa.string()), *PAGE])
FAILED = pa.schema([("url", pa.string()), ("reason", pa.string())])


def document_id(url: str, text: str) -> str:
    """32 hexadecimal digits that stand for this text at this address."""
    return hashlib.blake2b(f"{url}\0{text}".encode(), digest_size=16).hexdigest()


def read_shard(out: Path, index: Path, folder: Path, settings: HtmlExtraction) -> Row:
    """Write the pages of one index shard, why others give none, and how often each line stands in them."""
    for part in (PARSED, LINES, FAILURES):
        (out / part).mkdir(parents=True)
    failed: list[Row] = []
    counts: list[pl.DataFrame] = []
    with pq.ParquetWriter(out / PARSED / index.name, PAGE, compression="zstd") as writer:
        group: list[Row] = []
        for page in parsed(index, folder, settings, failed):
            group.append(page)
            if len(group) == BATCH:
                counts.append(written(writer, group, settings))
                group = []
        counts.append(written(writer, group, settings))
    total = pl.concat(counts).group_by("host", "hash").agg(pl.col("pages").sum()).sort("host", "hash")
    total.write_parquet(out / LINES / index.name)
    pq.write_table(pa.Table.from_pylist(failed, FAILED), out / FAILURES / index.name)
    return {}


def written(writer: pq.ParquetWriter, group: list[Row], settings: HtmlExtraction) -> pl.DataFrame:
    """Write some pages; returns the counts of their lines."""
    table = pa.Table.from_pylist(group, PAGE)
    writer.write_table(table)
    return line_counts(pl.DataFrame(table.select(["url", "text"])) if settings.recurring.enabled else NO_TEXT)


NO_TEXT = pl.DataFrame(schema={"url": pl.String, "text": pl.String})


def score_shard(out: Path, name: str, draft: Path, filters: dict[str, Filter], lines: Path | None) -> Row:
    """Write documents/NAME and failed/NAME from what `read_shard` left in the draft; returns the shard's counts.

    `lines` is a file with the host and hash of the lines to remove.
    """
    for part in ("documents", "failed"):
        (out / part).mkdir()
    columns = DOCUMENT
    for kind in filters:
        columns = columns.append(pa.field(SCORE + kind, pa.float32()))
    recurs = pl.read_parquet(lines) if lines else None
    failed = pl.read_parquet(draft / FAILURES / name)
    counts = {"documents": 0, "characters": 0, "recurring_lines": 0}
    with (
        pq.ParquetFile(draft / PARSED / name) as pages,
        pq.ParquetWriter(out / "documents" / name, columns, compression="zstd") as writer,
    ):
        for batch in pages.iter_batches(BATCH):
            found, removed = with_less(pl.DataFrame(batch), recurs)
            ids = [document_id(url, text) for url, text in zip(found["url"], found["text"], strict=True)]
            scored = with_scores(found.insert_column(0, pl.Series("id", ids, pl.String)), filters)
            writer.write_table(scored.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(columns))
            counts["documents"] += found.height
            counts["characters"] += int(found["text"].str.len_chars().sum())
            counts["recurring_lines"] += removed
    pq.write_table(failed.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(FAILED), out / "failed" / name)
    reasons = dict(sorted(Counter(failed["reason"]).items()))
    return {"pages": counts["documents"] + failed.height, **counts, "failed": reasons}


def with_less(pages: pl.DataFrame, recurs: pl.DataFrame | None) -> tuple[pl.DataFrame, int]:
    return (pages, 0) if recurs is None else without(pages, recurs)


def parsed(index: Path, folder: Path, settings: HtmlExtraction, failed: list[Row]) -> Iterator[Row]:
    """The pages of one index shard in order; those that give no text are added to `failed`.

    Identical bytes are read once. Over shards the crawl sees to that: it writes a page that it had before as a revisit
    without a body.
    """
    found = rows(index)
    repeats = Counter(_same(row) for row in found)
    known: dict[tuple[tuple[str, str], str], Page | Unusable] = {}
    bodies = Bodies(folder)
    for group in groups(found, bodies, settings):
        asked = {
            key: raw for row, raw in group if isinstance(raw, Raw) and (key := (_same(row), raw.title)) not in known
        }
        known |= zip(asked, outcomes(list(asked.values()), settings), strict=True)
        for row, raw in group:
            result = known[_same(row), raw.title] if isinstance(raw, Raw) else raw
            if isinstance(result, Page):
                yield {"url": row["url"], "fetched_at": row["fetched_at"], **result._asdict()}
            else:
                failed.append({"url": row["url"], "reason": str(result)})
        known = {key: result for key, result in known.items() if repeats[key[0]] > 1}


def groups(found: list[Row], bodies: Bodies, settings: HtmlExtraction) -> Iterator[list[tuple[Row, Raw | Unusable]]]:
    """Rows with what was fetched, or why there is nothing, as many as go to the reader at once."""
    group: list[tuple[Row, Raw | Unusable]] = []
    weight = 0
    for row in found:
        raw = _raw(row, bodies, settings)
        group.append((row, raw))
        weight += len(raw.body) if isinstance(raw, Raw) else 0
        if len(group) == PAGES or weight >= BYTES:
            yield group
            group, weight = [], 0
    yield group


def outcomes(raws: list[Raw], settings: HtmlExtraction) -> list[Page | Unusable]:
    """What the reader makes of some pages; in this process when they may take any time."""
    if not settings.most_seconds:
        return [outcome(raw, settings) for raw in raws]
    return list(reader().outcomes(raws, settings)) if raws else []


def _same(row: Row) -> tuple[str, str]:
    return row["digest"], row["content_type"] or ""


def _raw(row: Row, bodies: Bodies, settings: HtmlExtraction) -> Raw | Unusable:
    kind = media_type(row["content_type"])
    if kind and kind not in MARKUP | PLAIN:
        return Unusable(f"media type {kind}")
    found = bodies.at(row["warc"], row["offset"], settings.most_bytes)
    return Raw(found.body, row["content_type"], found.title) if found else Unusable("no body in the WARC file")
