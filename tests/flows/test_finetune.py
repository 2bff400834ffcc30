"""`textmill run finetune` and what an evaluation alone does with the models that it keeps."""

import json
import time
from pathlib import Path

import pytest

pytest.importorskip("prefect")

from flows.cli.command_line import run_command_line
from tasks.store import Artifact, Store
from tasks.store.manifest import ArtifactRef, BuildSpec
from tests.downstream.conftest import (  # noqa: F401 - fixtures
    checkpoint,
    heldout,
    tokens,
)
from tests.finetune.test_settings import write_reviews

pytestmark = [pytest.mark.prefect, pytest.mark.slow, pytest.mark.timeout(400)]

RECIPE = """
finetune:
  benchmarks: {{labelled_text: {{sets: [{{name: reviews, train: {data}}}]}}}}
  finetuning: {{learning_rates: [0.01], epochs: 1, min_steps: 6, max_length: 32}}
evaluate:
  benchmarks: {{site_section: {{enabled: false}}}}
"""


def publish_folder(store: Store, stage: str, folder: Path, *inputs: Artifact) -> Artifact:
    refs = tuple(ArtifactRef(stage=source.stage, key=source.key, digest=source.digest) for source in inputs)
    spec = BuildSpec(stage=stage, version=1, settings={}, semantic={}, inputs=refs, fingerprint="f")
    draft = store.draft(stage, spec.expected_key, refs)
    for file in (path for path in folder.rglob("*") if path.is_file()):
        with draft.write(str(file.relative_to(folder))) as path:
            path.write_bytes(file.read_bytes())
    return store.publish(spec, draft, time.time())


def test_a_model_is_kept_once_and_scored_by_an_evaluation(
    tmp_path: Path,
    checkpoint: Path,  # noqa: F811
    tokens: Path,  # noqa: F811
    prefect_server: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("TEXTMILL_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("TEXTMILL_WORKERS", "1")
    store = Store.current()
    publish_folder(store, "pretrain", checkpoint, publish_folder(store, "tokenize", tokens))
    recipe = tmp_path / "keep.yaml"
    recipe.write_text(RECIPE.format(data=write_reviews(tmp_path / "reviews.tsv")))
    options = ["--recipe", str(recipe)]
    assert run_command_line(["plan", "finetune", *options]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[:1] == ["finetune"]
    assert run_command_line(["run", "finetune"]) == 2
    assert "no task is named" in capsys.readouterr().err
    assert run_command_line(["run", "finetune", *options]) == 0
    (kept,) = store.manifests("finetune")
    printed = capsys.readouterr().out
    assert "built" in printed
    assert f"model: {store.artifact(kept).path}" in printed
    assert run_command_line(["run", "finetune", *options]) == 0
    assert "cached" in capsys.readouterr().out
    assert run_command_line(["run", "evaluate", *options]) == 0
    (evaluation,) = store.manifests("evaluate")
    assert [source.stage for source in evaluation.inputs] == ["pretrain", "finetune", "tokenize"]
    record = json.loads((store.artifact(kept).folder / "textmill.json").read_text())
    scores = json.loads((store.artifact(evaluation).folder / "scores.json").read_text())["scores"]
    (score,) = [
        row["value"] for row in scores if (row["model"], row["seed"], row["metric"]) == ("pretrained", 0, "accuracy")
    ]
    assert score == record["scores"][0]["value"]
    assert run_command_line(["lineage", evaluation.key]) == 0
