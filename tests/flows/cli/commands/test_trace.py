"""What became of a page, trace from the store."""

import time
from pathlib import Path
from typing import Any

import pytest

from flows.cli.page_trace import trace_page
from flows.graph import walk_stages
from flows.growing_corpus import PreviousArtifacts
from tasks.block import Block
from tasks.errors import StageFailure
from tasks.stage import Stage
from tasks.store import Artifact, Store
from tests.flows import tiny

# the fixture runs four stages, in each worker
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store with crawl to dedup of the small site, in which one file is there twice, built without Prefect."""
    folder = tmp_path_factory.mktemp("trace")
    tiny.build(folder / "site")
    original = folder / "site" / "logging" / "0.html"
    (folder / "site" / "logging" / "0-copy.html").write_bytes(original.read_bytes())
    near = original.read_text().replace("</main>", "<p>And one more sentence at the end of it.</p></main>")
    (folder / "site" / "logging" / "near.html").write_text(near)
    (folder / "site" / "empty.html").write_text(" ")
    (folder / "site" / "notes.odt").write_text("of a kind that is not read")
    (folder / "site" / "more.jsonl").write_text('{"text": "a row"}\n')
    (folder / "site" / "odd.jsonl").write_text('{"text": 5}\n{"text": "a row"}\n{"text": "cut\n{"text": " "}\n')
    (folder / "site" / "named.csv").write_text("text,url\nsome words,http://tiny.test/named\n,http://tiny.test/none\n")
    (folder / "site" / "gone.html").symlink_to("nowhere.html")
    store = Store(folder / "store")

    def step(stage: Stage[Any], settings: Block, *inputs: Artifact) -> Artifact | None:
        if stage.name in ("tokenize", "pretrain", "evaluate"):
            return None
        wanted = stage.build_spec(settings, *inputs)
        draft = store.draft(stage.name, wanted.expected_key, wanted.inputs)
        stage.build(settings, draft, *inputs)
        return store.publish(wanted, draft, time.time())

    settings = tiny.settings_from(folder / "site")
    settings["crawl"]["source"]["files"]["on_error"] = "skip"
    walk_stages(tiny.recipe(settings), step, PreviousArtifacts(), lambda _: False)
    return store


@pytest.mark.parametrize(
    ("path", "messages"),
    [
        ("argparse/0.html", ["crawl     status 200", "extract   document ", "clean     kept", "dedup     kept"]),
        ("index.html", ["clean     dropped by ", " kept: at least "]),
        ("logging/0.html", ["the same bytes as http://tiny.test/logging/0-copy.html, which is traced instead:"]),
        ("logging/0-copy.html", ["near duplicate of http://tiny.test/logging/near.html (similarity 0.9"]),
    ],
)
def test_a_pages_way(store: Store, path: str, messages: list[str]) -> None:
    trace = trace_page(store, f"http://tiny.test/{path}")
    assert trace.startswith("looked at crawl ")
    for message in messages:
        assert message in trace


@pytest.mark.parametrize(
    "given", ["argparse/0.html", "{root}/site/argparse/0.html", "file://{root}/site/argparse/0.html"]
)
def test_a_page_by_its_file(store: Store, given: str) -> None:
    trace = trace_page(store, given.format(root=store.root.parent))
    assert trace == trace_page(store, "http://tiny.test/argparse/0.html")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("empty.html", r"left out http://tiny\.test/empty\.html: empty"),
        ("http://tiny.test/empty.html", r"left out http://tiny\.test/empty\.html: empty"),
        ("{root}/site/notes.odt", r"left out http://tiny\.test/notes\.odt: unknown kind of file"),
        ("more.jsonl", r"each row of http://tiny\.test/more\.jsonl is a page.*more\.jsonl#row-1'"),
        (
            "odd.jsonl",
            r"but the crawl \w+ left out 3 of its rows \(row 1: text column holds no text; .*odd\.jsonl line 3 ",
        ),
        ("odd.jsonl", r"line 3 is not JSON .*: broken row; row 4: empty\).*textmill trace '.*odd\.jsonl#row-2'"),
        (
            "odd.jsonl#row-1",
            r"has not stored odd\.jsonl#row-1; of the table it left out 3 of its rows \(row 1: text column ",
        ),
        ("named.csv", r"but the crawl \w+ left out 1 of its rows \(row 2: empty\).*trace 'http://tiny\.test/named'"),
        ("gone.html", r"left out http://tiny\.test/gone\.html: link to nothing"),
        ("{root}/site/gone.html", r"left out http://tiny\.test/gone\.html: link to nothing"),
        (
            "other.html",
            "has not stored other.html; it left out empty: 3, .*link to nothing: 1, .*unknown kind of file: 1",
        ),
    ],
)
def test_a_file_that_gave_no_page(store: Store, given: str, message: str) -> None:
    with pytest.raises(StageFailure, match=message):
        trace_page(store, given.format(root=store.root.parent))


def test_a_page_whose_folder_is_gone(store: Store) -> None:
    site = store.root.parent / "site"
    site.rename(site.with_name("elsewhere"))
    try:
        assert "clean     kept" in trace_page(store, "http://tiny.test/argparse/0.html")
        with pytest.raises(StageFailure, match=r"has not stored argparse/0\.html"):
            trace_page(store, "argparse/0.html")
    finally:
        site.with_name("elsewhere").rename(site)


def test_a_page_that_no_crawl_has_seen(store: Store, tmp_path: Path) -> None:
    with pytest.raises(StageFailure, match=r"has not stored http://tiny\.test/other\.html"):
        trace_page(store, "http://tiny.test/other.html")
    with pytest.raises(StageFailure, match="holds no crawl"):
        trace_page(Store(tmp_path), "http://tiny.test/")
