"""Pages out of files: one a file (HTML, text, Markdown), or one a row (JSONL, Parquet)."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
from w3lib.url import safe_url_string

from tasks.crawl.folder import modified, unreadable
from tasks.crawl.page import Page
from tasks.crawl.sizes import ShardSize
from tasks.crawl.tally import Tally
from tasks.failure import StageFailure

WHOLE = {
    ".html": "text/html",
    ".htm": "text/html",
    ".xhtml": "application/xhtml+xml",
    ".txt": "text/plain",
    ".text": "text/plain",
    ".md": "text/markdown",
    ".markdown": "text/markdown",
}
LINES = (".jsonl", ".ndjson")
TABLE = (".parquet",)
KNOWN = (*WHOLE, *LINES, *TABLE)
TITLE = "X-Textmill-Title"  # percent-encoded UTF-8: a row's title, which plain text has no other place for


class Slice(NamedTuple):
    """A part of a file: all of it, lines between two byte offsets, or Parquet row groups."""

    name: str
    start: int
    stop: int
    first: int  # number of its first row
    pages: int
    bytes: int


@dataclass(frozen=True)
class Mapping:
    """What the columns of a row mean, and how large a page may be."""

    text: str
    url: str
    title: str
    content_type: str
    url_prefix: str
    most_bytes: int


def slices(root: Path, name: str, size: ShardSize) -> Iterator[Slice]:
    """Cut a file into parts of at most `size.pages` pages. A Parquet row group stays whole."""
    path = root / name
    try:
        if path.suffix.lower() in LINES:
            yield from of_lines(path, name, size)
        elif path.suffix.lower() in TABLE:
            yield from of_row_groups(path, name, size)
        else:
            yield Slice(name, 0, 0, 0, 1, path.stat().st_size)
    except OSError as error:
        unreadable(error)


def of_lines(path: Path, name: str, size: ShardSize) -> Iterator[Slice]:
    start = stop = first = 0
    with path.open("rb") as file:
        for number, line in enumerate(file):
            if number - first >= size.pages or stop - start >= size.megabytes << 20:
                yield Slice(name, start, stop, first, number - first, stop - start)
                start, first = stop, number
            stop += len(line)
            last = number
    if stop > start:
        yield Slice(name, start, stop, first, last + 1 - first, stop - start)


def of_row_groups(path: Path, name: str, size: ShardSize) -> Iterator[Slice]:
    try:
        groups = [(group.num_rows, group.total_byte_size) for group in row_groups(path)]
    except pa.ArrowInvalid as error:
        raise StageFailure(f"{path} is not a Parquet file ({error})", "Take it out, or write it again") from error
    start = first = rows = weight = 0
    for number, (num_rows, num_bytes) in enumerate(groups):
        if rows and (rows + num_rows > size.pages or weight + num_bytes > size.megabytes << 20):
            yield Slice(name, start, number, first, rows, weight)
            start, first, rows, weight = number, first + rows, 0, 0
        rows, weight = rows + num_rows, weight + num_bytes
    if rows:
        yield Slice(name, start, len(groups), first, rows, weight)


def row_groups(path: Path) -> list[Any]:
    with pq.ParquetFile(path) as table:
        return [table.metadata.row_group(number) for number in range(table.metadata.num_row_groups)]


def grouped(parts: Iterable[Slice], size: ShardSize) -> list[list[Slice]]:
    """Slices for each shard, in their order."""
    shards: list[list[Slice]] = []
    pages = weight = 0
    for part in parts:
        if not shards or pages + part.pages > size.pages or weight + part.bytes > size.megabytes << 20:
            shards.append([])
            pages = weight = 0
        shards[-1].append(part)
        pages, weight = pages + part.pages, weight + part.bytes
    return shards


def pages(root: Path, parts: list[Slice], mapping: Mapping, tally: Tally) -> Iterator[Page]:
    """The pages of some slices; those that hold nothing or too much are counted as skipped."""
    for part in parts:
        for page in of_slice(root / part.name, part, mapping):
            if not page.body.strip():
                tally.skip("empty")
            elif len(page.body) > mapping.most_bytes:
                tally.skip("too large")
            else:
                yield page


def of_slice(path: Path, part: Slice, mapping: Mapping) -> Iterator[Page]:
    address = safe_url_string(mapping.url_prefix) + quote(part.name, errors="replace")
    fetched_at = modified(path)
    if (content_type := WHOLE.get(path.suffix.lower())) is not None:
        yield Page(address, 200, (("Content-Type", content_type),), path.read_bytes(), fetched_at)
        return
    rows = lines_of(path, part) if path.suffix.lower() in LINES else table_rows(path, part, mapping)
    for number, row in rows:
        if mapping.text not in row:
            raise StageFailure(
                f"{path} row {number + 1} has no column {mapping.text!r}, but {', '.join(map(repr, row)) or 'none'}",
                "Set crawl.source.files.text_column to the one that holds the text",
            )
        yield of_row(row, f"{address}#row-{number + 1}", fetched_at, mapping)


def of_row(row: dict[str, Any], address: str, fetched_at: int, mapping: Mapping) -> Page:
    url, title, text = row.get(mapping.url), row.get(mapping.title), row[mapping.text]
    headers = [("Content-Type", f"{mapping.content_type}; charset=utf-8")]
    if isinstance(title, str) and title:
        headers.append((TITLE, quote(title, errors="replace")))
    body = text if isinstance(text, str) else "" if text is None else json.dumps(text, ensure_ascii=False)
    # a lone surrogate, which JSON can spell and UTF-8 cannot, becomes a question mark
    return Page(
        url=safe_url_string(url) if isinstance(url, str) and url else address,
        status=200,
        headers=tuple(headers),
        body=body.encode("utf-8", "replace"),
        fetched_at=fetched_at,
    )


def lines_of(path: Path, part: Slice) -> Iterator[tuple[int, dict[str, Any]]]:
    """JSON objects with the number of their line."""
    with path.open("rb") as file:
        file.seek(part.start)
        for number in range(part.first, part.first + part.pages):
            line = file.readline()
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                raise StageFailure(f"{path} line {number + 1} is not JSON ({error})", "Correct the line") from error
            if not isinstance(row, dict):
                raise StageFailure(f"{path} line {number + 1} is not a JSON object", 'Write it as {"text": …}')
            yield number, row


def table_rows(path: Path, part: Slice, mapping: Mapping) -> Iterator[tuple[int, dict[str, Any]]]:
    """Rows of some row groups, only the columns that are mapped."""
    number = part.first
    with pq.ParquetFile(path) as table:
        names = table.schema_arrow.names
        asked = [name for name in (mapping.text, mapping.url, mapping.title) if name in names]
        columns = asked if mapping.text in asked else names[:0] or names
        for batch in table.iter_batches(256, row_groups=list(range(part.start, part.stop)), columns=columns):
            for row in batch.to_pylist():
                yield number, row
                number += 1
