"""Trials in a file: sampled from a seed, stopped early, continued after a kill."""

import sys
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import StageFailure
from tasks.tuning.page import describe_outcome, rank_trials, render_chart_of_trials, render_page, render_recipe
from tasks.tuning.settings import Tuning
from tasks.tuning.study import Study, Trial, TrialResult

pytest.importorskip("optuna", reason="optuna, the extra `tune`, is not installed")

FIRST = {"p.rate": 0.01, "p.shape": "wsd"}
SPACE = ("p.rate=log:1e-4..1e-1", "p.shape=choice:wsd,cosine")


def make_tuning(**changes: Any) -> Tuning:
    return Tuning(space=SPACE, **{"trials": 9, **changes})


def report_losses(trial: Trial) -> float | None:
    """A run that reports its validation loss three times; the further from a rate of 0.01, the worse."""
    rate = trial.params["p.rate"]
    for quarter in (1, 2, 3):
        loss = (5 - quarter) * (1 + abs(rate - 0.01))
        if trial.should_stop(quarter / 4, loss):
            return None
    return 1 + abs(rate - 0.01)


def run_all_trials(study: Study, most: int = 100) -> list[TrialResult]:
    for trial in study.remaining_trials(FIRST):
        if trial.number > most:
            break
        trial.finish(report_losses(trial))
    return study.results()


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory) -> list[TrialResult]:
    """All trials of a study that nothing interrupted."""
    return run_all_trials(Study(tmp_path_factory.mktemp("study"), make_tuning()))


def test_the_first_trial_is_the_recipe_and_hopeless_ones_are_stopped_early(trials: list[TrialResult]) -> None:
    assert len(trials) == 9
    assert trials[0].params == FIRST
    assert rank_trials(trials, make_tuning())[0].value == pytest.approx(1.0, abs=0.01)
    pruned = [trial for trial in trials if trial.value is None]
    assert pruned
    assert all(trial.number > 5 for trial in pruned), "only after five complete trials"
    assert all(len(trial.curve) < 3 for trial in pruned)
    assert "stopped early at 25 %" in describe_outcome(pruned[0])


@pytest.mark.parametrize(("position", "length"), [(0, 40), (90, 20), (4096, 4096)])
def test_a_corrupt_file_of_trials_is_named(position: int, length: int, tmp_path: Path) -> None:
    study = Study(tmp_path, make_tuning())
    content = study.file.read_bytes()
    study.file.write_bytes(content[:position] + b"?" * length + content[position + length :])
    with pytest.raises(StageFailure, match=r"trials\.db is corrupt: .*remove it to begin the study anew"):
        Study(tmp_path, make_tuning())


@pytest.mark.slow
def test_without_pruning_all_run_to_their_end(tmp_path: Path) -> None:
    assert all(trial.value is not None for trial in run_all_trials(Study(tmp_path, make_tuning(prune=False))))


def test_another_seed_tries_other_values(tmp_path: Path) -> None:
    one, two = (run_all_trials(Study(tmp_path / str(seed), make_tuning(seed=seed, trials=2))) for seed in (0, 1))
    assert one[0].params == two[0].params == FIRST
    assert one[1].params != two[1].params


@pytest.mark.slow
def test_a_killed_study_is_continued_as_if_it_had_not_been(tmp_path: Path, trials: list[TrialResult]) -> None:
    for end in (0, 1, 6):  # trial time killed in the midst of a trial, which has reported something
        study = Study(tmp_path / "killed", make_tuning())
        run_all_trials(study, end)
        trial = next(study.remaining_trials(FIRST))
        trial.should_stop(1 / 4, 4 * (1 + abs(trial.params["p.rate"] - 0.01)))
        scratch = trial.scratch
    study = Study(tmp_path / "killed", make_tuning())
    continued = next(study.remaining_trials(FIRST))
    assert continued.scratch == scratch, "so that its trainer continues from its checkpoint"
    continued.finish(report_losses(continued))
    assert run_all_trials(study) == trials


def test_what_was_reported_before_a_kill_is_kept(tmp_path: Path) -> None:
    trial = next(Study(tmp_path, make_tuning()).remaining_trials(FIRST))
    trial.should_stop(1 / 4, 4.0)
    again = next(Study(tmp_path, make_tuning()).remaining_trials(FIRST))
    again.should_stop(1 / 2, 3.0)  # its trainer continues behind the first report
    again.finish(2.0)
    assert Study(tmp_path, make_tuning()).results()[0].curve == [(25.0, 4.0), (50.0, 3.0)]


def test_a_study_can_be_made_longer(tmp_path: Path) -> None:
    three = run_all_trials(Study(tmp_path, make_tuning(trials=3)))
    assert run_all_trials(Study(tmp_path, make_tuning(trials=5)))[:3] == three


def test_values_that_do_not_work_are_recorded_and_avoided(tmp_path: Path) -> None:
    study = Study(tmp_path, make_tuning(trials=1))
    next(study.remaining_trials({"p.rate": 7.0, "p.shape": "wsd"})).fail("the loss is | no number")
    (trial,) = study.results()
    assert trial.params != FIRST, "the recipe's own value is outside of the space"
    assert describe_outcome(trial) == "failed: the loss is | no number"
    assert rank_trials([trial], make_tuning()) == []
    assert "failed: the loss is" in render_page([trial], make_tuning(), "", "")


def test_the_page_has_a_picture_a_table_and_a_recipe(trials: list[TrialResult]) -> None:
    text = render_page(trials, make_tuning(), render_recipe(trials[0].params), "Of one run.")
    assert "Best: trial 1, validation loss 1.0000." in text
    assert "p:\n  rate: 0.01\n  shape: wsd\n" in text
    assert "\n\nOf one run.\n\n" in text
    assert "| 1 | 1.0000 | 0.01 | wsd |" in text
    svg = render_chart_of_trials(trials, make_tuning())
    assert svg == render_chart_of_trials(trials, make_tuning())
    for words in ("validation loss by trial", "by percentage of the run", "p.rate", "cosine"):
        assert words in svg
    assert render_recipe({"a.b": 1, "a.c.d": None}) == "a:\n  b: 1\n  c:\n    d: null\n"


def test_a_score_should_be_high(tmp_path: Path) -> None:
    settings = Tuning(space=("evaluate.finetuning.epochs=float:1..9",), trials=12)
    study = Study(tmp_path, settings)
    for trial in study.remaining_trials({"evaluate.finetuning.epochs": 1.0}):
        score = trial.params["evaluate.finetuning.epochs"] / 10
        trial.finish(None if trial.should_stop(1 / 3, score) else score)
    trials = study.results()
    complete = rank_trials(trials, settings)
    assert [trial.value for trial in complete] == sorted((trial.value for trial in complete), reverse=True)
    pruned = [trial for trial in trials if trial.value is None]
    assert pruned
    assert max(trial.curve[0][1] for trial in pruned) < (complete[0].value or 0.0), "the low ones are ended"
    text = render_page(trials, settings, "", "")
    assert f"Best: trial {complete[0].number}, validation score" in text
    assert "validation score by trial" in render_chart_of_trials(trials, settings)


def test_without_optuna_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(StageFailure, match=r"needs optuna.*textmill\[tune\]"):
        Study(tmp_path, make_tuning())
