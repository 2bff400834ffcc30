"""From one shard of pages to one shard of documents with every filter's score.

In two passes, because the lines that recur over the pages of a host are only known when all pages are read:
`read_shard` reads the pages and counts their lines, `score_shard` removes recurring lines and scores the rest.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.clean.extract.crawl_reader import BodyReader, load_page_rows
from tasks.clean.extract.html.markup import HtmlExtraction
from tasks.clean.extract.page import MARKUP_TYPES, PLAIN_TYPES, ExtractedPage
from tasks.clean.extract.page_process import FetchedPage, PageResult, get_reader, try_extract_page
from tasks.clean.extract.recurring_lines import count_lines, remove_lines
from tasks.clean.extract.undecided import UndecidedPages, load_undecided
from tasks.clean.extract.unusable import UndecidedPage, UnusablePage
from tasks.clean.filters import SCORE_PREFIX, Filter
from tasks.clean.filters._scores import add_scores
from tasks.runtime.media_type import parse_media_type
from tasks.runtime.parquet_files import read_parquet

Row = dict[str, Any]
BATCH_DOCUMENTS = 1000  # documents in memory, and in a row group
MAX_BATCH_PAGES, MAX_BATCH_BYTES = 64, 4 << 20  # of pages that go to the page process in one message
# folders in a draft for what the first pass hands to the second
PARSED_FOLDER, LINES_FOLDER, FAILURES_FOLDER = ".scratch/parsed", ".scratch/lines", ".scratch/failed"

PAGE_SCHEMA = pa.schema(
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
DOCUMENT_SCHEMA = pa.schema([pa.field("id", pa.string()), *PAGE_SCHEMA])
FAILED_SCHEMA = pa.schema([("url", pa.string()), ("reason", pa.string())])
NO_PAGES = pl.DataFrame(schema={"url": pl.String, "text": pl.String})


def make_document_id(url: str, text: str) -> str:
    """Return 32 hexadecimal digits that identify this text at this address."""
    return hashlib.blake2b(f"{url}\0{text}".encode(), digest_size=16).hexdigest()


def read_shard(out: Path, index: Path, folder: Path, settings: HtmlExtraction, previous: Path | None = None) -> Row:
    """Write the pages of one index shard, the reasons of failed pages, and on how many pages each line is.

    `previous` is an artifact of the same key in which pages were undecided.
    """
    for part in (PARSED_FOLDER, LINES_FOLDER, FAILURES_FOLDER):
        (out / part).mkdir(parents=True)
    failed: list[Row] = []
    undecided = UndecidedPages(load_undecided(previous, index.name))
    counts: list[pl.DataFrame] = []
    with pq.ParquetWriter(out / PARSED_FOLDER / index.name, PAGE_SCHEMA, compression="zstd") as writer:
        batch: list[Row] = []
        for page in parse_pages(index, folder, settings, failed, undecided):
            batch.append(page)
            if len(batch) == BATCH_DOCUMENTS:
                counts.append(write_batch(writer, batch, settings))
                batch = []
        counts.append(write_batch(writer, batch, settings))
    total = pl.concat(counts).group_by("host", "hash").agg(pl.col("pages").sum()).sort("host", "hash")
    total.write_parquet(out / LINES_FOLDER / index.name)
    pq.write_table(pa.Table.from_pylist(failed, FAILED_SCHEMA), out / FAILURES_FOLDER / index.name)
    undecided.write(out, index.name)
    return {}


def write_batch(writer: pq.ParquetWriter, pages: list[Row], settings: HtmlExtraction) -> pl.DataFrame:
    """Write some pages; return the counts of their lines."""
    table = pa.Table.from_pylist(pages, PAGE_SCHEMA)
    writer.write_table(table)
    return count_lines(pl.DataFrame(table.select(["url", "text"])) if settings.recurring_lines.enabled else NO_PAGES)


def score_shard(out: Path, name: str, draft: Path, filters: dict[str, Filter], lines: Path | None) -> Row:
    """Write documents/NAME and failed/NAME from the files that `read_shard` wrote; return the shard's counts.

    `lines` is a file with the host and hash of the lines to remove, or None.
    """
    for part in ("documents", "failed"):
        (out / part).mkdir()
    columns = DOCUMENT_SCHEMA
    for kind in filters:
        columns = columns.append(pa.field(SCORE_PREFIX + kind, pa.float32()))
    recurring = read_parquet(lines) if lines else None
    failed = read_parquet(draft / FAILURES_FOLDER / name)
    counts = {"documents": 0, "characters": 0, "recurring_lines": 0}
    with (
        pq.ParquetFile(draft / PARSED_FOLDER / name) as pages,
        pq.ParquetWriter(out / "documents" / name, columns, compression="zstd") as writer,
    ):
        for batch in pages.iter_batches(BATCH_DOCUMENTS):
            documents, removed = drop_recurring_lines(pl.DataFrame(batch), recurring)
            ids = [make_document_id(url, text) for url, text in zip(documents["url"], documents["text"], strict=True)]
            scored = add_scores(documents.insert_column(0, pl.Series("id", ids, pl.String)), filters)
            writer.write_table(scored.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(columns))
            counts["documents"] += documents.height
            counts["characters"] += int(documents["text"].str.len_chars().sum())
            counts["recurring_lines"] += removed
    pq.write_table(failed.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(FAILED_SCHEMA), out / "failed" / name)
    reasons = dict(sorted(Counter(failed["reason"]).items()))
    return {"pages": counts["documents"] + failed.height, **counts, "failed": reasons}


def drop_recurring_lines(pages: pl.DataFrame, recurring: pl.DataFrame | None) -> tuple[pl.DataFrame, int]:
    """Return the pages without the recurring lines, and how many lines were removed."""
    return (pages, 0) if recurring is None else remove_lines(pages, recurring)


def parse_pages(
    index: Path, folder: Path, settings: HtmlExtraction, failed: list[Row], undecided: UndecidedPages
) -> Iterator[Row]:
    """Yield the pages of one index shard in order; add those that give no text to `failed`, and some to `undecided`.

    Identical bytes are parsed once. Across shards the crawl does the same: it writes a page that it has already stored
    as a revisit without a body.
    """
    rows = load_page_rows(index)
    num_uses = Counter(_content_key(row) for row in rows)
    results: dict[tuple[tuple[str, str], str], PageResult] = {}
    bodies = BodyReader(folder)
    for batch in batch_pages(rows, bodies, settings):
        # the title counts too: rows of a table may have equal bodies under different titles
        new_pages = {
            key: fetched
            for row, fetched in batch
            if isinstance(fetched, FetchedPage) and (key := (_content_key(row), fetched.title)) not in results
        }
        results |= zip(new_pages, extract_batch(list(new_pages.values()), settings), strict=True)
        for row, fetched in batch:
            result = results[_content_key(row), fetched.title] if isinstance(fetched, FetchedPage) else fetched
            if isinstance(result, ExtractedPage):
                yield {"url": row["url"], "fetched_at": row["fetched_at"], **result._asdict()}
            else:
                reason = undecided.add(row["url"], result) if isinstance(result, UndecidedPage) else str(result)
                failed.append({"url": row["url"], "reason": reason})
        # only what is used more than once is kept, or the memory would hold the whole shard
        results = {key: result for key, result in results.items() if num_uses[key[0]] > 1}


def batch_pages(
    rows: list[Row], bodies: BodyReader, settings: HtmlExtraction
) -> Iterator[list[tuple[Row, FetchedPage | UnusablePage]]]:
    """Yield rows with their fetched page, or the reason why there is none, in batches for one message."""
    batch: list[tuple[Row, FetchedPage | UnusablePage]] = []
    num_bytes = 0
    for row in rows:
        fetched = _read_page(row, bodies, settings)
        batch.append((row, fetched))
        num_bytes += len(fetched.body) if isinstance(fetched, FetchedPage) else 0
        if len(batch) == MAX_BATCH_PAGES or num_bytes >= MAX_BATCH_BYTES:
            yield batch
            batch, num_bytes = [], 0
    # the last batch, which may be empty
    yield batch


def extract_batch(pages: list[FetchedPage], settings: HtmlExtraction) -> list[PageResult]:
    """Extract some pages in the page process; in this process when there is no limit of time."""
    if not settings.timeout_seconds:
        return [try_extract_page(page, settings) for page in pages]
    return get_reader().read_pages(pages, settings) if pages else []


def _content_key(row: Row) -> tuple[str, str]:
    """Return the values that are equal for pages of identical bytes."""
    return row["digest"], row["content_type"] or ""


def _read_page(row: Row, bodies: BodyReader, settings: HtmlExtraction) -> FetchedPage | UnusablePage:
    """Read one page from the WARC file, unless its type tells that it has no text."""
    kind = parse_media_type(row["content_type"])
    if kind and kind not in MARKUP_TYPES | PLAIN_TYPES:
        return UnusablePage(f"media type {kind}")
    body = bodies.read_body(row["warc"], row["offset"], settings.max_bytes)
    if body is None:
        return UnusablePage("no body in the WARC file")
    return FetchedPage(body.body, row["content_type"], body.title)
