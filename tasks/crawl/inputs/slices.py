"""Files cut into parts for shards: one stage must not hang on one worker because its input is one large file."""

from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.crawl.counters import Tally
from tasks.crawl.inputs.folder import join_path, open_file
from tasks.crawl.inputs.packing import PACKED_SUFFIXES, strip_packed_suffix
from tasks.crawl.inputs.remote import is_remote
from tasks.crawl.inputs.rows import BROKEN_FILE, Columns, fail_or_count
from tasks.crawl.sizes import ShardSize

LINE_SUFFIXES, SEPARATED_SUFFIXES, PARQUET_SUFFIXES = (".jsonl", ".ndjson"), (".csv", ".tsv"), (".parquet",)
TABLE_SUFFIXES = (*LINE_SUFFIXES, *SEPARATED_SUFFIXES, *PARQUET_SUFFIXES)
# A line of JSON may spell each byte of its text with several, and holds other columns too.
MAX_LINE_FACTOR = 8


class FileSlice(NamedTuple):
    """A part of a file: lines from a byte offset on, Parquet row groups, or all of it."""

    name: str
    start: int  # byte offset, or number of the first row group
    stop: int | None  # the first row group that is not meant
    first: int  # number of its first row
    rows: int | None  # None: as many as there are
    bytes: int


def split_file(root: str, name: str, size: ShardSize, columns: Columns, tally: Tally) -> Iterator[FileSlice]:
    """Cut a file into parts of at most `size.pages` rows. A Parquet row group stays whole.

    So does what cannot be entered in the middle (packed lines, quoted fields with line breaks), and what would have to
    be downloaded twice: then a file is a shard.
    """
    path, kind = join_path(root, name), strip_packed_suffix(name.lower())
    if kind.endswith(PARQUET_SUFFIXES):
        yield from split_row_groups(path, name, size, columns, tally)
    elif kind.endswith(LINE_SUFFIXES) and not is_remote(path) and not name.lower().endswith(PACKED_SUFFIXES):
        yield from split_lines(path, name, size, columns)
    else:
        yield FileSlice(name, 0, None, 0, None if kind.endswith(TABLE_SUFFIXES) else 1, 0)


def split_lines(path: str, name: str, size: ShardSize, columns: Columns) -> Iterator[FileSlice]:
    start = stop = first = 0
    number = -1
    with open_file(path) as file:
        for number, (_, length) in enumerate(read_limited_lines(file, columns.most_bytes)):
            if number - first >= size.pages or stop - start >= size.megabytes << 20:
                yield FileSlice(name, start, None, first, number - first, stop - start)
                start, first = stop, number
            stop += length
    if stop > start:
        yield FileSlice(name, start, None, first, number + 1 - first, stop - start)


def read_limited_lines(stream: BinaryIO, most_bytes: int) -> Iterator[tuple[bytes | None, int]]:
    """Lines with their lengths; None for one that no page of `most_bytes` can come out of: it may be gigabytes."""
    most = MAX_LINE_FACTOR * most_bytes + (1 << 20)
    while line := stream.readline(most):
        length = len(line)
        if length < most or line.endswith(b"\n"):
            yield line, length
            continue
        while line and not line.endswith(b"\n"):
            line = stream.readline(most)
            length += len(line)
        yield None, length


def split_row_groups(path: str, name: str, size: ShardSize, columns: Columns, tally: Tally) -> Iterator[FileSlice]:
    try:
        groups = [(group.num_rows, group.total_byte_size) for group in read_row_groups(path)]
    except (pa.ArrowException, OSError) as error:
        fail_or_count(
            columns, tally, f"{path} is not a Parquet file ({error})", "Take it out or write it again", BROKEN_FILE
        )
        return
    start = first = rows = weight = 0
    for number, (num_rows, num_bytes) in enumerate(groups):
        if rows and (rows + num_rows > size.pages or weight + num_bytes > size.megabytes << 20):
            yield FileSlice(name, start, number, first, rows, weight)
            start, first, rows, weight = number, first + rows, 0, 0
        rows, weight = rows + num_rows, weight + num_bytes
    if rows:
        yield FileSlice(name, start, len(groups), first, rows, weight)


def read_row_groups(path: str) -> list[Any]:
    with open_file(path) as file, pq.ParquetFile(file) as table:
        return [table.metadata.row_group(number) for number in range(table.metadata.num_row_groups)]


def group_slices(parts: Iterable[FileSlice], size: ShardSize) -> list[list[FileSlice]]:
    """Slices for each shard, in their order; a file of unknown length has a shard of its own."""
    shards: list[list[FileSlice]] = []
    rows = weight = 0
    for part in parts:
        num_rows = size.pages if part.rows is None else part.rows
        if not shards or rows + num_rows > size.pages or weight + part.bytes > size.megabytes << 20:
            shards.append([])
            rows = weight = 0
        shards[-1].append(part)
        rows, weight = rows + num_rows, weight + part.bytes
    return shards
