"""The choice of the learning rate, on validation."""

import functools
import logging
from collections.abc import Sequence
from pathlib import Path

from tasks.downstream.data.task_data import Task
from tasks.downstream.finetuning.shards import name_shard, validate_rate
from tasks.downstream.settings.finetuning import FineTuning
from tasks.downstream.task_types import load_task_type
from tasks.store import Draft

log = logging.getLogger("textmill.evaluate")

FitGroup = tuple[str, int]
"""A model and a label count, whose seeds share a learning rate"""


def choose_learning_rates(
    finetuning: FineTuning,
    draft: Draft,
    checkpoint: Path,
    task_file: Path,
    groups: Sequence[FitGroup],
    seeds: Sequence[int],
) -> dict[FitGroup, float]:
    """Choose each group's learning rate with the best mean validation score over some seeds; ties by loss."""
    if len(finetuning.learning_rates) == 1 or not load_task_type(Task.load(task_file)).is_fine_tuned:
        return dict.fromkeys(groups, finetuning.learning_rates[0])
    shards = {
        name_shard(task_file, *group, seed, rate): (task_file, checkpoint, finetuning, *group, seed, rate)
        for group in groups
        for rate in finetuning.learning_rates
        for seed in seeds
    }
    counts = draft.map(validate_rate, shards, f"{task_file.stem}: learning rates")

    def rank(group: FitGroup, rate: float) -> tuple[float, float]:
        shard_counts = [counts[name_shard(task_file, *group, seed, rate)] for seed in seeds]
        # Sums rank as means do, since each rate has the same seeds.
        return sum(shard["score"] for shard in shard_counts), -sum(shard["loss"] for shard in shard_counts)

    rates = {group: max(finetuning.learning_rates, key=functools.partial(rank, group)) for group in groups}
    for (model, labels), rate in rates.items():
        log.info("%s with %s labels: learning rate %g", model, labels or "all", rate)
    return rates
