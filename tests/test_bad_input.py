"""Input that is not as it should be, through every stage of the data half: a clear error, or a counted loss."""

import json
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.clean.settings import Clean
from tasks.clean.task import clean, extract
from tasks.crawl import records
from tasks.crawl.page import CrawledPage
from tasks.crawl.settings import Crawl
from tasks.crawl.task import crawl
from tasks.dedup.settings import Dedup
from tasks.dedup.task import dedup
from tasks.errors import StageFailure
from tasks.store import Artifact, Draft
from tasks.tokenize.settings import Tokenize
from tasks.tokenize.task import tokenize

MakeDraft = Callable[..., Draft]
AsArtifact = Callable[[Path, str], Artifact]
SETTINGS = Clean.model_validate({"filters": {"length": {"enabled": False}}})
PROSE = "It is the end of the day, and all of that was to be done with care in the town of the river. "
# A folder of which libraries make a pattern, a query, an option or another encoding.
ODD_NAME = "store [v2] *? {a,b} %20 #1 'x' \"y\" ü中 a=1"
ROWS: dict[str, Any] = {
    "null": None,
    "empty": "",
    "blank": " \n\t ",
    "zero bytes": f"{PROSE}\0{PROSE}\0" * 5,
    "only zero bytes": "\0" * 500,
    "lone surrogates": f"\ud800{PROSE}\udfff" * 5,
    "no text": 7,
    "non-characters": f"\ufffe\uffff{PROSE}" * 5,
    "one line": PROSE * 10_000,
    "one word": "x" * 1_000_000,
    "no spaces": "长江" * 100_000,
    "nested": "<div>" * 1_000_000 + PROSE,
    "crowded": f"<p {' '.join(f'a{n}=1' for n in range(50_000))}>{PROSE * 5}",
    "good": PROSE * 7,
    "again": PROSE * 7,
    "the same address": PROSE * 8,
    "the same address and text": PROSE * 8,
}


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXTMILL_WORKERS", "1")


def url_of(name: str) -> str:
    return "http://x.test/same" if name.startswith("the same") else f"http://x.test/{name.replace(' ', '-')}\ud800"


@pytest.fixture
def run(make_draft: MakeDraft, as_artifact: AsArtifact) -> Callable[..., tuple[Draft, Artifact]]:
    """Build a stage, and give its draft and what the next one gets."""

    def build(stage: Any, settings: Any, *inputs: Artifact) -> tuple[Draft, Artifact]:
        draft = make_draft(f"{ODD_NAME}/{stage.name}")
        stage.build(settings, draft, *inputs)
        return draft, as_artifact(draft.path, stage.name)

    return build


@pytest.mark.slow
def test_bad_rows_through_all_stages(tmp_path: Path, run: Callable[..., tuple[Draft, Artifact]]) -> None:
    lines = (json.dumps({"text": text, "url": url_of(name), "title": "\ud800"}) for name, text in ROWS.items())
    source = tmp_path / ODD_NAME / "rows.jsonl"
    source.parent.mkdir()
    source.write_text("\n".join(lines) + "\n")
    block = {"path": str(source), "content": "html"}
    crawled, pages = run(crawl, Crawl.model_validate({"source": {"kind": "files", "files": block}}))
    counts = crawled.counts
    assert counts["skipped"] == {"empty": 3, "text column holds no text": 1}
    assert counts["pages"] + counts["statuses"]["repeated"] + 4 == len(ROWS)

    extracted, scored = run(extract, SETTINGS.extract_settings(), pages)
    counts = extracted.counts
    assert counts["pages"] == crawled.counts["pages"] == counts["documents"] + sum(counts["failed"].values())
    assert counts["failed"]["no text"] == 1  # only zero bytes
    assert sum(counts["failed"].values()) <= 3  # nested and crowded may be read or named

    cleaned, documents = run(clean, SETTINGS, scored)
    counts = cleaned.counts
    assert counts["documents"] == extracted.counts["documents"] == counts["kept"] + sum(counts["dropped"].values())
    assert counts["kept"] >= 4

    deduped, unique = run(dedup, Dedup(), documents)
    counts = deduped.counts
    assert counts["documents"] == cleaned.counts["kept"]
    assert len(rows_of(deduped, "documents")) == counts["kept"]

    _, tokens = run(tokenize, Tokenize(vocab_size=400, validation_fraction=0, heldout_fraction=0), unique)
    assert tokens.folder.exists()


def rows_of(draft: Draft, part: str) -> list[dict[str, Any]]:
    return [row for file in sorted((draft.path / part).glob("*.parquet")) for row in pq.read_table(file).to_pylist()]


@pytest.mark.slow
def test_a_hundred_megabytes_on_one_line(tmp_path: Path, run: Callable[..., tuple[Draft, Artifact]]) -> None:
    page = CrawledPage("http://x.test/large", 200, (("Content-Type", "text/html"),), b"<p>" + b"x" * 100_000_000, 1)
    small = CrawledPage("http://x.test/small", 200, (("Content-Type", "text/html"),), b"<p>" + PROSE.encode() * 5, 1)
    (tmp_path / "x.warc.gz").write_bytes(
        b"".join(records.compress_record(records.build_response(each)) for each in (page, small))
    )
    block = {"path": str(tmp_path / "x.warc.gz"), "max_megabytes": 200}
    crawled, pages = run(crawl, Crawl.model_validate({"source": {"kind": "warc", "warc": block}}))
    assert crawled.counts["pages"] == 2
    extracted, _ = run(extract, SETTINGS.extract_settings(), pages)
    assert extracted.counts["failed"] == {"more than 10000000 bytes": 1}
    assert [row["url"] for row in rows_of(extracted, "failed")] == ["http://x.test/large"]


def test_duplicate_ids_reach_tokens_once(tmp_path: Path, as_artifact: AsArtifact, make_draft: MakeDraft) -> None:
    (tmp_path / "in" / "documents").mkdir(parents=True)
    for number in range(2):
        rows = [document(f"{PROSE}{n} ", identity=f"{n:032x}") for n in (0, 1, 1)]
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / "in" / "documents" / f"{number:05d}.parquet")
    draft = make_draft("dedup")
    dedup.build(Dedup(near_duplicates=False), draft, as_artifact(tmp_path / "in", "clean"))
    assert draft.counts["documents"] == 6
    stays = [row["id"] for row in rows_of(draft, "documents")]
    assert len(stays) == len(set(stays)) == draft.counts["kept"]


@pytest.mark.parametrize("name", ["null", "empty", "blank", "zero bytes", "one line", "one word", "no spaces"])
def test_strange_documents_end_no_stage(
    tmp_path: Path, as_artifact: AsArtifact, make_draft: MakeDraft, name: str
) -> None:
    """What clean lets through by other settings reaches dedup and tokenize."""
    (tmp_path / "in" / "documents").mkdir(parents=True)
    documents = [document(ROWS[name], "f" * 32), *(document(f"{PROSE}{n} " * 3, f"{n:032x}") for n in range(20))]
    pq.write_table(pa.Table.from_pylist(documents), tmp_path / "in" / "documents" / "00000.parquet")
    draft = make_draft("dedup")
    dedup.build(Dedup(near_duplicates=False), draft, as_artifact(tmp_path / "in", "clean"))
    assert draft.counts["documents"] == 21
    assert draft.counts["kept"] >= 20
    assert len(rows_of(draft, "documents")) == draft.counts["kept"]
    tokens = make_draft("tokenize")
    tokenize.build(
        Tokenize(vocab_size=400, validation_fraction=0, heldout_fraction=0), tokens, as_artifact(draft.path, "dedup")
    )
    assert list(tokens.path.rglob("*.arrow"))


def document(text: str | None, identity: str = "0" * 32) -> dict[str, Any]:
    return {"id": identity, "url": "http://x.test/", "title": None, "text": text, "language": "en"}


OTHER = pa.table({"body": ["x"], "number": [1]})


@pytest.mark.parametrize(
    ("stage", "settings", "folder", "kind"),
    [
        (extract, SETTINGS.extract_settings(), "index", "crawl"),
        (clean, SETTINGS, "documents", "extract"),
        (dedup, Dedup(), "documents", "clean"),
        (tokenize, Tokenize(vocab_size=400), "documents", "dedup"),
    ],
    ids=["extract", "clean", "dedup", "tokenize"],
)
@pytest.mark.parametrize("content", [OTHER, b"PAR1 and no table PAR1", b""], ids=["other schema", "no table", "empty"])
def test_a_table_of_another_kind_is_named(
    tmp_path: Path, as_artifact: AsArtifact, make_draft: MakeDraft, stage: Any, settings: Any, folder: str, kind: str,
    content: pa.Table | bytes,
) -> None:  # fmt: skip
    (tmp_path / "in" / folder).mkdir(parents=True)
    path = tmp_path / "in" / folder / "00000.parquet"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        pq.write_table(content, path)
    inputs = Artifact(stage=kind, key="k", digest="d", path=str(tmp_path / "in"))
    with pytest.raises(StageFailure, match=r"00000\.parquet"):
        stage.build(settings, make_draft(stage.name), inputs)


@pytest.mark.slow
@pytest.mark.parametrize(("cut", "lost"), [(100, 9), (-100, 1)])
def test_pages_of_a_cut_archive_are_named(
    tmp_path: Path, run: Callable[..., tuple[Draft, Artifact]], make_draft: MakeDraft, cut: int, lost: int
) -> None:
    (tmp_path / "in").mkdir()
    for number in range(9):
        (tmp_path / "in" / f"{number}.html").write_text(f"<p>{PROSE * 5} {number}")
    block = {"path": str(tmp_path / "in")}
    _, pages = run(crawl, Crawl.model_validate({"source": {"kind": "files", "files": block}}))
    (archive,) = pages.folder.glob("warc/*")
    archive.write_bytes(archive.read_bytes()[:cut])
    draft = make_draft("extract")
    with pytest.raises(StageFailure, match=r"no body in the WARC file \(9\)") if lost == 9 else nullcontext():
        extract.build(SETTINGS.extract_settings(), draft, pages)
    assert draft.counts["pages"] == 9
    assert sum(draft.counts["failed"].values()) == lost
