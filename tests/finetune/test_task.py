"""A model is fitted to a task and kept; an evaluation scores it as it is, and fits the others."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from tasks.downstream.kept_models.record import read_kept_folders, read_record
from tasks.errors import StageFailure
from tasks.evaluate.settings import Evaluate
from tasks.evaluate.task import evaluate
from tasks.finetune.settings import Finetune
from tasks.finetune.task import finetune
from tasks.store import Artifact, Draft
from tests.finetune.test_settings import name_sets, write_reviews

pytestmark = pytest.mark.slow

RECIPE = {"learning_rates": [0.003, 0.01], "epochs": 2, "min_steps": 8, "batch_size": 6, "max_length": 32}
LINEAGE = [{"stage": "pretrain", "key": "0123", "digest": "4567", "settings": {}, "counts": {}}]

Run = Callable[..., Draft]


@pytest.fixture
def reviews(tmp_path: Path) -> dict[str, Any]:
    return {"name": "reviews", "train": str(write_reviews(tmp_path / "reviews.tsv"))}


@pytest.fixture
def keep(
    make_draft: Callable[..., Draft],
    as_artifact: Callable[[Path, str], Artifact],
    checkpoint: Path,
    tokens: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Run:
    monkeypatch.setenv("TEXTMILL_WORKERS", "1")

    def run(settings: Finetune, name: str = "finetune") -> Draft:
        draft = make_draft(name, LINEAGE)
        (task,) = settings.list_tasks()
        finetune.build(task, draft, as_artifact(checkpoint, "pretrain"), as_artifact(tokens, "tokenize"))
        return draft

    return run


@pytest.fixture
def evaluate_kept(
    make_draft: Callable[..., Draft],
    as_artifact: Callable[[Path, str], Artifact],
    checkpoint: Path,
    tokens: Path,
) -> Callable[[Evaluate, Draft], Draft]:
    """Evaluate a checkpoint with the kept model of a draft."""

    def run(settings: Evaluate, kept: Draft) -> Draft:
        draft = make_draft("evaluate", LINEAGE)
        inputs = {"pretrain": checkpoint, "finetune": kept.path, "tokenize": tokens}
        evaluate.build(settings, draft, *(as_artifact(path, stage) for stage, path in inputs.items()))
        return draft

    return run


def make_settings(reviews: dict[str, Any], **changes: Any) -> Finetune:
    return name_sets(reviews, finetuning=RECIPE | {"head": "stock"} | changes)


def test_the_folder_opens_and_tells_its_score_and_origin(keep: Run, reviews: dict[str, Any]) -> None:
    draft = keep(make_settings(reviews))
    model = AutoModelForSequenceClassification.from_pretrained(draft.path)
    assert model.config.id2label == {0: "bad", 1: "good"}
    assert AutoTokenizer.from_pretrained(draft.path).model_max_length == 32
    record = read_record(draft.path)
    assert record is not None
    assert {score.model for score in record.scores} == {"pretrained", "tfidf", "majority", "chance"}
    assert all(score.low <= score.value <= score.high for score in record.scores)
    card = (draft.path / "README.md").read_text()
    assert f"| **this model** | {record.scores[0].value:.4f} (" in card
    assert 'pipeline("text-classification", "this folder")' in card
    assert "test texts share 13 tokens in a row" in card
    assert "| pretrain | 0123 | 4567 |" in card
    assert draft.counts["scores"]["reviews"]["pretrained"] == round(record.scores[0].value, 4)


def test_what_was_finished_before_a_kill_is_not_done_again(
    keep: Run, reviews: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = keep(make_settings(reviews))
    before = {path.name: path.read_bytes() for path in first.path.iterdir() if path.is_file()}
    (first.path / "README.md").unlink()
    (first.path / "textmill.json").unlink()
    monkeypatch.setattr("tasks.downstream.finetuning.shards.fit_variant", None)
    monkeypatch.setattr("tasks.downstream.kept_models.fit.fit_variant", None)
    second = keep(make_settings(reviews))
    assert {path.name: path.read_bytes() for path in second.path.iterdir() if path.is_file()} == before


def test_the_evaluation_scores_the_kept_model_and_fits_the_others(
    keep: Run, evaluate_kept: Callable[[Evaluate, Draft], Draft], reviews: dict[str, Any]
) -> None:
    kept = keep(make_settings(reviews))
    record = read_kept_folders([kept.path])["reviews"].record
    settings = Evaluate.model_validate(
        {
            "labels_per_class": [2],
            "finetuning": RECIPE,
            "benchmarks": {"site_section": {"enabled": False}, "labelled_text": {"sets": [reviews]}},
        }
    )
    draft = evaluate_kept(settings, kept)
    scores = pl.read_parquet(draft.path / "scores.parquet").filter(model="pretrained", metric="accuracy")
    assert scores.filter(labels=0, seed=0)["value"].item() == record.scores[0].value
    assert set(scores["labels"]) == {0, 2}
    shards = [json.loads(line)["shard"] for line in (draft.path / ".journal.jsonl").read_text().splitlines()]
    assert "score_kept/reviews-pretrained-0-0" in shards
    assert "fit_and_score/reviews-pretrained-0-0" not in shards
    assert {"fit_and_score/reviews-pretrained-0-1", "fit_and_score/reviews-random-0-0"} <= set(shards)
    assert not [name for name in shards if name.startswith("validate_rate/reviews-pretrained-0-")]
    fits = json.loads((draft.path / "scores.json").read_text())["benchmarks"]["reviews"]["fits"]
    chosen = {fit["chosen"]["learning rate"] for fit in fits if (fit["model"], fit["labels"]) == ("pretrained", 0)}
    assert chosen == {record.learning_rate}


def test_a_kept_model_of_other_examples_is_refused(
    keep: Run, evaluate_kept: Callable[[Evaluate, Draft], Draft], reviews: dict[str, Any]
) -> None:
    kept = keep(make_settings(reviews))
    others = reviews | {"test_fraction": 0.5}
    sets = {"site_section": {"enabled": False}, "labelled_text": {"sets": [others]}}
    with pytest.raises(StageFailure, match="reviews was fine-tuned on other examples"):
        evaluate_kept(Evaluate.model_validate({"benchmarks": sets}), kept)


def test_a_method_that_no_class_of_transformers_has_is_refused(keep: Run, reviews: dict[str, Any]) -> None:
    with pytest.raises(StageFailure, match="a model of the method adapter") as failure:
        keep(make_settings(reviews, method={"kind": "adapter"}))
    assert "finetune.finetuning.method.kind" in failure.value.hint


def test_a_model_may_begin_with_a_folder_of_others(
    reviews: dict[str, Any], masked: Path, make_draft: Callable[..., Draft], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEXTMILL_WORKERS", "1")
    settings = name_sets(reviews, finetuning=RECIPE | {"head": "stock"}, folder=str(masked))
    draft = make_draft("finetune")
    (task,) = settings.list_tasks()
    finetune.build(task, draft)
    assert "BertForSequenceClassification" in (draft.path / "config.json").read_text()
    card = (draft.path / "README.md").read_text()
    assert "Fine-tuning began with the folder" in card
    assert "Not known: the model's pretraining text" in card


@pytest.mark.parametrize(
    ("model", "extra"),
    [
        ("unlabelled", {"unlabelled": {"method": "consistency"}}),
        ("unlabelled", {"unlabelled": {"method": "pseudo-labels"}}),
        ("augmented", {"augmentation": {"method": "words", "operations": ["swap", "deletion"], "max_copies": 2}}),
        ("continued", {"continued_pretraining": {"enabled": True, "epochs": 0.5}}),
    ],
)
def test_a_kept_model_is_fitted_with_what_the_settings_add(
    model: str, extra: dict[str, Any], keep: Run, reviews: dict[str, Any]
) -> None:
    record = read_record(keep(make_settings(reviews, learning_rates=[0.003], **extra)).path)
    assert record is not None
    assert record.model == model
    assert record.scores[0].model == model
