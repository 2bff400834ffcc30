"""The trials of a search, kept in a file, so that a search that was killed goes on.

Sampling: Bergstra et al. 2011, "Algorithms for hyper-parameter optimization" (TPE). Pruning: the median rule of
Golovin et al. 2017, "Google Vizier", section 3.2.
"""

import hashlib
import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.errors import StageFailure
from tasks.search.settings import Search
from tasks.store.manifest import canonical_json

WHOLE_TRIALS = 5
FAILURE = "failure"


@dataclass(frozen=True)
class Tried:
    """A trial that has ended; `value` is None when it was pruned or failed, `failure` says why it failed."""

    number: int
    params: dict[str, Any]
    value: float | None
    """the search's metric in the end"""
    curve: list[tuple[float, float]]
    """share of the run in %, and the metric there"""
    failure: str = ""


class Study:
    """A folder's trials. What is tried next depends on the settings, the seed and the trials before."""

    def __init__(self, folder: Path, search: Search) -> None:
        self.optuna = _optuna()
        self.folder, self.search = folder, search
        self.space = {each.path: each.distribution() for each in search.dimensions()}
        folder.mkdir(parents=True, exist_ok=True)
        self.file = folder / "trials.db"
        self.study = self.optuna.create_study(
            storage=f"sqlite:///{self.file.absolute()}",
            study_name="search",
            direction="maximize" if search.is_of_fits else "minimize",
            load_if_exists=True,
        )
        self.states = self.optuna.trial.TrialState
        for killed in self.study.get_trials(states=(self.states.RUNNING,)):
            self.study.tell(killed.number, state=self.states.FAIL)

    def trials(self) -> list[Tried]:
        """Those that have ended, in order."""
        ended = self.study.get_trials(states=(self.states.COMPLETE, self.states.PRUNED))
        return [
            Tried(
                number,
                each.params,
                each.value if each.state == self.states.COMPLETE else None,
                [(step / 10, value) for step, value in sorted(each.intermediate_values.items())],
                each.user_attrs.get(FAILURE, ""),
            )
            for number, each in enumerate(ended, 1)
        ]

    def left(self, first: Mapping[str, Any]) -> Iterator["Trial"]:
        """The trials that are still to do; the first of all has the values `first`, if the search allows them."""
        allowed = all(each.holds(first[each.path]) for each in self.search.dimensions())
        while (number := len(self.trials())) < self.search.trials:
            # a sampler of its own for each trial: what is tried does not depend on where a search was killed
            self.study.sampler = self.optuna.samplers.TPESampler(seed=self.search.seed * 100_003 + number)
            self.study.pruner = (
                self.optuna.pruners.MedianPruner(n_startup_trials=WHOLE_TRIALS)
                if self.search.prune
                else self.optuna.pruners.NopPruner()
            )
            if not number and allowed and not self.study.get_trials(states=(self.states.WAITING,)):
                self.study.enqueue_trial({path: first[path] for path in self.space})
            yield Trial(self, number + 1)


class Trial:
    """One set of values, and what becomes of it. Tell `ended` or `failed` in the end."""

    def __init__(self, study: Study, number: int) -> None:
        self.study, self.number = study, number
        self._trial = study.study.ask(study.space)
        self.params: dict[str, Any] = dict(self._trial.params)
        self._told: set[int] = set()
        for step, value in self._known():
            self._report(step, value)

    @property
    def scratch(self) -> Path:
        """Where its trainer works, and goes on after a kill."""
        return self.study.folder / "running" / hashlib.sha256(canonical_json(self.params)).hexdigest()[:16]

    def hopeless(self, share: float, value: float) -> bool:
        """Take in the metric at a share of the run. Whether to end it here."""
        self._report(round(1000 * share), value)
        return share < 1 and bool(self._trial.should_prune())

    def ended(self, value: float | None) -> None:
        """It ran to its end with this value of the metric, or was ended before with None."""
        states = self.study.states
        self.study.study.tell(self._trial, value, states.PRUNED if value is None else states.COMPLETE)

    def failed(self, why: str) -> None:
        """Its settings do not work. For the sampler this is worse than any value."""
        self._trial.set_user_attr(FAILURE, why)
        self.study.study.tell(self._trial, state=self.study.states.PRUNED)

    def _known(self) -> Sequence[tuple[int, float]]:
        """What an earlier try at the same values, which was killed, has told."""
        killed = self.study.study.get_trials(states=(self.study.states.FAIL,))
        told: dict[int, float] = {}
        for each in killed:
            if each.params == self.params:
                told |= each.intermediate_values
        return sorted(told.items())

    def _report(self, step: int, value: float) -> None:
        if step not in self._told:
            self._told.add(step)
            self._trial.report(value, step)


def _optuna() -> Any:
    try:
        optuna = importlib.import_module("optuna")
    except ImportError as error:
        raise StageFailure("a search needs optuna", "pip install 'textmill[search]'") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
