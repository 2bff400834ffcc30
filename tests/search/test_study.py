"""Trials in a file: drawn from a seed, ended early, gone on with after a kill."""

import sys
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import StageFailure
from tasks.search.page import drawn, outcome, page, ranked, snippet
from tasks.search.settings import Search
from tasks.search.study import Study, Trial, Tried

pytest.importorskip("optuna", reason="optuna, the extra `search`, is not installed")

FIRST = {"p.rate": 0.01, "p.shape": "wsd"}
SPACE = ("p.rate=log:1e-4..1e-1", "p.shape=choice:wsd,cosine")


def search(**changes: Any) -> Search:
    return Search(space=SPACE, **{"trials": 9, **changes})


def loss_of(trial: Trial) -> float | None:
    """A run whose validation loss is told three times; the further from a rate of 0.01, the worse."""
    rate = trial.params["p.rate"]
    for quarter in (1, 2, 3):
        loss = (5 - quarter) * (1 + abs(rate - 0.01))
        if trial.hopeless(quarter / 4, loss):
            return None
    return 1 + abs(rate - 0.01)


def done(study: Study, most: int = 100) -> list[Tried]:
    for trial in study.left(FIRST):
        if trial.number > most:
            break
        trial.ended(loss_of(trial))
    return study.trials()


def test_the_first_trial_is_the_recipe_and_hopeless_ones_end_early(tmp_path: Path) -> None:
    trials = done(Study(tmp_path, search()))
    assert len(trials) == 9
    assert trials[0].params == FIRST
    assert ranked(trials, search())[0].value == pytest.approx(1.0, abs=0.01)
    pruned = [each for each in trials if each.value is None]
    assert pruned
    assert all(each.number > 5 for each in pruned), "only after five whole ones"
    assert all(len(each.curve) < 3 for each in pruned)
    assert "ended early at 25 %" in outcome(pruned[0])


def test_without_pruning_all_run_to_their_end(tmp_path: Path) -> None:
    assert all(each.value is not None for each in done(Study(tmp_path, search(prune=False))))


def test_another_seed_tries_other_values(tmp_path: Path) -> None:
    one, two = (done(Study(tmp_path / str(seed), search(seed=seed, trials=2))) for seed in (0, 1))
    assert one[0].params == two[0].params == FIRST
    assert one[1].params != two[1].params


def test_a_killed_search_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    whole = done(Study(tmp_path / "whole", search()))
    for end in (0, 1, 6):  # each time killed in the midst of a trial, which has told something
        study = Study(tmp_path / "killed", search())
        done(study, end)
        trial = next(study.left(FIRST))
        trial.hopeless(1 / 4, 4 * (1 + abs(trial.params["p.rate"] - 0.01)))
        scratch = trial.scratch
    study = Study(tmp_path / "killed", search())
    going_on = next(study.left(FIRST))
    assert going_on.scratch == scratch, "so that its trainer goes on from its checkpoint"
    going_on.ended(loss_of(going_on))
    assert done(study) == whole


def test_what_was_told_before_a_kill_is_kept(tmp_path: Path) -> None:
    trial = next(Study(tmp_path, search()).left(FIRST))
    trial.hopeless(1 / 4, 4.0)
    again = next(Study(tmp_path, search()).left(FIRST))
    again.hopeless(1 / 2, 3.0)  # its trainer goes on behind the first
    again.ended(2.0)
    assert Study(tmp_path, search()).trials()[0].curve == [(25.0, 4.0), (50.0, 3.0)]


def test_a_search_can_be_made_longer(tmp_path: Path) -> None:
    three = done(Study(tmp_path, search(trials=3)))
    assert done(Study(tmp_path, search(trials=5)))[:3] == three


def test_values_that_do_not_work_are_told_and_avoided(tmp_path: Path) -> None:
    study = Study(tmp_path, search(trials=1))
    next(study.left({"p.rate": 7.0, "p.shape": "wsd"})).failed("the loss is | no number")
    (trial,) = study.trials()
    assert trial.params != FIRST, "the recipe's own value is outside of the space"
    assert outcome(trial) == "failed: the loss is | no number"
    assert ranked([trial], search()) == []
    assert "failed: the loss is" in page([trial], search(), "", "")


def test_the_page_has_a_picture_a_table_and_a_recipe(tmp_path: Path) -> None:
    trials = done(Study(tmp_path, search()))
    text = page(trials, search(), snippet(trials[0].params), "Of one run.")
    assert "Best: trial 1, validation loss 1.0000." in text
    assert "p:\n  rate: 0.01\n  shape: wsd\n" in text
    assert "\n\nOf one run.\n\n" in text
    assert "| 1 | 1.0000 | 0.01 | wsd |" in text
    svg = drawn(trials, search())
    assert svg == drawn(trials, search())
    for words in ("validation loss by trial", "by share of the run", "p.rate", "cosine"):
        assert words in svg
    assert snippet({"a.b": 1, "a.c.d": None}) == "a:\n  b: 1\n  c:\n    d: null\n"


def test_a_score_should_be_high(tmp_path: Path) -> None:
    settings = Search(space=("evaluate.finetuning.epochs=float:1..9",), trials=12)
    study = Study(tmp_path, settings)
    for trial in study.left({"evaluate.finetuning.epochs": 1.0}):
        score = trial.params["evaluate.finetuning.epochs"] / 10
        trial.ended(None if trial.hopeless(1 / 3, score) else score)
    trials = study.trials()
    whole = ranked(trials, settings)
    assert [each.value for each in whole] == sorted((each.value for each in whole), reverse=True)
    pruned = [each for each in trials if each.value is None]
    assert pruned
    assert max(each.curve[0][1] for each in pruned) < (whole[0].value or 0.0), "the low ones are ended"
    text = page(trials, settings, "", "")
    assert f"Best: trial {whole[0].number}, validation score" in text
    assert "validation score by trial" in drawn(trials, settings)


def test_without_optuna_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(StageFailure, match=r"needs optuna.*textmill\[search\]"):
        Study(tmp_path, search())
