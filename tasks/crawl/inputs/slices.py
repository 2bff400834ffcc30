"""Split files into slices for shards: otherwise one large file would keep one worker busy and the others idle."""

import logging
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.crawl.counters import Tally
from tasks.crawl.inputs.folder import UNREADABLE_FILE, UnreadableSource, join_path, open_file
from tasks.crawl.inputs.packing import PACKED_SUFFIXES, strip_packed_suffix
from tasks.crawl.inputs.remote import is_remote
from tasks.crawl.inputs.rows import BROKEN_FILE, EMPTY, Columns, fail_or_count
from tasks.crawl.sizes import ShardSize
from tasks.input_files.utf8_stream import UTF_8, find_encoding

log = logging.getLogger("textmill.crawl")

LINE_SUFFIXES, SEPARATED_SUFFIXES, PARQUET_SUFFIXES = (".jsonl", ".ndjson"), (".csv", ".tsv"), (".parquet",)
TABLE_SUFFIXES = (*LINE_SUFFIXES, *SEPARATED_SUFFIXES, *PARQUET_SUFFIXES)
# A line may be this many times as long as a page: JSON may spell a byte of text with several, and the line holds other
# columns too.
MAX_LINE_FACTOR = 8


def is_table(name: str) -> bool:
    """Return whether the name of a file, packed or not, is that of a table of pages."""
    return strip_packed_suffix(name.lower()).endswith(TABLE_SUFFIXES)


class FileSlice(NamedTuple):
    """A part of a file: lines from a byte offset on, Parquet row groups, or all of it."""

    name: str
    start: int  # byte offset, or index of the first row group
    stop: int | None  # index behind the last row group
    first_row: int  # number in the file of the slice's first row
    rows: int | None  # None: all to the end of the file
    bytes: int


def split_file(root: str, name: str, size: ShardSize, columns: Columns, tally: Tally) -> Iterator[FileSlice]:
    """Split a file into slices of at most `size.max_pages` rows. A Parquet row group is not split.

    Nor is a file that cannot be entered in the middle (packed lines, quoted fields with line breaks, another encoding
    than UTF-8), or that would have to be downloaded twice: it is a shard of its own.
    """
    try:
        yield from list_slices(root, name, size, columns, tally)
    except UnreadableSource as error:  # it was taken away since the folder was listed
        if not columns.skip_broken:
            raise
        log.warning("%s", error.what)
        tally.count_skipped(UNREADABLE_FILE)


def list_slices(root: str, name: str, size: ShardSize, columns: Columns, tally: Tally) -> Iterator[FileSlice]:
    path, bare_name = join_path(root, name), strip_packed_suffix(name.lower())
    if bare_name.endswith(PARQUET_SUFFIXES):
        yield from split_row_groups(path, name, size, columns, tally)
    elif bare_name.endswith(LINE_SUFFIXES) and not is_remote(path) and not name.lower().endswith(PACKED_SUFFIXES):
        yield from split_lines(path, name, size, columns, tally)
    else:
        yield FileSlice(name, 0, None, 0, None if bare_name.endswith(TABLE_SUFFIXES) else 1, 0)


def split_lines(path: str, name: str, size: ShardSize, columns: Columns, tally: Tally) -> Iterator[FileSlice]:
    start = stop = first_row = 0
    number = -1
    with open_file(path) as file:
        if (columns.encoding or find_encoding(file)) != UTF_8:
            yield FileSlice(name, 0, None, 0, None, 0)
            return
        file.seek(0)
        for number, (_, length) in enumerate(read_limited_lines(file, columns.max_bytes)):
            # before the line is added: a slice never has more than max_pages lines
            if number - first_row >= size.max_pages or stop - start >= size.max_megabytes << 20:
                yield FileSlice(name, start, None, first_row, number - first_row, stop - start)
                start, first_row = stop, number
            stop += length
    if stop > start:
        yield FileSlice(name, start, None, first_row, number + 1 - first_row, stop - start)
    if not stop:
        tally.count_skipped(EMPTY)


def read_limited_lines(stream: BinaryIO, max_bytes: int) -> Iterator[tuple[bytes | None, int]]:
    """Yield lines with their lengths; None for a line too long for a page of `max_bytes`: it may be gigabytes long."""
    max_line = MAX_LINE_FACTOR * max_bytes + (1 << 20)
    while line := stream.readline(max_line):
        length = len(line)
        if length < max_line or line.endswith(b"\n"):
            yield line, length
            continue
        # the slice that follows begins at a byte offset, so the length has to be exact
        while line and not line.endswith(b"\n"):  # read past the rest without keeping it
            line = stream.readline(max_line)
            length += len(line)
        yield None, length


def split_row_groups(path: str, name: str, size: ShardSize, columns: Columns, tally: Tally) -> Iterator[FileSlice]:
    try:
        groups = [(group.num_rows, group.total_byte_size) for group in read_row_groups(path)]
    except (pa.ArrowException, OSError) as error:
        message = f"{path} is not a Parquet file ({error})"
        fail_or_count(columns, tally, message, "Take it out or write it again", BROKEN_FILE)
        return
    start = first_row = rows = num_bytes = 0
    for number, (group_rows, group_bytes) in enumerate(groups):
        if rows and (rows + group_rows > size.max_pages or num_bytes + group_bytes > size.max_megabytes << 20):
            yield FileSlice(name, start, number, first_row, rows, num_bytes)
            start, first_row, rows, num_bytes = number, first_row + rows, 0, 0
        rows, num_bytes = rows + group_rows, num_bytes + group_bytes
    if rows:
        yield FileSlice(name, start, len(groups), first_row, rows, num_bytes)
    elif not first_row:
        tally.count_skipped(EMPTY)


def read_row_groups(path: str) -> list[Any]:
    with open_file(path) as file, pq.ParquetFile(file) as table:
        return [table.metadata.row_group(number) for number in range(table.metadata.num_row_groups)]


def group_slices(slices: Iterable[FileSlice], size: ShardSize) -> list[list[FileSlice]]:
    """Group slices into shards, in their order; a file of unknown length has a shard of its own."""
    shards: list[list[FileSlice]] = []
    rows = num_bytes = 0
    for file_slice in slices:
        # as many as a shard may have, so that no other slice joins it
        slice_rows = size.max_pages if file_slice.rows is None else file_slice.rows
        is_full = rows + slice_rows > size.max_pages or num_bytes + file_slice.bytes > size.max_megabytes << 20
        if not shards or is_full:
            shards.append([])
            rows = num_bytes = 0
        shards[-1].append(file_slice)
        rows, num_bytes = rows + slice_rows, num_bytes + file_slice.bytes
    return shards
