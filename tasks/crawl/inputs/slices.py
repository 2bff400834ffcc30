"""Files cut into parts for shards: one stage must not hang on one worker because its input is one large file."""

from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.crawl.counters import Tally
from tasks.crawl.inputs.folder import joined, opened
from tasks.crawl.inputs.packing import PACKED, bare
from tasks.crawl.inputs.remote import is_remote
from tasks.crawl.inputs.rows import BROKEN_FILE, Columns, refuse
from tasks.crawl.sizes import ShardSize

LINES, SEPARATED, PARQUET = (".jsonl", ".ndjson"), (".csv", ".tsv"), (".parquet",)
TABLES = (*LINES, *SEPARATED, *PARQUET)
# A line of JSON may spell each byte of its text with several, and holds other columns too.
LINE = 8


class Slice(NamedTuple):
    """A part of a file: lines from a byte offset on, Parquet row groups, or all of it."""

    name: str
    start: int  # byte offset, or number of the first row group
    stop: int | None  # the first row group that is not meant
    first: int  # number of its first row
    rows: int | None  # None: as many as there are
    bytes: int


def slices(root: str, name: str, size: ShardSize, columns: Columns, tally: Tally) -> Iterator[Slice]:
    """Cut a file into parts of at most `size.pages` rows. A Parquet row group stays whole.

    So does what cannot be entered in the middle (packed lines, quoted fields with line breaks), and what would have to
    be downloaded twice: then a file is a shard.
    """
    path, kind = joined(root, name), bare(name.lower())
    if kind.endswith(PARQUET):
        yield from of_row_groups(path, name, size, columns, tally)
    elif kind.endswith(LINES) and not is_remote(path) and not name.lower().endswith(PACKED):
        yield from of_lines(path, name, size, columns)
    else:
        yield Slice(name, 0, None, 0, None if kind.endswith(TABLES) else 1, 0)


def of_lines(path: str, name: str, size: ShardSize, columns: Columns) -> Iterator[Slice]:
    start = stop = first = 0
    number = -1
    with opened(path) as file:
        for number, (_, length) in enumerate(limited_lines(file, columns.most_bytes)):
            if number - first >= size.pages or stop - start >= size.megabytes << 20:
                yield Slice(name, start, None, first, number - first, stop - start)
                start, first = stop, number
            stop += length
    if stop > start:
        yield Slice(name, start, None, first, number + 1 - first, stop - start)


def limited_lines(stream: BinaryIO, most_bytes: int) -> Iterator[tuple[bytes | None, int]]:
    """Lines with their lengths; None for one that no page of `most_bytes` can come out of: it may be gigabytes."""
    most = LINE * most_bytes + (1 << 20)
    while line := stream.readline(most):
        length = len(line)
        if length < most or line.endswith(b"\n"):
            yield line, length
            continue
        while line and not line.endswith(b"\n"):
            line = stream.readline(most)
            length += len(line)
        yield None, length


def of_row_groups(path: str, name: str, size: ShardSize, columns: Columns, tally: Tally) -> Iterator[Slice]:
    try:
        groups = [(group.num_rows, group.total_byte_size) for group in row_groups(path)]
    except (pa.ArrowException, OSError) as error:
        refuse(columns, tally, f"{path} is not a Parquet file ({error})", "Take it out or write it again", BROKEN_FILE)
        return
    start = first = rows = weight = 0
    for number, (num_rows, num_bytes) in enumerate(groups):
        if rows and (rows + num_rows > size.pages or weight + num_bytes > size.megabytes << 20):
            yield Slice(name, start, number, first, rows, weight)
            start, first, rows, weight = number, first + rows, 0, 0
        rows, weight = rows + num_rows, weight + num_bytes
    if rows:
        yield Slice(name, start, len(groups), first, rows, weight)


def row_groups(path: str) -> list[Any]:
    with opened(path) as file, pq.ParquetFile(file) as table:
        return [table.metadata.row_group(number) for number in range(table.metadata.num_row_groups)]


def grouped(parts: Iterable[Slice], size: ShardSize) -> list[list[Slice]]:
    """Slices for each shard, in their order; a file of unknown length has a shard of its own."""
    shards: list[list[Slice]] = []
    rows = weight = 0
    for part in parts:
        num_rows = size.pages if part.rows is None else part.rows
        if not shards or rows + num_rows > size.pages or weight + part.bytes > size.megabytes << 20:
            shards.append([])
            rows = weight = 0
        shards[-1].append(part)
        rows, weight = rows + num_rows, weight + part.bytes
    return shards
