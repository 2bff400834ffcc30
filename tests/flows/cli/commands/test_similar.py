"""The documents that are similar to a text."""

import time
from pathlib import Path

import polars as pl
import pytest

from flows.cli.command_line import run_command_line
from tasks.block import Block
from tasks.dedup.settings import Dedup
from tasks.dedup.task import dedup
from tasks.stage import Stage, stage
from tasks.store import Artifact, Draft, Store

pytestmark = pytest.mark.slow

WORDS = [f"word{number}" for number in range(400)]
SNAPSHOTS = {"monday": [" ".join(WORDS[:200]), " ".join(WORDS[200:300])], "tuesday": [" ".join(WORDS[40:220])]}


class Texts(Block):
    """The documents of a snapshot."""

    texts: list[str]


@stage("clean", version=1)
def write_documents(settings: Texts, draft: Draft) -> None:
    """Stand for all stages before dedup."""
    rows = [
        {"id": f"{text.split()[0]}-{len(text)}", "url": f"http://x.test/{text.split()[0]}", "title": "", "text": text}
        for text in settings.texts
    ]
    with draft.write("documents/00000.parquet") as path:
        pl.DataFrame(rows).write_parquet(path)


def build_artifact(store: Store, stage: Stage[Block], settings: Block, *inputs: Artifact) -> Artifact:
    wanted = stage.build_spec(settings, *inputs)
    draft = store.draft(stage.name, wanted.expected_key, wanted.inputs)
    stage.build(settings, draft, *inputs)
    return store.publish(wanted, draft, time.time())


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store with two snapshots of one corpus."""
    monkeypatch.setenv("TEXTMILL_STORE", str(tmp_path / "store"))
    store = Store.current()
    earlier: list[Artifact] = []
    for texts in SNAPSHOTS.values():
        documents = build_artifact(store, write_documents, Texts(texts=texts))
        earlier.append(build_artifact(store, dedup, Dedup(), documents, *earlier))
    return store


def test_the_nearest_of_all_snapshots_comes_first(
    store: Store, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    asked = tmp_path / "asked.txt"
    asked.write_text(" ".join(WORDS[:198]))
    assert run_command_line(["similar", str(asked), "--min-similarity", "0.2"]) == 0
    _, first, second = (line.split() for line in capsys.readouterr().out.splitlines())
    assert (float(first[0]), first[2]) == (pytest.approx(194 / 196, abs=1e-3), "http://x.test/word0")
    assert second[2] == "http://x.test/word40"
    assert (
        run_command_line(["similar", str(asked), "--min-similarity", "0.2", "--artifact", store.find("dedup").key]) == 0
    )
    assert "http://x.test/word0" in capsys.readouterr().out, "the earlier snapshots belong to a corpus"


def test_what_is_not_there_is_said(store: Store, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run_command_line(["similar", "nothing of this was ever crawled by anybody at all"]) == 0
    assert "no document is that similar" in capsys.readouterr().out
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\xff")
    for words, code, message in (
        (["similar", "  "], 1, "the text is empty"),
        (["similar", str(tmp_path / "picture.png")], 1, "cannot be read as text"),
        (["similar", "x", "--artifact", "abc"], 1, "no dedup artifact with key abc"),
        (["similar", "x", "--min-similarity", "7"], 2, "--min-similarity 7.0: give a similarity from 0 to 1"),
    ):
        assert run_command_line(words) == code
        assert message in capsys.readouterr().err


def test_a_file_that_is_not_there_is_no_text(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("pages/none", "none.txt"):
        assert run_command_line(["similar", name]) == 1
        assert f"there is no file {name}" in capsys.readouterr().err
    for text in ("either/or is no file", "苹果/香蕉的价格在今年上涨了"):
        assert run_command_line(["similar", text]) == 0
