"""Fits that answer nearly every test example with the same class, whatever its text is."""

from dataclasses import dataclass

from tasks.evaluate.results.benchmark_results import BenchmarkResults
from tasks.evaluate.results.model_titles import TRIVIAL_BASELINES

MIN_SHARE = 0.95
"""fraction of a fit's answers that are one class from which on it is marked"""


@dataclass(frozen=True)
class OneClassFits:
    """The fits of a model with one label count, and in how many answers each gives its most frequent class."""

    num_fits: int
    """all of them, marked or not"""
    texts: int
    """test examples"""
    counts: list[int]
    """of each marked fit"""

    def describe(self) -> str:
        """Return a phrase such as `answers one class in 148 of 150`; empty where no fit is marked."""
        if not self.counts:
            return ""
        least, most = min(self.counts), max(self.counts)
        counts = f"{least:,} of {self.texts:,}" if least == most else f"{least:,} to {most:,} of {self.texts:,}"
        some = "" if len(self.counts) == self.num_fits else f" with {len(self.counts)} of {self.num_fits} seeds"
        return f"answers one class in {counts}{some}"


def find_one_class_fits(results: BenchmarkResults, model: str, labels: int) -> OneClassFits:
    """Find the fits that give one class in 95 % of their answers or more; baselines that always do are not marked."""
    fits = results.select_fits(model, labels)
    counts: list[int] = []
    if results.task_type.unskewed_metric and model not in TRIVIAL_BASELINES:
        counts = [int(fit.answers["predicted"].value_counts()["count"].max()) for fit in fits]  # type: ignore[arg-type]
    texts = len(results.task.test)
    return OneClassFits(len(fits), texts, [count for count in counts if count >= MIN_SHARE * texts])
