"""Trials: they see no test part, may be ended early, and continue after a kill."""

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
from tasks.evaluate.trial import average_best_scores, describe_metric, score_finetuning

pytestmark = pytest.mark.slow

QUICK = {"learning_rates": [0.01], "epochs": 1, "min_steps": 4, "max_length": 32}


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXTMILL_WORKERS", "1")


@pytest.fixture
def load_tasks(tmp_path: Path) -> Callable[..., list[Task]]:
    """Load the tasks of a search on a small data set; `test` is the content of its test file."""

    def make(test: str = "", labels: tuple[int, ...] = (2, 4)) -> list[Task]:
        for part, most in (("train", 30), ("validation", 12), ("test", 6)):
            rows = [f"the {word} of {number}\t{word}" for number in range(most) for word in ("oak", "anchor")]
            (tmp_path / f"{part}.tsv").write_text("\n".join(["text\tlabel", *rows]) + "\n")
        if test:
            (tmp_path / "test.tsv").write_text(f"text\tlabel\n{test}\n")
        files = {part: str(tmp_path / f"{part}.tsv") for part in ("train", "validation", "test")}
        sets = {"labelled_text": {"sets": [{"name": "mood", **files}]}, "site_section": {"enabled": False}}
        return load_validation_tasks(Evaluate.model_validate({"labels_per_class": list(labels), "benchmarks": sets}))

    return make


class Pruner:
    """Ends a trial at a fraction of it, and records its calls."""

    def __init__(self, end: float = 2.0) -> None:
        self.end = end
        self.calls: list[tuple[float, float]] = []

    def __call__(self, fraction: float, score: float) -> bool:
        self.calls.append((round(fraction, 3), score))
        return fraction >= self.end


def run_trial(
    checkpoint: Path, tasks: list[Task], scratch: Path, pruner: Pruner | None = None, **finetuning: Any
) -> Any:
    return score_finetuning(
        FineTuning.model_validate(QUICK | finetuning), checkpoint, tasks, 3, scratch, pruner or Pruner()
    )


def test_a_poisoned_test_part_changes_nothing(
    checkpoint: Path, load_tasks: Callable[..., list[Task]], tmp_path: Path
) -> None:
    (clean,), (poisoned,) = load_tasks(), load_tasks(test="nonsense\toak")
    assert clean.test.is_empty()
    assert clean.digest == poisoned.digest, "so it is one and the same search"
    one, other = Pruner(), Pruner()
    assert run_trial(checkpoint, [clean], tmp_path / "a", one) == run_trial(
        checkpoint, [poisoned], tmp_path / "b", other
    )
    assert one.calls == other.calls


def test_a_trial_refuses_a_task_with_a_test_part(
    checkpoint: Path, load_tasks: Callable[..., list[Task]], tmp_path: Path
) -> None:
    (task,) = load_tasks()
    with pytest.raises(AssertionError):
        run_trial(checkpoint, [replace(task, test=task.validation)], tmp_path / "scratch")


def test_the_score_is_the_mean_of_what_an_evaluation_chooses_by(
    checkpoint: Path, load_tasks: Callable[..., list[Task]], tmp_path: Path
) -> None:
    (task,) = load_tasks()
    pruner = Pruner()
    score = run_trial(checkpoint, [task], tmp_path / "scratch", pruner)
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
    assert [fraction for fraction, _ in pruner.calls] == [0.333, 0.667, 1.0]
    assert pruner.calls[0][1] == pytest.approx(mean(same[labels, 0] for labels in (2, 4)))
    assert not (tmp_path / "scratch").exists()


def test_of_several_learning_rates_the_best_on_the_mean_of_the_seeds_counts() -> None:
    task = Path("a.parquet")
    scores = {(task, 8, 1e-3, 0): 0.5, (task, 8, 1e-3, 1): 0.7, (task, 8, 1e-2, 0): 0.9, (task, 8, 1e-2, 1): 0.1}
    assert average_best_scores(scores) == pytest.approx(0.6)
    assert average_best_scores(scores | {(task, 32, 1e-3, 0): 1.0}) == pytest.approx(0.8)


def test_a_hopeless_trial_is_ended(checkpoint: Path, load_tasks: Callable[..., list[Task]], tmp_path: Path) -> None:
    pruner = Pruner(end=0.3)
    assert run_trial(checkpoint, load_tasks(labels=(2,)), tmp_path / "scratch", pruner) is None
    assert len(pruner.calls) == 1
    assert not (tmp_path / "scratch").exists()


def test_a_killed_trial_goes_on_with_what_was_fitted(
    checkpoint: Path, load_tasks: Callable[..., list[Task]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks, fitted, real = load_tasks(), [], shards.validate_rate

    def choose(out: Path, data: Path, *rest: Any) -> Any:
        if len(fitted) == 3:  # in the midst of the second seed
            fitted.append(None)
            raise KeyboardInterrupt
        fitted.append((data.stem, *rest[2:]))
        return real(out, data, *rest)

    monkeypatch.setattr(shards, "validate_rate", choose)
    with pytest.raises(KeyboardInterrupt):
        run_trial(checkpoint, tasks, tmp_path / "scratch")
    score = run_trial(checkpoint, tasks, tmp_path / "scratch")
    runs = [fit for fit in fitted if fit]
    assert len(runs) == len(set(runs)) == 6, "nothing is fitted twice"
    monkeypatch.setattr(shards, "validate_rate", real)
    assert score == run_trial(checkpoint, tasks, tmp_path / "whole")


def test_a_frozen_encoder_reads_every_text_once(
    checkpoint: Path, load_tasks: Callable[..., list[Task]], tmp_path: Path
) -> None:
    frozen = run_trial(checkpoint, load_tasks(), tmp_path / "scratch", method={"kind": "head_only"})
    assert 0 <= frozen <= 1


def test_the_mean_says_what_it_is_of(load_tasks: Callable[..., list[Task]]) -> None:
    assert "mean over mood (accuracy; labels: 2, all), and over 5 seeds" in describe_metric(
        load_tasks(labels=(2, 0)), 5
    )
    (task,) = load_tasks()
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
        tasks = load_validation_tasks(Evaluate.model_validate({"labels_per_class": [32], "benchmarks": benchmarks}))
        reached: float = run_trial(checkpoint, tasks, tmp_path / name, min_steps=8)
        return reached

    flipped = pl.read_csv(folder / "dev.tsv", separator="\t", quote_char=None).with_columns(1 - pl.col("label"))
    flipped.write_csv(tmp_path / "flipped.tsv", separator="\t", quote_style="never")
    assert score(folder / "dev.tsv", "as it is") == score(tmp_path / "flipped.tsv", "flipped")
