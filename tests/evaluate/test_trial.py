"""Fits of which only the validation score is wanted: no test part, ended early, gone on with after a kill."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import Any

import polars as pl
import pytest

from tasks.block import Every
from tasks.downstream.benchmarks import Benchmark
from tasks.downstream.data.task_data import Task
from tasks.downstream.finetuning import shards
from tasks.downstream.settings.finetuning import FineTuning
from tasks.errors import StageFailure
from tasks.evaluate.settings import Evaluate
from tasks.evaluate.task import load_validation_tasks
from tasks.evaluate.trial import describe_metric, mean_score, score_finetuning

QUICK = {"learning_rates": [0.01], "epochs": 1, "min_steps": 4, "max_length": 32}


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXTMILL_WORKERS", "1")


@pytest.fixture
def chosen_on(tmp_path: Path) -> Callable[..., list[Task]]:
    """The tasks of a search on a small data set, whose test file may be given."""

    def make(test: str = "", labels: tuple[int, ...] = (2, 4)) -> list[Task]:
        for part, most in (("train", 30), ("validation", 12), ("test", 6)):
            rows = [f"the {word} of {number}\t{word}" for number in range(most) for word in ("oak", "anchor")]
            (tmp_path / f"{part}.tsv").write_text("\n".join(["text\tlabel", *rows]) + "\n")
        if test:
            (tmp_path / "test.tsv").write_text(f"text\tlabel\n{test}\n")
        files = {part: str(tmp_path / f"{part}.tsv") for part in ("train", "validation", "test")}
        sets = {"labelled_text": {"sets": [{"name": "mood", **files}]}, "site_section": {"enabled": False}}
        return load_validation_tasks(Evaluate.model_validate({"labels": list(labels), "benchmarks": sets}))

    return make


class Judge:
    """Ends a trial at a share of it, and keeps what it was told."""

    def __init__(self, end: float = 2.0) -> None:
        self.end = end
        self.told: list[tuple[float, float]] = []

    def __call__(self, share: float, score: float) -> bool:
        self.told.append((round(share, 3), score))
        return share >= self.end


def tried(checkpoint: Path, tasks: list[Task], scratch: Path, judge: Judge | None = None, **finetuning: Any) -> Any:
    return score_finetuning(
        FineTuning.model_validate(QUICK | finetuning), checkpoint, tasks, 3, scratch, judge or Judge()
    )


def test_a_poisoned_test_part_changes_nothing(
    checkpoint: Path, chosen_on: Callable[..., list[Task]], tmp_path: Path
) -> None:
    (clean,), (poisoned,) = chosen_on(), chosen_on(test="nonsense\toak")
    assert clean.test.is_empty()
    assert clean.digest == poisoned.digest, "so it is one and the same search"
    one, other = Judge(), Judge()
    assert tried(checkpoint, [clean], tmp_path / "a", one) == tried(checkpoint, [poisoned], tmp_path / "b", other)
    assert one.told == other.told


def test_a_trial_refuses_a_task_with_a_test_part(
    checkpoint: Path, chosen_on: Callable[..., list[Task]], tmp_path: Path
) -> None:
    (task,) = chosen_on()
    with pytest.raises(AssertionError):
        tried(checkpoint, [replace(task, test=task.validation)], tmp_path / "scratch")


def test_the_score_is_the_mean_of_what_an_evaluation_chooses_by(
    checkpoint: Path, chosen_on: Callable[..., list[Task]], tmp_path: Path
) -> None:
    (task,) = chosen_on()
    judge = Judge()
    score = tried(checkpoint, [task], tmp_path / "scratch", judge)
    task.save(tmp_path / "mood.parquet")
    finetuning = FineTuning.model_validate(QUICK)
    same = {
        (labels, seed): shards.validate_rate(
            tmp_path, tmp_path / "mood.parquet", checkpoint, finetuning, "pretrained", labels, seed, 0.01
        )["score"]
        for labels in (2, 4)
        for seed in range(3)
    }
    assert score == pytest.approx(mean(same.values()))
    assert [share for share, _ in judge.told] == [0.333, 0.667, 1.0]
    assert judge.told[0][1] == pytest.approx(mean(same[labels, 0] for labels in (2, 4)))
    assert not (tmp_path / "scratch").exists()


def test_of_several_learning_rates_the_best_on_the_mean_of_the_seeds_counts() -> None:
    task = Path("a.parquet")
    scores = {(task, 8, 1e-3, 0): 0.5, (task, 8, 1e-3, 1): 0.7, (task, 8, 1e-2, 0): 0.9, (task, 8, 1e-2, 1): 0.1}
    assert mean_score(scores) == pytest.approx(0.6)
    assert mean_score(scores | {(task, 32, 1e-3, 0): 1.0}) == pytest.approx(0.8)


def test_a_hopeless_trial_is_ended(checkpoint: Path, chosen_on: Callable[..., list[Task]], tmp_path: Path) -> None:
    judge = Judge(end=0.3)
    assert tried(checkpoint, chosen_on(labels=(2,)), tmp_path / "scratch", judge) is None
    assert len(judge.told) == 1
    assert not (tmp_path / "scratch").exists()


def test_a_killed_trial_goes_on_with_what_was_fitted(
    checkpoint: Path, chosen_on: Callable[..., list[Task]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks, fitted, real = chosen_on(), [], shards.validate_rate

    def choose(out: Path, data: Path, *rest: Any) -> Any:
        if len(fitted) == 3:  # in the midst of the second seed
            fitted.append(None)
            raise KeyboardInterrupt
        fitted.append((data.stem, *rest[2:]))
        return real(out, data, *rest)

    monkeypatch.setattr(shards, "validate_rate", choose)
    with pytest.raises(KeyboardInterrupt):
        tried(checkpoint, tasks, tmp_path / "scratch")
    score = tried(checkpoint, tasks, tmp_path / "scratch")
    runs = [each for each in fitted if each]
    assert len(runs) == len(set(runs)) == 6, "nothing is fitted twice"
    monkeypatch.setattr(shards, "validate_rate", real)
    assert score == tried(checkpoint, tasks, tmp_path / "whole")


def test_a_frozen_encoder_reads_every_text_once(
    checkpoint: Path, chosen_on: Callable[..., list[Task]], tmp_path: Path
) -> None:
    frozen = tried(checkpoint, chosen_on(), tmp_path / "scratch", method={"kind": "head_only"})
    assert 0 <= frozen <= 1


def test_the_mean_says_what_it_is_of(chosen_on: Callable[..., list[Task]]) -> None:
    assert "mean over mood (accuracy; labels: 2, all), and over 5 seeds" in describe_metric(chosen_on(labels=(2, 0)), 5)
    (task,) = chosen_on()
    assert "(likelihood of the true texts; labels: 2, 4)" in describe_metric([replace(task, kind="texts")], 3)


def test_without_a_task_that_is_learnt_there_is_nothing_to_search(tmp_path: Path) -> None:
    (tmp_path / "pairs.jsonl").write_text('{"sentence_good": "a b", "sentence_bad": "b a"}\n')
    pairs = {"sets": [{"name": "pairs", "path": str(tmp_path / "pairs.jsonl")}]}
    benchmarks = Every[Benchmark].model_validate({"minimal_pairs": pairs, "site_section": {"enabled": False}})
    with pytest.raises(StageFailure, match="no enabled benchmark is one that models are fine-tuned on"):
        load_validation_tasks(Evaluate(benchmarks=benchmarks))


def test_sentences_of_sst2(shared: Callable[[str], Path], checkpoint: Path, tmp_path: Path) -> None:
    """Real files as a user gives them: the scores are those of the validation file whatever the test file holds."""
    folder = shared("sst2")
    columns = {"text": "sentence", "label": "label"}

    def score(test: Path, name: str) -> float:
        files = {"name": "sst2", "train": str(folder / "train.tsv"), "test": str(test), "columns": columns}
        limits = {"max_train_examples": 600, "max_validation_examples": 100}
        benchmarks = {"labelled_text": {"sets": [files | limits]}, "site_section": {"enabled": False}}
        tasks = load_validation_tasks(Evaluate.model_validate({"labels": [32], "benchmarks": benchmarks}))
        reached: float = tried(checkpoint, tasks, tmp_path / name, min_steps=8)
        return reached

    flipped = pl.read_csv(folder / "dev.tsv", separator="\t", quote_char=None).with_columns(1 - pl.col("label"))
    flipped.write_csv(tmp_path / "flipped.tsv", separator="\t", quote_style="never")
    assert score(folder / "dev.tsv", "as it is") == score(tmp_path / "flipped.tsv", "flipped")
