"""The files source: every kind, the key, and what is refused."""

import gzip
import io
import json
import os
import re
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from fastwarc.warc import ArchiveIterator

from tasks.crawl.settings import Crawl
from tasks.crawl.sizes import ShardSize
from tasks.crawl.sources.files import Files
from tasks.crawl.task import crawl
from tasks.errors import StageFailure


@pytest.fixture
def collected(make_draft, monkeypatch):
    monkeypatch.setenv("TEXTMILL_WORKERS", "1")

    def collect(path, shards=None, draft=None, **files):
        settings = Crawl.model_validate(
            {"source": {"kind": "files", "files": {"path": str(path), **files}}, "shards": shards or {}}
        )
        draft = draft or make_draft("files")
        crawl.build(settings, draft)
        return draft

    return collect


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "input"
    (root / "sub").mkdir(parents=True)
    (root / ".hidden").mkdir()
    (root / ".hidden" / "no.html").write_text("<p>no")
    (root / "a.html").write_text("<html><p>page a")
    (root / "sub" / "b c.txt").write_text("text b")
    (root / "readme.md").write_text("# heading")
    (root / "empty.txt").write_text(" \n")
    (root / "picture.png").write_bytes(b"\x89PNG")
    rows = [{"text": f"row {n}", "url": f"https://x.org/{n}", "title": f"Titel ü {n}"} for n in range(5)]
    (root / "rows.jsonl").write_text("\n".join(json.dumps(row) for row in rows) + "\n\n")
    pq.write_table(pa.table({"text": ["p0", None, "p2"], "more": [1, 2, 3]}), root / "table.parquet", row_group_size=2)
    for path in root.rglob("*"):
        os.utime(path, (1_700_000_000, 1_700_000_000))
    return root


def read_bodies(draft, rows):
    bodies_and_headers = {}
    for row in rows:
        blob = (draft.path / row["warc"]).read_bytes()[row["offset"] : row["offset"] + row["length"]]
        [record] = ArchiveIterator(io.BytesIO(blob), verify_digests=True)
        bodies_and_headers[row["url"]] = (record.reader.read().decode(), dict(record.http_headers.to_tuples()))
    return bodies_and_headers


def test_every_kind(folder, collected, index):
    draft = collected(folder)
    rows = index(draft.path)
    bodies = read_bodies(draft, rows)
    assert {url: text for url, (text, _) in bodies.items()} == {
        "file:///a.html": "<html><p>page a",
        "file:///readme.md": "# heading",
        **{f"https://x.org/{n}": f"row {n}" for n in range(5)},
        "file:///sub/b%20c.txt": "text b",
        "file:///table.parquet#row-1": "p0",
        "file:///table.parquet#row-3": "p2",
    }
    assert draft.counts["skipped"] == {"empty": 2, "unknown kind of file": 1}
    assert draft.counts["remarks"]["files"] == "1 of 7 files are of a kind that is not read: .png 1"
    types = {row["url"]: row["content_type"] for row in rows}
    assert types["file:///a.html"] == "text/html"
    assert types["file:///readme.md"] == "text/markdown"
    assert types["https://x.org/1"] == "text/plain; charset=utf-8"
    assert bodies["https://x.org/1"][1]["X-Textmill-Title"] == "Titel%20%C3%BC%201"
    assert {row["fetched_at"].timestamp() for row in rows} == {1_700_000_000}


@pytest.mark.slow
def test_one_process_and_two_give_the_same_bytes(folder, collected, make_draft, monkeypatch, index):
    def files(draft):
        return {path.name: path.read_bytes() for path in draft.path.glob("*/*") if path.parent.name[0] != "."}

    monkeypatch.setenv("TEXTMILL_WORKERS", "1")
    one = files(collected(folder, {"max_pages": 2}, make_draft("one")))
    monkeypatch.setenv("TEXTMILL_WORKERS", "2")
    draft = collected(folder, {"max_pages": 2}, make_draft("two"))
    assert files(draft) == one
    assert len(list(draft.path.glob("warc/*"))) == 8
    assert len({row["url"] for row in index(draft.path)}) == 10


def test_pattern_single_file_and_mapping(folder, collected, make_draft, index):
    urls = [row["url"] for row in index(collected(f"{folder}/**/*.txt", draft=make_draft("a")).path)]
    assert urls == ["file:///sub/b%20c.txt"]
    rows = index(collected(folder / "a.html", draft=make_draft("b"), url_prefix="https://x.org/docs/").path)
    assert [row["url"] for row in rows] == ["https://x.org/docs/a.html"]
    (folder / "rows.jsonl").write_text('{"body": "<p>x", "id": "https://x.org/ü"}\n')
    draft = collected(folder / "rows.jsonl", draft=make_draft("c"), text_column="body", url_column="id", content="html")
    assert [(row["url"], row["content_type"]) for row in index(draft.path)] == [
        ("https://x.org/%C3%BC", "text/html; charset=utf-8")
    ]


def test_key_follows_names_and_contents_not_the_place(folder, tmp_path):
    before = Files(path=str(folder)).semantic()
    os.utime(folder / "a.html")
    moved = folder.rename(tmp_path / "moved")
    assert Files(path=str(moved)).semantic() == before
    (moved / "picture.png").write_bytes(b"other")  # not read, so it does not count
    assert Files(path=str(moved)).semantic() == before
    (moved / "a.html").write_text("changed")
    changed = Files(path=str(moved)).semantic()
    assert changed != before
    (moved / "a.html").rename(moved / "z.html")
    assert Files(path=str(moved)).semantic() not in (before, changed)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("x.jsonl", b'{"text": "a"}\nnot json\n', r"x\.jsonl line 2 is not JSON"),
        ("x.jsonl", b"[1]\n", r"x\.jsonl line 1 is not a JSON object"),
        ("x.jsonl", b'{"body": "a"}\n', r"x\.jsonl row 1 has no column 'text', but 'body'"),
        ("x.parquet", b"not parquet at all", r"x\.parquet is not a Parquet file"),
        ("x.txt", b"  ", r"holds no page \(empty: 1\)"),
        ("x.png", b"png", "no file of a known kind"),
    ],
)
def test_bad_input(tmp_path, collected, name, content, says):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / name).write_bytes(content)
    with pytest.raises(StageFailure, match=says):
        collected(tmp_path / "in")


def test_parquet_without_the_column(tmp_path, collected):
    pq.write_table(pa.table({"body": ["x"]}), tmp_path / "x.parquet")
    with pytest.raises(StageFailure, match="no column 'text', but 'body'"):
        collected(tmp_path / "x.parquet")


@pytest.mark.parametrize("path", ["", "/nowhere/at/all", "/nowhere/*.html"])
def test_nothing_there(path, collected):
    with pytest.raises(StageFailure, match=r"not set|does not exist|no file"):
        collected(path)


def test_folder_without_permission(folder, collected, monkeypatch):
    scandir = os.scandir

    def refusing(path):
        if os.fspath(path).endswith("sub"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(StageFailure, match="sub cannot be read: unreadable folder"):
        collected(folder)


def test_lone_surrogate_and_large_pages(tmp_path, collected, index):
    (tmp_path / "x.jsonl").write_text('{"text": "a\\ud800b"}\n' + json.dumps({"text": "x" * 2000}) + "\n")
    draft = collected(tmp_path / "x.jsonl", max_megabytes=0.001)
    assert [text for text, _ in read_bodies(draft, index(draft.path)).values()] == ["a?b"]
    assert draft.counts["skipped"] == {"too large": 1}


def test_default_size_is_sane():
    assert ShardSize().max_pages >= 100


def test_packed_files_and_separated_values(tmp_path, collected, index):
    root = tmp_path / "in"
    root.mkdir()
    (root / "a.html.gz").write_bytes(gzip.compress(b"<p>a"))
    (root / "b.jsonl.zst").write_bytes(zstandard.compress(b'{"text": "b1"}\n{"text": "b2"}\n'))
    (root / "c.csv").write_bytes(b'\xef\xbb\xbftext,url\r\n"c,\n1",https://x.org/1\r\nc2,\r\n')
    (root / "d.tsv.gz").write_bytes(gzip.compress(b'url\ttext\nhttps://x.org/2\td "quoted"\n'))
    draft = collected(root)
    assert {url: text for url, (text, _) in read_bodies(draft, index(draft.path)).items()} == {
        "file:///a.html": "<p>a",
        "file:///b.jsonl.zst#row-1": "b1",
        "file:///b.jsonl.zst#row-2": "b2",
        "https://x.org/1": "c,\n1",
        "file:///c.csv#row-2": "c2",
        "https://x.org/2": 'd "quoted"',
    }


def test_fields_of_columns_dates_and_bytes(tmp_path, collected, index):
    date = datetime(2024, 5, 1, 12, tzinfo=UTC)
    meta = [{"url": "https://x.org/1", "at": date}, {"url": None, "at": None}]
    pq.write_table(pa.table({"body": [b"<p>\xff", b"<p>b"], "meta": meta}), tmp_path / "x.parquet")
    os.utime(tmp_path / "x.parquet", (1, 1))
    columns = {"text_column": "body", "url_column": "meta.url", "date_column": "meta.at", "content": "html"}
    rows = index(collected(tmp_path / "x.parquet", **columns).path)
    assert [(row["url"], row["fetched_at"].timestamp(), row["content_type"]) for row in rows] == [
        ("https://x.org/1", date.timestamp(), "text/html"),
        ("file:///x.parquet#row-2", 1, "text/html"),
    ]


BROKEN = [
    ("x.jsonl", b'{"text": "a"}\nnot json\n[1]\n{"body": 1}\n{"text": "b"}', {"broken row": 3}),
    ("x.jsonl", b'{"text": 7}\n{"text": "b"}\n{}', {"text column holds no text": 1, "broken row": 1}),
    ("x.jsonl", b'{"text": "a"}\n' + b"[" * 10**6 + b'\n{"text": "b"}', {"broken row": 1}),
    ("x.jsonl.gz", gzip.compress(b'{"text": "a"}\n{"text": "b"}\n' * 999)[:-9], {"broken file": 1}),
    ("x.jsonl.gz", b'{"text": "a"}', {"broken file": 1}),
    ("x.html.zst", zstandard.compress(b"<p>a" * 99)[:-3], {"broken file": 1}),
    ("x.parquet", b"PAR1 no parquet PAR1", {"broken file": 1}),
    ("x.csv", b'text,url\na,\nb,c,d\n"b",', {"broken row": 1}),
    ("x.csv", b'text\na\n"cut off', {"broken row": 1}),
    ("x.csv", b"body\na\n", {"broken row": 1}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "skipped"), BROKEN)
def test_what_is_broken_is_an_error_or_counted(tmp_path, collected, make_draft, name, content, skipped):
    root = tmp_path / "in"
    root.mkdir()
    (root / name).write_bytes(content)
    (root / "good.txt").write_text("good")
    with pytest.raises(StageFailure, match=re.escape(name)):
        collected(root, draft=make_draft("strict"))
    draft = collected(root, draft=make_draft("lenient"), on_error="skip")
    assert draft.counts["skipped"] == skipped


def test_a_line_of_a_hundred_megabytes(tmp_path, collected, index):
    with (tmp_path / "x.jsonl").open("wb") as file:
        file.write(b'{"text": "a"}\n{"text": "')
        for _ in range(100):
            file.write(b"x" * 2**20)
        file.write(b'"}\n{"text": "b", "url": "https://x.org/b"}\n')
    draft = collected(tmp_path / "x.jsonl", shards={"max_pages": 2})
    assert [row["url"] for row in index(draft.path)] == ["file:///x.jsonl#row-1", "https://x.org/b"]
    assert draft.counts["skipped"] == {"too large": 1}


def test_bombs_and_repeats(tmp_path, collected):
    root = tmp_path / "in"
    root.mkdir()
    (root / "bomb.html.gz").write_bytes(gzip.compress(bytes(10**8)))
    (root / "rows.jsonl").write_text('{"text": "same", "url": "https://x.org/"}\n' * 3)
    draft = collected(root)
    assert draft.counts["skipped"] == {"too large": 1}
    assert draft.counts["statuses"] == {"200": 1, "repeated": 2}
