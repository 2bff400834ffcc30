"""A study: trials in a file, so that an interrupted one can be continued.

Sampling: Bergstra et al. 2011, "Algorithms for hyper-parameter optimization" (TPE). Pruning: the median rule of
Golovin et al. 2017, "Google Vizier", section 3.2.
"""

import contextlib
import hashlib
import importlib
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tasks.errors import StageFailure
from tasks.store.manifest import canonical_json
from tasks.tuning.settings import Tuning

# Trials that run to their end before the first may be pruned: a median of fewer says little.
MIN_COMPLETE_TRIALS = 5
FAILURE_ATTRIBUTE = "failure"


@dataclass(frozen=True)
class TrialResult:
    """A trial that has ended; `value` is None when it was pruned or failed, `failure` says why it failed."""

    number: int
    params: dict[str, Any]
    value: float | None
    """the study's metric at the end"""
    curve: list[tuple[float, float]]
    """percentage of the run, and the metric there"""
    failure: str = ""


class Study:
    """The trials of a folder. What is tried next depends on the settings, the seed and the trials before."""

    def __init__(self, folder: Path, tuning: Tuning) -> None:
        self.optuna = _import_optuna()
        self.folder, self.tuning = folder, tuning
        self.space = {dimension.path: dimension.distribution() for dimension in tuning.dimensions()}
        folder.mkdir(parents=True, exist_ok=True)
        self.file = folder / "trials.db"
        check_database(self.file)
        self.study = self.optuna.create_study(
            # as a URI, or a question mark in the path would begin the options of the database
            storage=f"sqlite:///file:{quote(str(self.file.absolute()))}?uri=true",
            study_name="tune",
            direction="maximize" if tuning.is_finetuning else "minimize",
            load_if_exists=True,
        )
        self.states = self.optuna.trial.TrialState
        # trials that were running when the process was killed; what they reported is used by `Trial` again
        for killed in self.study.get_trials(states=(self.states.RUNNING,)):
            # Marked as failed, or optuna would count them as running for ever.
            self.study.tell(killed.number, state=self.states.FAIL)

    def results(self) -> list[TrialResult]:
        """Return the trials that have ended, in order."""
        ended = self.study.get_trials(states=(self.states.COMPLETE, self.states.PRUNED))
        return [
            TrialResult(
                number,
                trial.params,
                trial.value if trial.state == self.states.COMPLETE else None,
                # Steps are thousandths of the run (`should_stop`), shown in per cent.
                [(step / 10, value) for step, value in sorted(trial.intermediate_values.items())],
                trial.user_attrs.get(FAILURE_ATTRIBUTE, ""),
            )
            for number, trial in enumerate(ended, 1)
        ]

    def remaining_trials(self, first: Mapping[str, Any]) -> Iterator["Trial"]:
        """Yield the trials that are still to do. The very first has the values `first`, if the space allows them."""
        is_allowed = all(dimension.contains(first[dimension.path]) for dimension in self.tuning.dimensions())
        while (number := len(self.results())) < self.tuning.trials:
            # a sampler of its own for each trial: what is tried does not depend on where a study was interrupted
            # 100,003 is more than any study has trials, so studies with different seeds share no sampler.
            self.study.sampler = self.optuna.samplers.TPESampler(seed=self.tuning.seed * 100_003 + number)
            self.study.pruner = (
                self.optuna.pruners.MedianPruner(n_startup_trials=MIN_COMPLETE_TRIALS)
                if self.tuning.prune
                else self.optuna.pruners.NopPruner()
            )
            # A killed process may have queued them already: a second one would be tried as a trial of its own.
            if not number and is_allowed and not self.study.get_trials(states=(self.states.WAITING,)):
                self.study.enqueue_trial({path: first[path] for path in self.space})
            yield Trial(self, number + 1)


def check_database(file: Path) -> None:
    """Raise StageFailure when the file of a study is corrupt; a missing one is none."""
    if not file.exists():
        return
    try:
        with contextlib.closing(sqlite3.connect(file)) as database:
            (problem,) = database.execute("PRAGMA quick_check(1)").fetchone()
            problem = problem.splitlines()[-1]  # behind the name of the database
    except sqlite3.OperationalError:  # such as one that is locked
        raise
    except sqlite3.DatabaseError as error:
        problem = str(error)
    if problem != "ok":
        raise StageFailure(
            f"{file} is corrupt: {problem}", "Restore it from a backup, or remove it to begin the study anew"
        )


class Trial:
    """A running trial: one set of values. Call `finish` or `fail` in the end."""

    def __init__(self, study: Study, number: int) -> None:
        self.study, self.number = study, number
        self._trial = study.study.ask(study.space)
        self.params: dict[str, Any] = dict(self._trial.params)
        self._reported_steps: set[int] = set()
        # The pruner compares steps, and a continued trainer reports only those after its checkpoint.
        for step, value in self._load_reported():
            self._report(step, value)

    @property
    def scratch(self) -> Path:
        """The folder in which its trainer works, the same for the same values: a killed trial continues there."""
        return self.study.folder / "running" / hashlib.sha256(canonical_json(self.params)).hexdigest()[:16]

    def should_stop(self, fraction: float, value: float) -> bool:
        """Record the metric at a fraction of the run, and tell whether to stop the trial there."""
        self._report(round(1000 * fraction), value)
        # At the end there is nothing left to save by stopping.
        return fraction < 1 and bool(self._trial.should_prune())

    def finish(self, value: float | None) -> None:
        """Record that the trial ran to its end with this value of the metric, or was stopped early with None."""
        states = self.study.states
        self.study.study.tell(self._trial, value, states.PRUNED if value is None else states.COMPLETE)

    def fail(self, reason: str) -> None:
        """Record that the values do not work. For the sampler this is worse than any value of the metric."""
        self._trial.set_user_attr(FAILURE_ATTRIBUTE, reason)
        # PRUNED and not FAIL, which stands for killed trials: those are repeated.
        self.study.study.tell(self._trial, state=self.study.states.PRUNED)

    def _load_reported(self) -> Sequence[tuple[int, float]]:
        """Return the metrics that a killed attempt at the same values reported."""
        killed = self.study.study.get_trials(states=(self.study.states.FAIL,))
        reported: dict[int, float] = {}
        for trial in killed:
            if trial.params == self.params:
                reported |= trial.intermediate_values
        return sorted(reported.items())

    def _report(self, step: int, value: float) -> None:
        # a continued trainer repeats steps, and optuna warns of a step that is reported twice
        if step not in self._reported_steps:
            self._reported_steps.add(step)
            self._trial.report(value, step)


def _import_optuna() -> Any:
    try:
        optuna = importlib.import_module("optuna")
    except ImportError as error:
        raise StageFailure("tuning needs optuna", "pip install 'textmill[tune]'") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
