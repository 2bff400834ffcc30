"""From fits to the numbers people read: scores by model and label count, with spread, and paired differences."""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.downstream.data.task_data import Task
from tasks.downstream.metrics import Score
from tasks.downstream.significance import (
    Difference,
    Spread,
    bootstrap_interval,
    compute_paired_difference,
    compute_spread,
    correct_comparisons,
    require_both,
)
from tasks.downstream.task_types import TaskType, load_task_type
from tasks.evaluate.results.model_titles import MODEL_TITLES
from tasks.evaluate.results.repeated_texts import find_repeated_rows


@dataclass(frozen=True)
class Fit:
    """One model fitted on one sample: its scores on the test part, and the settings that validation chose."""

    benchmark: str
    model: str
    labels: int
    """label count, 0 for all"""
    seed: int
    metrics: dict[str, float]
    chosen: dict[str, float]
    """what was chosen on validation, such as the learning rate"""
    validation: float | None
    """the score on validation"""
    curve: list[tuple[int, float]]
    """step and training loss"""
    answers: pl.DataFrame
    """`row` and the columns of the task type's answer; a row per test example"""


# eq=False keeps the hash by identity, which the caches of the methods need: a Task holds tables, which have none.
@dataclass(frozen=True, eq=False)
class BenchmarkResults:
    """All fits of one benchmark.

    Scores, intervals and differences are computed when they are first asked for, and kept: the report, the summary and
    the JSON all ask for them, and 2,000 bootstrap draws of BLEU or chrF take some 40 ms a seed.
    """

    task: Task
    fits: Sequence[Fit]
    left_out: dict[str, str] = field(default_factory=dict)
    """the reason for each further checkpoint that cannot answer the task, by its name"""
    caveats: tuple[str, ...] = ()
    """sentences on what the result rests on, such as a single learning rate"""
    corrected: dict[tuple[int, str], Difference] = field(default_factory=dict)
    """the pretrained model's differences by label count and other model, corrected for those of all benchmarks"""
    num_comparisons: int = 1
    """differences that are corrected together"""

    @functools.cached_property
    def task_type(self) -> TaskType:
        """The type of the task: its columns, its metrics, and whether models are fitted to it."""
        return load_task_type(self.task)

    @property
    def metric(self) -> str:
        """The score that models are compared by."""
        return self.task_type.metrics[0]

    @property
    def title(self) -> str:
        """The title of the compared score for people."""
        return self.metric_title(self.metric)

    def metric_title(self, metric: str) -> str:
        """Return the title of a score for people."""
        return self.task_type.metric_titles.get(metric, metric)

    def format_score(self, metric: str, value: float) -> str:
        """Format a ratio in per cent with one decimal, any other score as it is: with two decimals if below 100."""
        if metric not in self.task_type.unscaled_metrics:
            return f"{100 * value:.1f}".replace("-", "\u2212")
        return f"{value:.2f}" if value < 100 else f"{value:,.0f}"

    @property
    def label_counts(self) -> list[int]:
        """The label counts in rising order; 0, which stands for all, comes last."""
        # inf sorts behind every count.
        return sorted({fit.labels for fit in self.fits}, key=lambda labels: labels or math.inf)

    @property
    def axis_positions(self) -> list[float]:
        """The label counts as positions on an axis. `All` is placed where that many labels a class would be."""
        positions = []
        for labels in self.label_counts:
            # one label may mean several examples: one of each class
            examples_per_label = len(self.task_type.sample(self.task, labels or 1, 0)) / (labels or 1)
            # For 0 (all) the examples are converted into labels, so that the point has a place on the axis of the
            # others.
            positions.append(float(labels or len(self.task.train) / examples_per_label))
        return positions

    @property
    def axis_ticks(self) -> list[tuple[float, str]]:
        """The label counts as ticks of an axis: position and name."""
        return [
            (position, str(labels) if labels else f"all {position:,.0f}")
            for position, labels in zip(self.axis_positions, self.label_counts, strict=True)
        ]

    @property
    def min_score(self) -> float:
        """The worst value that the compared score can have."""
        return -1.0 if self.metric in self.task_type.signed_metrics else 0.0

    def format_label_count(self, labels: int) -> str:
        """Format a label count for a table: `8`, `all`, or `none` where nothing is fitted."""
        return str(labels or ("all" if self.task_type.is_fine_tuned else "none"))

    def describe_budget(self, labels: int) -> str:
        """Describe a label count in words: `8 labels a class`."""
        if not self.task_type.is_fine_tuned:
            return "no fine-tuning"
        return f"{labels} {self.task_type.label_unit}" if labels else "all examples"

    @property
    def models(self) -> list[str]:
        """The scored models in the order of `MODEL_TITLES`; further checkpoints come after them."""
        models = {fit.model for fit in self.fits}
        # Known models in their fixed order, the others by name: the same results give the same bytes.
        return [model for model in MODEL_TITLES if model in models] + sorted(models - set(MODEL_TITLES))

    @property
    def metrics(self) -> list[str]:
        """The names of the scores that every fit has."""
        return list(self.fits[0].metrics)

    def select_fits(self, model: str, labels: int) -> list[Fit]:
        """Return the fits of one model with one label count, sorted by seed."""
        return sorted(
            (fit for fit in self.fits if (fit.model, fit.labels) == (model, labels)), key=lambda fit: fit.seed
        )

    def score_spread(self, model: str, labels: int, metric: str) -> Spread:
        """Return mean and standard deviation of a score over seeds."""
        return compute_spread([fit.metrics[metric] for fit in self.select_fits(model, labels)])

    # Not all at once: with 150 classes and 5,000 test texts the scores of a model take 50 MB.
    @functools.lru_cache(maxsize=24)  # noqa: B019 - the results live only as long as the report is written
    def all_seed_scores(self, model: str, labels: int) -> list[dict[str, Score]]:
        """Return every score of each seed's answers."""
        fits = self.select_fits(model, labels)
        return [self.task_type.score_answers(self.task, self.task.test, fit.answers) for fit in fits]

    def seed_scores(self, model: str, labels: int, metric: str = "") -> list[Score]:
        """Return a score of each seed's answers, the compared one unless another is named."""
        return [scores[metric or self.metric] for scores in self.all_seed_scores(model, labels)]

    @functools.cached_property
    def repeated_rows(self) -> NDArray[np.bool_]:
        """For each test example whether its text is a training text too."""
        return find_repeated_rows(self.task)

    @functools.cache  # noqa: B019 - as above
    def score_without_repeats(self, model: str, labels: int) -> float | None:
        """Return the mean compared score on test texts that are no training texts; None where there is no such text."""
        if self.repeated_rows.all():
            return None
        scores = [replace(score, parts=score.parts[~self.repeated_rows]) for score in self.seed_scores(model, labels)]
        return float(np.mean([score.value for score in scores]))

    @functools.cache  # noqa: B019 - as above
    def score_interval(self, model: str, labels: int) -> tuple[float, float]:
        """Return the 95 % bootstrap interval of the compared score, over seeds and test examples."""
        return bootstrap_interval(self.seed_scores(model, labels))

    def compare_with(self, other: str, labels: int) -> Difference:
        """Return the compared score of the pretrained model minus that of another one, on the same samples and texts.

        Where answers are classes, p is the larger of the compared score's and of MCC's, which does not change with how
        often a class is answered.
        """
        return self.corrected.get((labels, other)) or self._compute_difference(other, labels)

    @functools.cache  # noqa: B019 - as above
    def _compute_difference(self, other: str, labels: int) -> Difference:
        metrics = dict.fromkeys(filter(None, (self.metric, self.task_type.unskewed_metric)))
        shown, *others = (
            compute_paired_difference(
                self.seed_scores("pretrained", labels, metric), self.seed_scores(other, labels, metric)
            )
            for metric in metrics
        )
        return require_both(shown, others[0]) if others else shown

    def list_differences(self) -> list[tuple[int, str, Difference]]:
        """Return label count, other model, and the pretrained model's difference to it, for every other model."""
        others = [model for model in self.models if model != "pretrained"]
        return [(labels, other, self.compare_with(other, labels)) for labels in self.label_counts for other in others]

    @property
    def example_fit(self) -> Fit:
        """The fit that examples are shown of: the pretrained model with most labels and the first seed."""
        return self.select_fits("pretrained", self.label_counts[-1])[0]


def correct_results(results: Sequence[BenchmarkResults]) -> list[BenchmarkResults]:
    """Return the results with the differences of all benchmarks corrected for their number."""
    rows = [(benchmark, *difference) for benchmark in results for difference in benchmark.list_differences()]
    corrected: dict[str, dict[tuple[int, str], Difference]] = {benchmark.task.name: {} for benchmark in results}
    for (benchmark, labels, other, _), difference in zip(
        rows, correct_comparisons([difference for *_, difference in rows]), strict=True
    ):
        corrected[benchmark.task.name][labels, other] = difference
    return [
        replace(benchmark, corrected=corrected[benchmark.task.name], num_comparisons=len(rows)) for benchmark in results
    ]
