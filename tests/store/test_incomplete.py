"""Incomplete artifacts: what their manifest, their summary and the commands say."""

import time
from pathlib import Path

import pytest

from flows.cli.command_line import run_command_line
from flows.cli.start_flows import finish_run
from tasks.store import Artifact, Draft, Store
from tasks.store.incomplete import add_incomplete_note, describe_incomplete
from tasks.store.manifest import ArtifactRef, BuildSpec, Manifest

LOST = "113 pages of example.org got no answer"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("TEXTMILL_STORE", str(tmp_path / "store"))
    return Store.current()


def publish(store: Store, stage: str, *inputs: ArtifactRef, incomplete: tuple[str, ...] = ()) -> Artifact:
    spec = BuildSpec(stage=stage, version=1, settings={}, semantic={}, inputs=inputs, fingerprint="f")
    draft = store.draft(stage, spec.expected_key, inputs)
    with draft.write("pages.txt") as path:
        path.write_text("pages")
    for reason in incomplete:
        draft.report_incomplete(reason)
    return store.publish(spec, draft, time.time())


def test_a_manifest_holds_what_is_missing_outside_of_key_and_digest(store: Store) -> None:
    complete = publish(store, "crawl")
    incomplete = publish(store, "crawl", incomplete=(LOST, LOST))
    assert incomplete == complete
    manifest = store.manifest("crawl", complete.key)
    assert manifest is not None
    assert manifest.incomplete == (LOST,)
    publish(store, "crawl")
    assert store.manifest("crawl", complete.key).incomplete == ()  # type: ignore[union-attr]


def test_an_old_manifest_is_complete(store: Store) -> None:
    artifact = publish(store, "crawl")
    manifest = store.manifest("crawl", artifact.key)
    assert manifest is not None
    old = manifest.model_dump_json(exclude={"incomplete"})
    assert '"incomplete"' not in old
    assert Manifest.read(old.encode()) == manifest


def test_the_summary_begins_with_what_is_missing(tmp_path: Path) -> None:
    draft = Draft(tmp_path)
    (tmp_path / "summary.md").write_text("# Pages\n\n| a |\n")
    add_incomplete_note(draft)
    assert (tmp_path / "summary.md").read_text() == "# Pages\n\n| a |\n"
    draft.report_incomplete(LOST)
    for _ in range(2):  # the second time as after a kill
        add_incomplete_note(draft)
        assert (tmp_path / "summary.md").read_text() == (
            f"**Incomplete:** {LOST}. The next run asks again.\n\n# Pages\n\n| a |\n"
        )


def test_many_reasons_are_cut_short() -> None:
    assert describe_incomplete(["a.", "b", "c", "d", "e"]) == "a; b; c; and 2 more"


def test_commands_say_what_is_missing(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    pages = publish(store, "crawl", incomplete=(LOST,))
    documents = publish(store, "extract", pages.ref)

    def run(*words: str) -> str:
        assert run_command_line(words) == 0
        return capsys.readouterr().out

    crawl_row, extract_row = run("ls").splitlines()[1:]
    assert crawl_row.endswith("incomplete")
    assert "incomplete" not in extract_row
    assert f"missing   {LOST} (incomplete: the next run asks again)" in run("show", pages.key)
    shown = run("show", documents.key)
    assert f"built on  crawl {pages.key} is incomplete: {LOST}" in shown
    assert "missing" not in shown
    assert f"    missing   {LOST} (incomplete)" in run("lineage", documents.key)


def test_the_exit_code_tells_a_complete_run_from_an_incomplete_one(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    pages = publish(store, "crawl", incomplete=(LOST,))
    documents = publish(store, "extract", pages.ref)
    assert finish_run([documents], time.time()) == 0
    assert "incomplete" not in capsys.readouterr().out
    assert finish_run([pages, documents], 0.0) == 3
    printed = capsys.readouterr().out
    assert f"crawl {pages.key} is incomplete: {LOST}\nThe next run with the same settings asks again" in printed
    assert "incomplete" in next(line for line in printed.splitlines() if line.startswith("crawl"))
