"""Read pages out of files: a file is one page (HTML, text, Markdown) or a table with one page a row."""

import io
import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO
from urllib.parse import quote

from w3lib.url import safe_url_string

from tasks.crawl.counters import Tally
from tasks.crawl.inputs.folder import (
    UNREADABLE_FILE,
    encode_name,
    format_path,
    get_modified_ms,
    join_path,
    open_file,
)
from tasks.crawl.inputs.packing import PACKED_SUFFIXES, DamagedData, get_members, open_unpacked, strip_packed_suffix
from tasks.crawl.inputs.rows import BROKEN_FILE, Columns, check_size, convert_row, fail_or_count
from tasks.crawl.inputs.separated_values import read_separated_rows
from tasks.crawl.inputs.slices import LINE_SUFFIXES, PARQUET_SUFFIXES, TABLE_SUFFIXES, FileSlice
from tasks.crawl.inputs.tables import NumberedRows, read_json_rows, read_parquet_rows
from tasks.crawl.page import CrawledPage
from tasks.errors import StageFailure, Transient
from tasks.input_files.utf8_stream import UTF_8, Utf8Reader

log = logging.getLogger("textmill.crawl")

TABLE_BUFFER_BYTES = 1 << 16
REPLACED = "replacement characters"  # a flaw of pages: bytes that the encoding of their table does not know
REPLACEMENT_CHARACTER = "\ufffd".encode()
SINGLE_PAGE_TYPES = {
    ".html": "text/html",
    ".htm": "text/html",
    ".xhtml": "application/xhtml+xml",
    ".txt": "text/plain",
    ".text": "text/plain",
    ".md": "text/markdown",
    ".markdown": "text/markdown",
}
KNOWN_SUFFIXES = (*SINGLE_PAGE_TYPES, *TABLE_SUFFIXES)  # all but Parquet, which packs by itself, also as .gz and .zst


def select_readable(names: list[str]) -> list[str]:
    """Return the names of files whose kind is known."""
    return [name for name in names if strip_packed_suffix(name.lower()).endswith(KNOWN_SUFFIXES)]


def read_pages(
    root: str, slices: list[FileSlice], columns: Columns, url_prefix: str, tally: Tally
) -> Iterator[CrawledPage]:
    """Yield the pages of file slices; empty, too large and broken ones are counted.

    Raises StageFailure for broken ones unless the settings skip them.
    """
    for file_slice in slices:
        path = join_path(root, file_slice.name)
        try:
            for page in read_slice(path, file_slice, build_url(url_prefix, root, file_slice.name), columns, tally):
                tally.count_flaws(page.flaws)
                yield page
        except DamagedData as error:
            message = f"{format_path(path)} cannot be unpacked: {error}"
            fail_or_count(columns, tally, message, "Get it again", BROKEN_FILE)
        # a disk or a network file system that fails, or a file that was taken away since the folder was listed
        except StageFailure as error:
            if not columns.skip_broken or isinstance(error, Transient):
                raise
            log.warning("%s is left out: %s", format_path(path), error.what)
            tally.count_skipped(UNREADABLE_FILE)
        except OSError as error:
            message = f"{format_path(path)} cannot be read ({error.strerror or error})"
            fail_or_count(columns, tally, message, "Check the disk that it lies on", UNREADABLE_FILE)


def is_single_page(name: str) -> bool:
    """Return whether a file is one page, and not a table of pages."""
    return strip_packed_suffix(name.lower()).endswith(tuple(SINGLE_PAGE_TYPES))


def build_url(url_prefix: str, root: str, name: str) -> str:
    """Return the URL of a file's page, or the start of the URLs of a table's rows."""
    url = safe_url_string(url_prefix) + quote(encode_name(root, name))
    return strip_packed_suffix(url) if is_single_page(name) else url


def read_slice(path: str, file_slice: FileSlice, url: str, columns: Columns, tally: Tally) -> Iterator[CrawledPage]:
    # the date of the file stands for the time of fetching
    fetched_at = get_modified_ms(path)
    source = format_path(path)
    with open_file(path) as file:
        stream = unpack_by_name(path, file)
        suffix = "." + strip_packed_suffix(path.lower()).rpartition(".")[2]
        if (media_type := SINGLE_PAGE_TYPES.get(suffix)) is not None:
            content_type = f"{media_type}; charset={columns.encoding}" if columns.encoding else media_type
            # one byte more than allowed shows that the page is too large, without reading all of it
            body = stream.read(columns.max_bytes + 1)
            page = CrawledPage(url, 200, (("Content-Type", content_type),), body, fetched_at)
            if check_size(page, columns.max_bytes, tally):
                yield page
            return
        reader = (
            Utf8Reader(stream, columns.encoding) if suffix not in PARQUET_SUFFIXES and not file_slice.start else None
        )
        text_stream = stream if reader is None else io.BufferedReader(reader, TABLE_BUFFER_BYTES)
        for number, row in read_rows(text_stream, source, suffix, file_slice, columns, tally):
            if row_page := convert_row(row, number, source, url, fetched_at, columns, tally):
                yield row_page if reader is None else note_encoding(row_page, reader.encoding)
        if reader is not None and reader.encoding not in ("", UTF_8):
            log.info("%s is read as %s", source, reader.encoding)


def note_encoding(page: CrawledPage, encoding: str) -> CrawledPage:
    """Return a row's page with what its encoding did to it as flaws, so that the summary tells it."""
    guessed = () if encoding in ("", UTF_8) else (f"read as {encoding}",)
    broken = (REPLACED,) if REPLACEMENT_CHARACTER in page.body else ()
    return replace(page, flaws=(*guessed, *broken)) if guessed or broken else page


def unpack_by_name(path: str, file: BinaryIO) -> BinaryIO:
    """Return a file's stream, unpacked if its name says that it is packed. Raises DamagedData when it is not."""
    if not path.lower().endswith(PACKED_SUFFIXES):
        return file
    stream = open_unpacked(file)
    # an empty file is not taken for damage
    if get_members(stream) is None and stream.peek(1):
        raise DamagedData("its name says that it is packed, and it is not")
    return stream


def read_rows(
    stream: BinaryIO, source: str, suffix: str, file_slice: FileSlice, columns: Columns, tally: Tally
) -> NumberedRows:
    if suffix in LINE_SUFFIXES:
        return read_json_rows(stream, source, file_slice, columns, tally)
    if suffix in PARQUET_SUFFIXES:
        return read_parquet_rows(stream, source, file_slice, columns, tally)
    return read_separated_rows(stream, source, "," if suffix == ".csv" else "\t", columns, tally)
