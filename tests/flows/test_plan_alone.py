"""`textmill plan STAGE`: one stage alone, on the newest artifact of the store."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("prefect")

from flows.cli.command_line import run_command_line
from flows.cli.run_summary import format_run_summary
from tasks.store.manifest import ArtifactRef, BuildSpec
from tasks.store.store import Artifact, Store


def publish_artifact(store: Store, stage: str, *inputs: Artifact, remarks: dict[str, str] | None = None) -> Artifact:
    refs = tuple(ArtifactRef(stage=made.stage, key=made.key, digest=made.digest) for made in inputs)
    settings: dict[str, Any] = {}
    spec = BuildSpec(stage=stage, version=1, settings=settings, semantic=settings, inputs=refs, fingerprint="f")
    draft = store.draft(stage, spec.expected_key, refs)
    draft.counts["remarks"] = remarks or {}
    with draft.write("made.txt") as path:
        path.write_text(json.dumps(stage))
    return store.publish(spec, draft, time.time())


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    data = tmp_path / "mood.tsv"
    data.write_text("text\tlabel\n" + "".join(f"On day {n} we went\t{'xy'[n % 2]}\n" for n in range(40)))
    path = tmp_path / "mood.yaml"
    sets = f"labelled_text: {{sets: [{{name: mood, train: {data}}}]}}"
    path.write_text(f"evaluate:\n  benchmarks:\n    site_section: {{enabled: false}}\n    {sets}\n")
    return path


def test_an_evaluation_of_the_newest_model_is_planned_without_a_crawl(
    tmp_path: Path, recipe: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TEXTMILL_STORE", str(tmp_path / "store"))
    store = Store.current()
    publish_artifact(store, "pretrain", publish_artifact(store, "tokenize"))
    assert run_command_line(["plan", "evaluate", "--recipe", str(recipe)]) == 0
    _, row = capsys.readouterr().out.splitlines()
    assert row.split()[0] == "evaluate"
    assert row.split()[2] == "run"
    recipe.write_text(recipe.read_text().replace("mood.tsv", "none.tsv"))
    assert run_command_line(["plan", "evaluate", "--recipe", str(recipe)]) == 2
    assert "sets[0].train: the file" in capsys.readouterr().err


def test_without_a_model_the_data_are_checked_and_the_model_is_missing(
    tmp_path: Path, recipe: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TEXTMILL_STORE", str(tmp_path / "store"))
    inspected = str(tmp_path / "inspected.yaml")
    assert run_command_line(["inspect", str(tmp_path / "mood.tsv"), "--write", inspected]) == 0
    capsys.readouterr()
    assert run_command_line(["plan", "evaluate", "--recipe", inspected]) == 0
    _, model, evaluation = capsys.readouterr().out.splitlines()
    assert model.split()[:2] == ["pretrain", "missing"]
    assert "textmill run or textmill demo builds one" in model
    assert evaluation.split()[:2] == ["evaluate", "waiting"]
    recipe.write_text(recipe.read_text().replace("mood.tsv", "none.tsv"))
    assert run_command_line(["plan", "evaluate", "--recipe", str(recipe)]) == 2
    assert "sets[0].train: the file" in capsys.readouterr().err
    assert run_command_line(["plan", "evaluate", "--recipe", inspected, "--input", "abc"]) == 1
    assert "no pretrain artifact with key abc" in capsys.readouterr().err
    assert run_command_line(["run", "evaluate", "--recipe", inspected]) == 1
    error = capsys.readouterr().err
    assert "evaluate takes the newest pretrain artifact, and there is no pretrain artifact in" in error
    assert "textmill run or textmill demo" in error


def test_what_was_left_out_is_told_at_the_end_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXTMILL_STORE", str(tmp_path / "store"))
    remark = "29 of 30 files are of a kind that is not read: .odt 29"
    crawl = publish_artifact(Store.current(), "crawl", remarks={"files": remark})
    assert f"\nnote: crawl: files: {remark}" in format_run_summary([crawl], 0.0)


@pytest.mark.parametrize("options", [["evaluate", "--only", "evaluate"], ["--input", "abc"]])
def test_options_that_do_not_go_together_are_refused(options: list[str], recipe: Path) -> None:
    assert run_command_line(["plan", *options, "--recipe", str(recipe)]) == 2
