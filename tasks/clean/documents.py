"""One shard of pages to one shard of documents, with every filter's score."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.clean.filters import SCORE, Filter
from tasks.clean.page import MARKUP, PLAIN, Extract, Page, Unusable, media_type, page
from tasks.clean.pages import Bodies, rows

Row = dict[str, Any]
BATCH = 1000  # documents in memory, and in a row group

DOCUMENT = pa.schema(
    [
        ("id", pa.string()),
        ("url", pa.string()),
        ("title", pa.string()),
        ("text", pa.string()),
        ("language", pa.string()),
        ("language_score", pa.float32()),
        ("script", pa.string()),
        ("license", pa.string()),
        ("fetched_at", pa.timestamp("ms", tz="UTC")),
    ]
)
FAILED = pa.schema([("url", pa.string()), ("reason", pa.string())])


def document_id(url: str, text: str) -> str:
    """32 hexadecimal digits that stand for this text at this address."""
    return hashlib.blake2b(f"{url}\0{text}".encode(), digest_size=16).hexdigest()


def extract_shard(out: Path, index: Path, folder: Path, settings: Extract, filters: dict[str, Filter]) -> Row:
    """Write documents/NAME and failed/NAME for one index shard; return its counts."""
    counts: Row = {"pages": 0, "documents": 0, "characters": 0, "failed": Counter()}
    failed: list[Row] = []
    for part in ("documents", "failed"):
        (out / part).mkdir()
    columns = DOCUMENT
    for kind in filters:
        columns = columns.append(pa.field(SCORE + kind, pa.float32()))
    with pq.ParquetWriter(out / "documents" / index.name, columns, compression="zstd") as writer:
        found = documents(index, folder, settings, failed)
        while group := list(islice(found, BATCH)):
            scored = with_scores(pl.DataFrame(pa.Table.from_pylist(group, DOCUMENT)), filters)
            writer.write_table(scored.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(columns))
            counts["documents"] += len(group)
            counts["characters"] += sum(len(document["text"]) for document in group)
    pq.write_table(pa.Table.from_pylist(failed, FAILED), out / "failed" / index.name, compression="zstd")
    counts["failed"] = dict(sorted(Counter(row["reason"] for row in failed).items()))
    counts["pages"] = counts["documents"] + len(failed)
    return counts


def with_scores(documents: pl.DataFrame, filters: dict[str, Filter]) -> pl.DataFrame:
    """One float32 column per filter. Lazy, because only then does polars compute shared expressions once."""
    scores = [block.score().cast(pl.Float32).alias(SCORE + kind) for kind, block in filters.items()]
    return documents.lazy().with_columns(scores).collect()


def documents(index: Path, folder: Path, settings: Extract, failed: list[Row]) -> Iterator[Row]:
    """The documents of one index shard in order; pages that give none are added to `failed`."""
    found = rows(index)
    repeats = Counter(_same(row) for row in found)
    parsed: dict[tuple[str, str], Page | Unusable] = {}
    bodies = Bodies(folder)
    for row in found:
        outcome = parsed.get(_same(row)) or _outcome(row, bodies, settings)
        if repeats[_same(row)] > 1:  # identical bytes are parsed once, and kept only if they come again
            parsed[_same(row)] = outcome
        if isinstance(outcome, Unusable):
            failed.append({"url": row["url"], "reason": str(outcome)})
        else:
            yield {
                "id": document_id(row["url"], outcome.text),
                "url": row["url"],
                "fetched_at": row["fetched_at"],
                **outcome._asdict(),
            }


def _same(row: Row) -> tuple[str, str]:
    return row["digest"], row["content_type"] or ""


def _outcome(row: Row, bodies: Bodies, settings: Extract) -> Page | Unusable:
    kind = media_type(row["content_type"])
    if kind and kind not in MARKUP | PLAIN:
        return Unusable(f"media type {kind}")
    body = bodies.at(row["warc"], row["offset"], settings.most_bytes)
    if body is None:
        return Unusable("no body in the WARC file")
    try:
        return page(body, row["content_type"], settings)
    except Unusable as reason:
        return reason
    except Exception as error:  # noqa: BLE001  one strange page must not lose the shard; it is counted and named
        return Unusable(f"error {type(error).__name__}")
