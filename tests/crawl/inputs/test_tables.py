"""Tables that are not as they should be: encodings, bad rows, empty files, odd columns, odd values."""

import gzip
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.crawl.inputs import separated_values
from tasks.crawl.settings import Crawl
from tasks.crawl.sources.files import Files
from tasks.crawl.task import crawl
from tasks.errors import StageFailure
from tasks.input_files.utf8_stream import CHUNK_BYTES, Utf8Reader, find_encoding

CHINESE = [f"第{n}章讲的是机器学习的基本方法和它的应用" for n in range(40)]
FRENCH = [f"Le café numéro {n} est fermé pendant l'été à Orléans" for n in range(40)]


@pytest.fixture
def read_table(
    tmp_path: Path, make_draft: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, index: Any
) -> Callable[..., Any]:
    """Crawl one file; return the bodies of its pages in order, and the draft."""
    monkeypatch.setenv("TEXTMILL_WORKERS", "1")

    def read(name: str, content: bytes, shards: dict[str, int] | None = None, **files: Any) -> tuple[list[str], Any]:
        (tmp_path / name).write_bytes(content)
        source = {"kind": "files", "files": {"path": str(tmp_path / name), "on_error": "skip", **files}}
        draft = make_draft(f"draft-{len(list(tmp_path.iterdir()))}-{name}")
        crawl.build(Crawl.model_validate({"source": source, "shards": shards or {}}), draft)
        bodies = []
        for row in index(draft.path):
            packed = (draft.path / row["warc"]).read_bytes()[row["offset"] : row["offset"] + row["length"]]
            bodies.append(gzip.decompress(packed).split(b"\r\n\r\n", 2)[2][:-4].decode())
        return bodies, draft

    return read


def make_table(kind: str, texts: list[str]) -> str:
    if kind == "jsonl":
        return "".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts)
    separator = "," if kind == "csv" else "\t"
    return f"text{separator}n\r\n" + "".join(f"{text}{separator}{n}\r\n" for n, text in enumerate(texts))


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl"])
@pytest.mark.parametrize(
    ("texts", "encoding"),
    [
        (CHINESE, "gb18030"),
        (CHINESE, "big5hkscs"),
        (CHINESE, "utf-16"),
        (CHINESE, "utf-8-sig"),
        (FRENCH, "cp1252"),
        (FRENCH, "utf-16-le"),
        (FRENCH, "utf-16-be"),
        (FRENCH, "utf-32"),
    ],
)
def test_tables_in_any_encoding(read_table: Any, kind: str, texts: list[str], encoding: str) -> None:
    texts = [text.replace("讲", "說") if encoding == "big5hkscs" else text for text in texts]
    bodies, draft = read_table(f"x.{kind}", make_table(kind, texts).encode(encoding, "ignore"), {"max_pages": 7})
    expected = [text.encode(encoding, "ignore").decode(encoding) for text in texts]
    assert bodies == expected
    flaws = draft.counts["flaws"]
    assert (flaws == {}) == (encoding == "utf-8-sig")
    assert set(flaws.values()) <= {40}


def test_the_encoding_is_guessed_where_the_ascii_ends() -> None:
    start = b"a,b\n" * CHUNK_BYTES
    chinese = "\n".join(CHINESE).encode("gb18030")
    assert find_encoding(io.BytesIO(start + chinese)) == "gb18030"
    assert find_encoding(io.BytesIO(start)) == "utf-8"
    reader = io.BufferedReader(Utf8Reader(io.BytesIO(start + chinese)))
    assert reader.read() == start + "\n".join(CHINESE).encode()
    assert find_encoding(io.BytesIO("\n".join(CHINESE).encode("iso2022_jp", "ignore"))) == "iso2022_jp"


def test_a_few_bad_bytes_do_not_make_another_encoding(read_table: Any) -> None:
    content = make_table("csv", FRENCH).encode() + b"bad \xff byte,41\r\n"
    bodies, draft = read_table("x.csv", content)
    assert bodies == [*FRENCH, "bad \ufffd byte"]
    assert draft.counts["flaws"] == {"replacement characters": 1}


def test_the_encoding_can_be_given(read_table: Any) -> None:
    content = "text\nПривет\n".encode("koi8-r")
    bodies, _ = read_table("x.csv", content, encoding="KOI8-R")
    assert bodies == ["Привет"]
    assert "encoding" not in Files(path=__file__).semantic()
    for name in ("rot13", "hex", "klingon", "undefined"):
        with pytest.raises(ValueError, match="no encoding"):
            Files(encoding=name)


BAD_ROWS: list[tuple[str, bytes, list[str], dict[str, int]]] = [
    ("x.csv", b'text,n\na,1\n"b"b,2\nc,3\n', ["a", "c"], {"broken row": 1}),
    ("x.csv", b'text,n\na,1\n"b,2\nc,3\nd,4\n', ["a", "c", "d"], {"broken row": 1}),
    # what an open quote swallowed may be the middle of a text
    ("x.csv", b'text,n\na,1\n"b\nstill b\nc,3\n', ["a", "c"], {"broken row": 2}),
    ("x.csv", b"text,n\r\na,1,\r\n\r\nb,2,,\r\n\r\n", ["a", "b"], {}),
    ("x.csv", b"text,n\na\x00b,1\nc,2\n", ["a\x00b", "c"], {}),
    ("x.csv", b"text,n\ra,1\rb,2\r", ["a", "b"], {}),
    ("x.csv", b"text,n\na,1\n" + b"b" * 90_000 + b",2\nc,3\n", ["a", "b" * 90_000, "c"], {}),
    ("x.csv", b"text,n\na,1\n" + b"b" * 2_000_000 + b",2\nc,3\n", ["a", "c"], {"too large": 1}),
    ("x.tsv", b'text\tn\n"Quoted" start\t1\n"open\t2\nc\t3\n', ['"Quoted" start', '"open', "c"], {}),
    ("x.jsonl", b'{"text": "a", "n": ' + b"9" * 5000 + b'}\n{"text": "b", "n": NaN}\n\n\n', ["a", "b"], {}),
    ("x.jsonl", b'\xef\xbb\xbf{"text": "a"}\n{"text": "\xff"}\nnull\n{"text": "b"}', ["a", "b"], {"broken row": 2}),
    ("x.jsonl", b'{"text": "a", "url": "http://[b]/"}\n{"text": "c"}\n', ["c"], {"bad address": 1}),
    ("x.jsonl", b'{"text": "a", "url": 7, "title": ["t"], "date": {}}\n', ["a"], {}),
    ("x.jsonl", b'{"text": "a", "date": "0001-01-01T00:00:00+14:00"}\n', ["a"], {}),
    ("x.jsonl", b'{"text": ["a"]}\n{"text": {"b": 1}}\n{"text": "c"}', ["c"], {"text column holds no text": 2}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "bodies", "skipped"), BAD_ROWS)
def test_a_bad_row_costs_no_other(
    read_table: Any, name: str, content: bytes, bodies: list[str], skipped: dict[str, int]
) -> None:
    pages, draft = read_table(name, content, max_megabytes=0.1)
    assert (pages, draft.counts["skipped"]) == (bodies, skipped)
    if any(reason.startswith("broken") for reason in skipped):
        with pytest.raises(StageFailure, match=rf"{re.escape(name)} (line|row) \d+ "):
            read_table(name, content, max_megabytes=0.1, on_error="fail")


def test_open_quotes_on_every_line_do_not_take_quadratic_time(read_table: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(separated_values, "MAX_REREAD", 1 << 20)
    pages, draft = read_table("x.csv", b"text,n\na,1\n" + b'"b"",2\n' * 10_000)
    assert pages == ["a"]
    assert draft.counts["skipped"] == {"broken row": 10_000}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.csv", b""),
        ("x.csv", b"text,n\n"),
        ("x.jsonl", b""),
        ("x.tsv.gz", gzip.compress(b"", mtime=0)),
        ("x.jsonl.gz", b""),
    ],
)
def test_a_table_without_rows_is_empty(read_table: Any, name: str, content: bytes) -> None:
    with pytest.raises(StageFailure, match=r"holds no page \(empty: 1\)"):
        read_table(name, content)


def write_parquet(table: pa.Table, **options: Any) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file, **options)
    return file.getvalue()


def test_a_column_that_stands_twice_is_not_guessed(read_table: Any) -> None:
    for name, content in (
        ("x.csv", b"text,text,n\na,b,1\n"),
        ("x.parquet", write_parquet(pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], ["text", "text"]))),
    ):
        with pytest.raises(StageFailure, match=rf"{name} has two columns 'text'"):
            read_table(name, content, on_error="fail")
    pages, _ = read_table("y.csv", b"text,n,n\na,1,2\n")
    assert pages == ["a"]


def test_bad_rows_and_groups_of_parquet(read_table: Any) -> None:
    texts = pa.array([b"a", b"\xff\xfe", b"c", b"d", b"e", b"f"]).cast(pa.binary())
    table = pa.table({"text": pa.Array.from_buffers(pa.string(), 6, texts.buffers())})
    content = write_parquet(table, row_group_size=2, compression="none", use_dictionary=False, write_statistics=False)
    pages, draft = read_table("x.parquet", content)
    assert (pages, draft.counts["skipped"]) == (["a", "c", "d", "e", "f"], {"broken row": 1})
    metadata = pq.ParquetFile(io.BytesIO(content)).metadata
    start = metadata.row_group(1).column(0).data_page_offset
    damaged = content[:start] + b"\xff" * 8 + content[start + 8 :]
    pages, draft = read_table("y.parquet", damaged)
    assert (pages, draft.counts["skipped"]) == (["a", "e", "f"], {"broken row": 1, "broken file": 1})
    with pytest.raises(StageFailure, match="holds no page"):
        read_table("z.parquet", write_parquet(table.slice(0, 0)))
