from collections.abc import Callable
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest

from tasks.block import Every
from tasks.clean import page as page_module
from tasks.clean.documents import DOCUMENT, document_id
from tasks.clean.filters import SCORE, Filter
from tasks.clean.page import Extract
from tasks.clean.task import Clean, Score, extract
from tasks.draft import Draft
from tasks.failure import StageFailure
from tasks.store import Artifact
from tests.clean.archive import FETCHED_AT, Fetched, write_pages

TEXT = "The harbour master keeps a list of every boat that lies at the pier and writes down when it leaves. "


def html(text: str) -> bytes:
    return f"<html><head><title>T</title></head><body><article><p>{text}</p></article></body></html>".encode()


Make = Callable[..., Draft]
AsArtifact = Callable[[Path, str], Artifact]


def run(
    folder: Path, make_draft: Make, as_artifact: AsArtifact, settings: Score | None = None, name: str = "x"
) -> Draft:
    draft = make_draft(name)
    extract.build(settings or Clean().scoring(), draft, as_artifact(folder, "crawl"))
    return draft


def test_one_shard_of_documents_for_each_of_pages(tmp_path: Path, make_draft: Make, as_artifact: AsArtifact) -> None:
    folder = write_pages(
        tmp_path / "pages",
        [Fetched("http://a/1", html(TEXT)), Fetched("http://a/404", b"gone", status=404)],
        [Fetched("http://a/2", html(TEXT * 2)), Fetched("http://a/3.pdf", b"%PDF-1.4", "application/pdf")],
    )
    draft = run(folder, make_draft, as_artifact)
    assert draft.counts["documents"] == 2
    assert draft.counts["pages"] == 3
    assert draft.counts["failed"] == {"media type application/pdf": 1}
    table = pq.read_table(draft.path / "documents" / "00001.parquet")
    scores = [f"{SCORE}{kind}" for kind, _ in Every[Filter]().blocks()]
    assert table.schema.names == [*DOCUMENT.names, *scores]
    (row,) = table.to_pylist()
    assert (row["url"], row["title"], row["language"], row["fetched_at"]) == ("http://a/2", "T", "en", FETCHED_AT)
    assert row["id"] == document_id("http://a/2", row["text"])
    failed = pl.read_parquet(draft.path / "failed" / "*.parquet")
    assert failed.rows() == [("http://a/3.pdf", "media type application/pdf")]


def test_identical_payloads_are_parsed_once(
    tmp_path: Path, make_draft: Make, as_artifact: AsArtifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed = []
    monkeypatch.setattr(page_module, "tidy", lambda text, tidy=page_module.tidy: parsed.append(1) or tidy(text))
    pages = [Fetched(f"http://a/{number}", html(TEXT)) for number in range(4)]
    draft = run(write_pages(tmp_path / "pages", pages), make_draft, as_artifact)
    assert draft.counts["documents"] == 4
    assert len(parsed) == 1
    assert pl.read_parquet(draft.path / "documents" / "*.parquet")["id"].n_unique() == 4


def test_the_same_pages_give_the_same_bytes(tmp_path: Path, make_draft: Make, as_artifact: AsArtifact) -> None:
    folder = write_pages(tmp_path / "pages", [Fetched(f"http://a/{n}", html(TEXT * (n + 1))) for n in range(20)])
    first, second = (run(folder, make_draft, as_artifact, name=name) for name in ("one", "two"))
    for part in ("documents", "failed"):
        name = f"{part}/00000.parquet"
        assert (first.path / name).read_bytes() == (second.path / name).read_bytes()


def test_a_page_that_breaks_the_parser_is_counted_and_named(
    tmp_path: Path, make_draft: Make, as_artifact: AsArtifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(tree: object, html: str) -> None:
        if "fragile" in html:
            raise ValueError("broken")

    monkeypatch.setattr(page_module, "license_of", breaks)
    pages = [Fetched("http://a/1", html(TEXT)), Fetched("http://a/2", html("fragile"))]
    draft = run(write_pages(tmp_path / "pages", pages), make_draft, as_artifact)
    assert draft.counts["failed"] == {"error ValueError": 1}
    assert pl.read_parquet(draft.path / "failed" / "*.parquet")["url"].to_list() == ["http://a/2"]


def test_a_record_that_is_not_where_the_index_says_is_counted(
    tmp_path: Path, make_draft: Make, as_artifact: AsArtifact
) -> None:
    folder = write_pages(tmp_path / "pages", [Fetched(f"http://a/{n}", html(TEXT * (n + 1))) for n in range(3)])
    warc = folder / "warc" / "00000.warc.gz"
    last = pl.read_parquet(folder / "index" / "00000.parquet")["offset"][2]
    warc.write_bytes(warc.read_bytes()[:last])
    draft = run(folder, make_draft, as_artifact)
    assert (draft.counts["documents"], draft.counts["failed"]) == (2, {"no body in the WARC file": 1})


def test_an_unreadable_warc_names_the_file_and_the_mend(
    tmp_path: Path, make_draft: Make, as_artifact: AsArtifact
) -> None:
    folder = write_pages(tmp_path / "pages", [Fetched("http://a/", html(TEXT))])
    (folder / "warc" / "00000.warc.gz").unlink()
    with pytest.raises(StageFailure, match=r"00000\.warc\.gz cannot be read.*--force crawl"):
        run(folder, make_draft, as_artifact)


def test_an_index_of_another_kind_names_the_file(tmp_path: Path, make_draft: Make, as_artifact: AsArtifact) -> None:
    folder = tmp_path / "pages"
    (folder / "index").mkdir(parents=True)
    pl.DataFrame({"url": ["http://a/"]}).write_parquet(folder / "index" / "00000.parquet")
    with pytest.raises(StageFailure, match=r"index/00000\.parquet cannot be read as an index"):
        run(folder, make_draft, as_artifact)


def test_no_index_at_all(tmp_path: Path, make_draft: Make, as_artifact: AsArtifact) -> None:
    (tmp_path / "pages").mkdir()
    with pytest.raises(StageFailure, match="has no index"):
        run(tmp_path / "pages", make_draft, as_artifact)


def test_no_document_from_all_pages_names_the_reasons(
    tmp_path: Path, make_draft: Make, as_artifact: AsArtifact
) -> None:
    pages = [Fetched(f"http://a/{n}.pdf", b"%PDF", "application/pdf") for n in range(3)]
    folder = write_pages(tmp_path / "pages", [*pages, Fetched("http://a/", b"<p> </p>")])
    with pytest.raises(StageFailure, match=r"4 pages: media type application/pdf \(3\), no text \(1\)"):
        run(folder, make_draft, as_artifact)


def test_only_missing_pages(tmp_path: Path, make_draft: Make, as_artifact: AsArtifact) -> None:
    folder = write_pages(tmp_path / "pages", [Fetched("http://a/", b"gone", status=404)])
    with pytest.raises(StageFailure, match="none of the crawled pages has status 200"):
        run(folder, make_draft, as_artifact)


def test_chinese_pages_in_old_encodings(tmp_path: Path, make_draft: Make, as_artifact: AsArtifact) -> None:
    text = "港口管理员记录每一艘停靠码头的船只，并写下它们离开的时间。" * 4
    bodies = {
        codec: f"<html><head><meta charset={codec}></head><p>{text}".encode(codec) for codec in ("gb18030", "utf-8")
    }
    pages = [Fetched(f"http://a/{codec}", body, "text/html") for codec, body in bodies.items()]
    draft = run(write_pages(tmp_path / "pages", pages), make_draft, as_artifact)
    found = pl.read_parquet(draft.path / "documents" / "*.parquet")
    assert found["text"].to_list() == [text, text]
    assert found.select("language", "script").unique().rows() == [("zh", "Hans")]


def test_real_pages_come_out_as_text(
    tmp_path: Path, make_draft: Make, as_artifact: AsArtifact, shared: Callable[[str], Path]
) -> None:
    files = sorted((shared("site-handbook") / "html").rglob("*.html"))[::12]
    pages = [Fetched(f"http://handbook/{path.name}{n}", path.read_bytes(), "text/html") for n, path in enumerate(files)]
    draft = run(write_pages(tmp_path / "pages", pages), make_draft, as_artifact, Score(extract=Extract()))
    found = pl.read_parquet(draft.path / "documents" / "*.parquet")
    assert draft.counts["failed"] == {}
    assert {"en", "de", "fr", "zh", "ja"} <= set(found["language"])
    assert not found["text"].str.contains("[\u00a0\t\ufffd]").any()
