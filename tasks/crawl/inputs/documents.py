"""Pages out of files: one a file (HTML, text, Markdown), or one a row of a table."""

from collections.abc import Iterator
from typing import BinaryIO
from urllib.parse import quote

from w3lib.url import safe_url_string

from tasks.crawl.counters import Tally
from tasks.crawl.inputs.folder import joined, modified, opened
from tasks.crawl.inputs.packing import PACKED, Damaged, bare, members_of, unpacked
from tasks.crawl.inputs.rows import BROKEN_FILE, Columns, fitting, of_row, refuse
from tasks.crawl.inputs.slices import LINES, PARQUET, TABLES, Slice
from tasks.crawl.inputs.tables import Numbered, json_rows, parquet_rows, separated_rows
from tasks.crawl.page import Page

WHOLE = {
    ".html": "text/html",
    ".htm": "text/html",
    ".xhtml": "application/xhtml+xml",
    ".txt": "text/plain",
    ".text": "text/plain",
    ".md": "text/markdown",
    ".markdown": "text/markdown",
}
KNOWN = (*WHOLE, *TABLES)  # all but Parquet, which packs by itself, also as .gz and .zst


def readable(names: list[str]) -> list[str]:
    """Those whose kind is known."""
    return [name for name in names if bare(name.lower()).endswith(KNOWN)]


def pages(root: str, parts: list[Slice], columns: Columns, url_prefix: str, tally: Tally) -> Iterator[Page]:
    """The pages of some slices; what holds nothing, too much, or is broken and may be skipped, is counted."""
    for part in parts:
        path = joined(root, part.name)
        try:
            yield from of_slice(path, part, url_of(url_prefix, part.name), columns, tally)
        except Damaged as error:
            refuse(columns, tally, f"{path} cannot be unpacked: {error}", "Get it again", BROKEN_FILE)


def is_whole(name: str) -> bool:
    """Whether a file is a page, and no table of them."""
    return bare(name.lower()).endswith(tuple(WHOLE))


def url_of(url_prefix: str, name: str) -> str:
    """The URL of a file's page, or what the URLs of a table's rows begin with."""
    url = safe_url_string(url_prefix) + quote(name, errors="replace")
    return bare(url) if is_whole(name) else url


def of_slice(path: str, part: Slice, address: str, columns: Columns, tally: Tally) -> Iterator[Page]:
    fetched_at = modified(path)
    with opened(path) as file:
        stream = stream_of(path, file)
        suffix = "." + bare(path.lower()).rpartition(".")[2]
        if (content_type := WHOLE.get(suffix)) is not None:
            body = stream.read(columns.most_bytes + 1)
            page = Page(address, 200, (("Content-Type", content_type),), body, fetched_at)
            if fitting(page, columns.most_bytes, tally):
                yield page
            return
        for number, row in rows_of(stream, path, suffix, part, columns, tally):
            if found := of_row(row, number, path, address, fetched_at, columns, tally):
                yield found


def stream_of(path: str, file: BinaryIO) -> BinaryIO:
    """A file unpacked as its name says. Raises Damaged when it is not packed."""
    if not path.lower().endswith(PACKED):
        return file
    stream = unpacked(file)
    if members_of(stream) is None and stream.peek(1):
        raise Damaged("its name says that it is packed, and it is not")
    return stream


def rows_of(stream: BinaryIO, path: str, suffix: str, part: Slice, columns: Columns, tally: Tally) -> Numbered:
    if suffix in LINES:
        return json_rows(stream, path, part, columns, tally)
    if suffix in PARQUET:
        return parquet_rows(stream, path, part, columns, tally)
    return separated_rows(stream, path, "," if suffix == ".csv" else "\t", columns, tally)
