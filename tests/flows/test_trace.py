"""What became of a page, told from the store."""

import time
from pathlib import Path
from typing import Any

import pytest

from flows.chain import chain
from flows.corpus import Earlier
from flows.trace import page
from tasks.block import Block
from tasks.failure import StageFailure
from tasks.stage import Stage
from tasks.store import Artifact, Store
from tests.flows import tiny


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store with crawl to dedup of the small site, in which one file is there twice, built without Prefect."""
    folder = tmp_path_factory.mktemp("trace")
    tiny.build(folder / "site")
    original = folder / "site" / "logging" / "0.html"
    (folder / "site" / "logging" / "0-copy.html").write_bytes(original.read_bytes())
    near = original.read_text().replace("</main>", "<p>And one more sentence at the end of it.</p></main>")
    (folder / "site" / "logging" / "near.html").write_text(near)
    store = Store(folder / "store")

    def step(stage: Stage[Any], settings: Block, *inputs: Artifact) -> Artifact | None:
        if stage.name in ("tokenize", "pretrain", "evaluate"):
            return None
        wanted = stage.wanted(settings, *inputs)
        draft = store.draft(stage.name, wanted.wanted_key, wanted.inputs)
        stage.build(settings, draft, *inputs)
        return store.publish(wanted, draft, time.time())

    chain(tiny.recipe(tiny.settings_from(folder / "site")), step, Earlier(), lambda _: False)
    return store


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("argparse/0.html", ["crawl     status 200", "extract   document ", "clean     kept", "dedup     kept"]),
        ("index.html", ["clean     dropped by ", " stays: at least "]),
        ("logging/0.html", ["the same bytes as http://tiny.test/logging/0-copy.html, whose way this is:"]),
        ("logging/0-copy.html", ["near duplicate of http://tiny.test/logging/near.html (similarity 0.9"]),
    ],
)
def test_a_pages_way(store: Store, path: str, said: list[str]) -> None:
    told = page(store, f"http://tiny.test/{path}")
    assert told.startswith("looked at crawl ")
    for words in said:
        assert words in told


def test_a_page_that_no_crawl_has_seen(store: Store, tmp_path: Path) -> None:
    with pytest.raises(StageFailure, match=r"has not stored http://tiny\.test/other\.html"):
        page(store, "http://tiny.test/other.html")
    with pytest.raises(StageFailure, match="holds no crawl"):
        page(Store(tmp_path), "http://tiny.test/")
