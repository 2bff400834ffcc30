from collections.abc import Callable
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest

from tasks.block import Every
from tasks.clean.extract.documents import DOCUMENT_SCHEMA, make_document_id
from tasks.clean.extract.html import markup
from tasks.clean.extract.html.markup import HtmlExtraction
from tasks.clean.extract.page import ExtractedPage, extract_page
from tasks.clean.filters import SCORE_PREFIX, Filter
from tasks.clean.settings import Clean, Extract
from tasks.clean.task import extract
from tasks.errors import StageFailure
from tasks.store import Artifact, Draft
from tasks.store.manifest import Manifest
from tests.clean.archive import FETCHED_AT, CrawledPage, write_pages

TEXT = "The harbour master keeps a list of every boat that lies at the pier and writes down when it leaves. "


def make_html(text: str) -> bytes:
    return f"<html><head><title>T</title></head><body><article><p>{text}</p></article></body></html>".encode()


Make = Callable[..., Draft]
AsArtifact = Callable[[Path, str], Artifact]

# pages are read in this process: that is quicker, and a test can reach them
IN_THIS_PROCESS = Extract(extract=HtmlExtraction(timeout_seconds=0))


@pytest.fixture(autouse=True)
def _one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXTMILL_WORKERS", "1")


def run_extract(
    folder: Path, make_draft: Make, as_artifact: AsArtifact, settings: Extract = IN_THIS_PROCESS, name: str = "x"
) -> Draft:
    draft = make_draft(name)
    extract.build(settings, draft, as_artifact(folder, "crawl"))
    return draft


def test_one_shard_of_documents_for_each_of_pages(tmp_path: Path, make_draft: Make, as_artifact: AsArtifact) -> None:
    folder = write_pages(
        tmp_path / "pages",
        [CrawledPage("http://a/1", make_html(TEXT)), CrawledPage("http://a/404", b"gone", status=404)],
        [CrawledPage("http://a/2", make_html(TEXT * 2)), CrawledPage("http://a/3.pdf", b"%PDF-1.4", "application/pdf")],
    )
    draft = run_extract(folder, make_draft, as_artifact)
    assert draft.counts["documents"] == 2
    assert draft.counts["pages"] == 3
    assert draft.counts["failed"] == {"media type application/pdf": 1}
    table = pq.read_table(draft.path / "documents" / "00001.parquet")
    scores = [f"{SCORE_PREFIX}{kind}" for kind, block in Every[Filter]().blocks() if not block.scored_in_clean]
    assert table.schema.names == [*DOCUMENT_SCHEMA.names, *scores]
    (row,) = table.to_pylist()
    assert (row["url"], row["title"], row["language"], row["fetched_at"]) == ("http://a/2", "T", "en", FETCHED_AT)
    assert row["id"] == make_document_id("http://a/2", row["text"])
    failed = pl.read_parquet(draft.path / "failed" / "*.parquet")
    assert failed.rows() == [("http://a/3.pdf", "media type application/pdf")]


def test_identical_payloads_are_parsed_once(
    tmp_path: Path, make_draft: Make, as_artifact: AsArtifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def count_calls(*arguments: object, extract: Callable[..., object] = markup.extract_by_textmill) -> object:
        calls.append(arguments)
        return extract(*arguments)

    monkeypatch.setattr(markup, "extract_by_textmill", count_calls)
    same = [CrawledPage(f"http://a/{number}", make_html(TEXT)) for number in range(80)]
    pages = [
        *same[:2],
        CrawledPage("http://a/other", make_html(TEXT * 2)),
        *same[2:],
    ]  # more than one message to the reader
    draft = run_extract(write_pages(tmp_path / "pages", pages), make_draft, as_artifact)
    documents = pl.read_parquet(draft.path / "documents" / "*.parquet")
    assert documents["url"].to_list() == [page.url for page in pages]
    assert documents["id"].n_unique() == 81
    assert len(calls) == 2


@pytest.mark.slow
def test_the_same_pages_give_the_same_bytes_here_and_in_processes(
    tmp_path: Path, make_draft: Make, as_artifact: AsArtifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_pages(
        tmp_path / "pages",
        *([CrawledPage(f"http://a/{n}", make_html(TEXT * (n + 1))) for n in range(start, 20, 2)] for start in (0, 1)),
    )
    here = run_extract(folder, make_draft, as_artifact, name="here")
    monkeypatch.setenv("TEXTMILL_WORKERS", "2")
    elsewhere = run_extract(folder, make_draft, as_artifact, Clean().extract_settings(), name="elsewhere")
    for name in ("documents/00000.parquet", "documents/00001.parquet", "failed/00000.parquet"):
        assert (here.path / name).read_bytes() == (elsewhere.path / name).read_bytes()


def test_a_page_that_breaks_the_parser_is_counted_and_named(
    tmp_path: Path, make_draft: Make, as_artifact: AsArtifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(source: str, settings: HtmlExtraction, by: Callable[..., object] = markup.extract_by_textmill) -> object:
        if "fragile" in source:
            raise ValueError("broken")
        return by(source, settings)

    monkeypatch.setattr(markup, "extract_by_textmill", breaks)
    pages = [CrawledPage("http://a/1", make_html(TEXT)), CrawledPage("http://a/2", make_html("fragile"))]
    draft = run_extract(write_pages(tmp_path / "pages", pages), make_draft, as_artifact)
    assert draft.counts["failed"] == {"error ValueError": 1}
    assert pl.read_parquet(draft.path / "failed" / "*.parquet")["url"].to_list() == ["http://a/2"]


def test_a_record_that_is_not_where_the_index_says_is_counted(
    tmp_path: Path, make_draft: Make, as_artifact: AsArtifact
) -> None:
    folder = write_pages(
        tmp_path / "pages", [CrawledPage(f"http://a/{n}", make_html(TEXT * (n + 1))) for n in range(3)]
    )
    warc = folder / "warc" / "00000.warc.gz"
    last = pl.read_parquet(folder / "index" / "00000.parquet")["offset"][2]
    warc.write_bytes(warc.read_bytes()[:last])
    draft = run_extract(folder, make_draft, as_artifact)
    assert (draft.counts["documents"], draft.counts["failed"]) == (2, {"no body in the WARC file": 1})


def test_an_unreadable_warc_names_the_file_and_the_mend(
    tmp_path: Path, make_draft: Make, as_artifact: AsArtifact
) -> None:
    folder = write_pages(tmp_path / "pages", [CrawledPage("http://a/", make_html(TEXT))])
    (folder / "warc" / "00000.warc.gz").unlink()
    with pytest.raises(StageFailure, match=r"00000\.warc\.gz cannot be read.*--force crawl"):
        run_extract(folder, make_draft, as_artifact)


def test_an_index_of_another_kind_names_the_file(tmp_path: Path, make_draft: Make, as_artifact: AsArtifact) -> None:
    folder = tmp_path / "pages"
    (folder / "index").mkdir(parents=True)
    pl.DataFrame({"url": ["http://a/"]}).write_parquet(folder / "index" / "00000.parquet")
    with pytest.raises(StageFailure, match=r"index/00000\.parquet cannot be read as an index"):
        run_extract(folder, make_draft, as_artifact)


def test_no_index_at_all(tmp_path: Path, make_draft: Make, as_artifact: AsArtifact) -> None:
    (tmp_path / "pages").mkdir()
    with pytest.raises(StageFailure, match="has no index"):
        run_extract(tmp_path / "pages", make_draft, as_artifact)


def test_no_document_from_all_pages_names_the_reasons(
    tmp_path: Path, make_draft: Make, as_artifact: AsArtifact
) -> None:
    pages = [CrawledPage(f"http://a/{n}.pdf", b"%PDF", "application/pdf") for n in range(3)]
    folder = write_pages(tmp_path / "pages", [*pages, CrawledPage("http://a/", b"<p> </p>")])
    with pytest.raises(StageFailure, match=r"4 pages: media type application/pdf \(3\), no text \(1\)"):
        run_extract(folder, make_draft, as_artifact)


def test_only_missing_pages(tmp_path: Path, make_draft: Make, as_artifact: AsArtifact) -> None:
    folder = write_pages(tmp_path / "pages", [CrawledPage("http://a/", b"gone", status=404)])
    with pytest.raises(StageFailure, match="none of the crawled pages has status 200"):
        run_extract(folder, make_draft, as_artifact)


def test_chinese_pages_in_old_encodings(tmp_path: Path, make_draft: Make, as_artifact: AsArtifact) -> None:
    text = "港口管理员记录每一艘停靠码头的船只，并写下它们离开的时间。" * 4
    bodies = {
        codec: f"<html><head><meta charset={codec}></head><p>{text}".encode(codec) for codec in ("gb18030", "utf-8")
    }
    pages = [CrawledPage(f"http://a/{codec}", body, "text/html") for codec, body in bodies.items()]
    draft = run_extract(write_pages(tmp_path / "pages", pages), make_draft, as_artifact)
    documents = pl.read_parquet(draft.path / "documents" / "*.parquet")
    assert documents["text"].to_list() == [text, text]
    assert documents.select("language", "script").unique().rows() == [("zh", "Hans")]


def test_real_pages_come_out_as_text(
    tmp_path: Path, make_draft: Make, as_artifact: AsArtifact, shared: Callable[[str], Path]
) -> None:
    files = sorted((shared("site-handbook") / "html").rglob("*.html"))[::12]
    pages = [
        CrawledPage(f"http://handbook/{path.name}{n}", path.read_bytes(), "text/html") for n, path in enumerate(files)
    ]
    draft = run_extract(write_pages(tmp_path / "pages", pages), make_draft, as_artifact)
    documents = pl.read_parquet(draft.path / "documents" / "*.parquet")
    assert draft.counts["failed"] == {}
    assert {"en", "de", "fr", "zh", "ja"} <= set(documents["language"])
    assert not documents["text"].str.contains("[\u00a0\t\ufffd]").any()


def test_a_row_without_a_title_gets_the_one_that_the_crawl_was_given(
    tmp_path: Path, make_draft: Make, as_artifact: AsArtifact
) -> None:
    header = "X-Textmill-Title: Boats%20%E6%B8%AF"
    pages = [
        CrawledPage("http://a/plain", TEXT.encode(), "text/plain", header=header),
        CrawledPage("http://a/bare", f"<p>{TEXT}".encode(), header=header),
        CrawledPage("http://a/own", make_html(TEXT), header=header),
        CrawledPage("http://a/none", TEXT.encode(), "text/plain"),
    ]
    draft = run_extract(write_pages(tmp_path / "pages", pages), make_draft, as_artifact)
    documents = pl.read_parquet(draft.path / "documents" / "*.parquet")
    assert documents["title"].to_list() == ["Boats 港", "Boats 港", "T", TEXT.strip()]


def test_an_undecided_page_is_tried_alone_by_the_next_builds_and_decided_by_the_third(
    tmp_path: Path, make_draft: Make, as_artifact: AsArtifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [f"{TEXT} Berth {number}." for number in range(3)]
    pages = [CrawledPage(f"http://a/{number}", make_html(text)) for number, text in enumerate(texts)]
    folder = write_pages(tmp_path / "pages", pages[:2], pages[2:])
    settings = Extract(extract=HtmlExtraction(timeout_seconds=0))
    read: list[bytes] = []
    is_short = True

    def extract_unless_short(body: bytes, *args: object, **named: object) -> ExtractedPage:
        read.append(body)
        if is_short and b"Berth 1" in body:
            raise MemoryError
        return extract_page(body, *args, **named)  # type: ignore[arg-type]

    monkeypatch.setattr("tasks.clean.extract.page_process.extract_page", extract_unless_short)

    def build(name: str, previous: Draft | None) -> Draft:
        read.clear()
        draft = make_draft(name)
        if previous:
            manifest = Manifest(
                stage="extract", version=1, settings={}, semantic={}, inputs=(), fingerprint="", key="0", digest="0",
                files=(), counts=previous.counts, started="", finished="", seconds=0, host="", packages={},
            )  # fmt: skip
            (previous.path / "manifest.json").write_bytes(manifest.as_json)
            draft.incomplete_artifact = previous.path
        extract.build(settings, draft, as_artifact(folder, "crawl"))
        return draft

    def list_failed(draft: Draft) -> list[tuple[str, str]]:
        return pl.read_parquet(draft.path / "failed" / "*.parquet").rows()

    first = build("first", None)
    assert len(read) == 3
    assert first.incomplete_reasons == [
        "1 page could not be read because of the machine (memory, killed processes): see undecided/"
    ]
    assert list_failed(first) == [("http://a/1", "undecided: error MemoryError")]
    undecided = pl.read_parquet(first.path / "undecided" / "*.parquet")
    assert undecided.rows() == [("http://a/1", "error MemoryError", 1)]
    assert first.counts["documents"] == 2

    second = build("second", first)
    assert len(read) == 1, "only the undecided page is read"
    assert second.incomplete_reasons == first.incomplete_reasons
    documents = [pl.read_parquet(draft.path / "documents" / "*.parquet") for draft in (first, second)]
    assert documents[0].equals(documents[1])

    third = build("third", second)
    assert len(read) == 1
    assert third.incomplete_reasons == []
    assert list_failed(third) == [("http://a/1", "error MemoryError, in 3 builds")]
    assert third.counts["failed"] == {"error MemoryError, in 3 builds": 1}
    assert not (third.path / "undecided").exists()

    is_short = False
    healed, whole = build("healed", second), build("whole", None)
    assert healed.incomplete_reasons == []
    for name in ("00000.parquet", "00001.parquet"):
        healed_bytes, whole_bytes = ((draft.path / "documents" / name).read_bytes() for draft in (healed, whole))
        assert healed_bytes == whole_bytes


@pytest.mark.slow
def test_a_page_that_takes_too_long_is_named_and_the_shard_goes_on(
    tmp_path: Path, make_draft: Make, as_artifact: AsArtifact
) -> None:
    endless = "".join(f"<div><p>{TEXT}<b>{number}</b></p></div>" for number in range(60_000)).encode()  # 8 MB
    pages = [
        CrawledPage("http://a/1", make_html(TEXT)),
        CrawledPage("http://a/2", endless),
        CrawledPage("http://a/3", make_html(TEXT * 2)),
    ]
    settings = Extract(extract=HtmlExtraction(extractor="trafilatura", timeout_seconds=1))
    draft = run_extract(write_pages(tmp_path / "pages", pages), make_draft, as_artifact, settings)
    assert draft.counts["documents"] == 2
    failed = pl.read_parquet(draft.path / "failed" / "*.parquet")
    assert failed.rows() == [("http://a/2", "takes more than 1 seconds")]


@pytest.mark.slow
def test_lines_that_recur_over_the_shards_of_a_host_go_before_scores_are_taken(
    tmp_path: Path, make_draft: Make, as_artifact: AsArtifact
) -> None:
    def page(number: int) -> CrawledPage:
        own = "".join(f"<p>Boat {number} has left the pier at {hour} o'clock, says its log.</p>" for hour in range(9))
        return CrawledPage(f"http://a/{number}", f"<article>{own}<p>Back to the harbour</p></article>".encode())

    shards = [[page(number) for number in range(start, start + 12)] for start in (0, 12)]
    folder = write_pages(tmp_path / "pages", *shards)
    keep_lines = Extract(extract=HtmlExtraction.model_validate({"recurring_lines": {"enabled": False}}))
    removed = run_extract(folder, make_draft, as_artifact, name="removed")
    kept = run_extract(folder, make_draft, as_artifact, keep_lines, "kept")
    shorter = pl.read_parquet(removed.path / "documents" / "*.parquet")
    longer = pl.read_parquet(kept.path / "documents" / "*.parquet")
    assert not shorter["text"].str.contains("Back to the harbour").any()
    assert longer["text"].str.ends_with("Back to the harbour").all()
    assert (shorter[f"{SCORE_PREFIX}length"] < longer[f"{SCORE_PREFIX}length"]).all()
    assert (removed.counts["recurring_lines"], kept.counts["recurring_lines"]) == (24, 0)
