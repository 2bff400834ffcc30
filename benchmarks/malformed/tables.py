"""Tables and lines with bad rows, each beside an intact row that must come through."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.malformed.urls import draw_url

Row = tuple[str, str]
"""URL and text"""


def make_intact_row(number: int) -> Row:
    """Make a row that must come through."""
    return f"http://tables.test/intact/{number}", f"Intact row {number} of a table, with some words in it."


def draw_json_line(random_: Random, number: int) -> bytes:
    """Draw a line of JSON that is broken, or whose values are odd."""
    url, text = f"http://tables.test/odd/{number}", f"Odd row {number}."
    whole = json.dumps({"url": url, "text": text}).encode()
    return random_.choice(
        (
            whole[: random_.randrange(1, len(whole))],
            whole + whole,
            whole + b" trailing",
            b"\xef\xbb\xbf" + whole,
            json.dumps({"url": draw_url(random_), "text": text}).encode(),
            json.dumps({"url": url}).encode(),
            json.dumps({"text": text}).encode(),
            json.dumps({"url": url, "text": random_.choice((None, 5, [text], {"a": text}, True, ""))}).encode(),
            json.dumps({"url": random_.choice((None, 5, [url], {"a": url}, "")), "text": text}).encode(),
            json.dumps([url, text]).encode(),
            json.dumps(text).encode(),
            b"null",
            b'{"url": "%b", "text": NaN}' % url.encode(),
            b'{"url": "%b", "text": "a", "text": "b"}' % url.encode(),
            b'{"url": "%b", "text": "\\ud800 lone"}' % url.encode(),
            b'{"url": "%b", "text": "\xff\xfe"}' % url.encode(),
            b'{"url": "%b", "text": "\x00\x01"}' % url.encode(),
            b'{"url": "%b", "text": "x", "n": %b}' % (url.encode(), b"9" * 5000),
            b'{"url": "%b", "text": "x", "n": %b}' % (url.encode(), b"[" * 3000 + b"]" * 3000),
            b'{"url": "%b", "text": "%b"}' % (url.encode(), b"long " * 200_000),
            b"[" * 100_000,
            b"",
            b"\x00" * 50,
        )
    )


def write_json_lines(path: Path, random_: Random, numbers: range) -> int:
    """Write intact and odd lines in turn; return the number of odd ones that hold anything."""
    count = 0
    with path.open("wb") as file:
        for number in numbers:
            url, text = make_intact_row(number)
            file.write(json.dumps({"url": url, "text": text}).encode() + b"\n")
            odd = draw_json_line(random_, number)
            file.write(odd + random_.choice((b"\n", b"\r\n")))
            count += bool(odd.strip())
    return count


def write_separated(path: Path, random_: Random, numbers: range) -> int:
    """Write a CSV or TSV file with intact and odd rows in turn; return the number of odd ones."""
    separator = "\t" if path.suffix == ".tsv" else ","
    with path.open("wb") as file:
        file.write(separator.join(("url", "text")).encode() + b"\n")
        for number in numbers:
            file.write(format_row(make_intact_row(number), separator))
            url, text = f"http://tables.test/odd/{number}", f"Odd row {number}."
            file.write(
                random_.choice(
                    (
                        format_row((url,), separator),
                        format_row((url, text, "one", "two"), separator),
                        format_row((draw_url(random_).replace("\n", " "), text), separator),
                        format_row((url, ""), separator),
                        format_row(("", text), separator),
                        format_row((url, "long " * 100_000), separator),
                        format_row((url, 'two\nlines and "quotes"'), separator),
                        f"{url}{separator}with ".encode() + b"\xff\xfe bytes\n",
                        f"{url}{separator}nul \x00 here\n".encode(),
                        f"{url}{separator}{text}\r\n".encode(),
                    )
                )
            )
    return len(numbers)


def format_row(cells: tuple[str, ...], separator: str) -> bytes:
    """Format a row as `csv` does; what cannot be encoded becomes a question mark."""
    output = io.StringIO()
    csv.writer(output, delimiter=separator, lineterminator="\n").writerow(cells)
    return output.getvalue().encode("utf-8", "replace")


def write_parquet(path: Path, random_: Random, numbers: range) -> int:
    """Write a Parquet file with intact and odd rows in turn; return the number of odd ones."""
    rows: list[tuple[str | None, str | None]] = []
    for number in numbers:
        url = draw_url(random_).encode("utf-8", "replace").decode()
        odd = random_.choice(((None, "x"), ("http://tables.test/none", None), (url, "Odd."), ("", "Odd."), (url, "")))
        rows += [make_intact_row(number), odd]
    urls, texts = zip(*rows, strict=True)
    pq.write_table(pa.table({"url": pa.array(urls, pa.string()), "text": pa.array(texts, pa.string())}), path)
    return len(numbers)


WRITERS: dict[str, Callable[[Path, Random, range], int]] = {
    ".jsonl": write_json_lines,
    ".csv": write_separated,
    ".tsv": write_separated,
    ".parquet": write_parquet,
}


def write_tables(folder: Path, random_: Random, num_rows: int, rows_per_file: int = 50) -> tuple[int, int]:
    """Write tables of every kind; return the number of intact and of odd rows."""
    folder.mkdir(parents=True)
    num_odd = 0
    for index, first in enumerate(range(0, num_rows, rows_per_file)):
        suffix = list(WRITERS)[index % len(WRITERS)]
        numbers = range(first, min(first + rows_per_file, num_rows))
        num_odd += WRITERS[suffix](folder / f"{index:05d}{suffix}", random_, numbers)
    return num_rows, num_odd
