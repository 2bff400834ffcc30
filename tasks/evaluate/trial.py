"""A way of fine-tuning of which only the validation score is wanted."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import mean

from tasks.downstream.data.task_data import Task
from tasks.downstream.settings.finetuning import FineTuning
from tasks.downstream.task_types import load_task_type
from tasks.store import Draft

Judge = Callable[[float, float], bool]
"""gets the share of the seeds that are done and the score so far; whether to end the trial"""
Run = tuple[Path, int, float, int]
"""a task, a label count, a learning rate and a seed"""

MODEL = "pretrained"


def score_finetuning(
    recipe: FineTuning, checkpoint: Path, tasks: Sequence[Task], seeds: int, scratch: Path, judge: Judge
) -> float | None:
    """Fit a checkpoint to each task with each of its label counts, and return the mean score on validation.

    The tasks bring no test part (`learnt_tasks`). The fits are those that an evaluation chooses learning rates by: of
    several rates the best counts. Scores of different metrics are averaged as they are.

    None when `judge`, which is asked after each seed, ended it. Killed, it goes on in `scratch`, which is removed in
    the end. Raises StageFailure.
    """
    # torch and transformers take seconds to import, and a plan or a form needs none of it
    from tasks.downstream.finetuning.shards import encode_task, validate_rate  # noqa: PLC0415
    from tasks.downstream.heads import find_model_class  # noqa: PLC0415

    draft = Draft(scratch)
    data = {draft.scratch / f"{task.name}.parquet": task for task in tasks}
    for path, task in data.items():
        assert task.test.is_empty()
        find_model_class(task).check_support(checkpoint, recipe)
        task.save(path)
    if recipe.method.chosen.freezes_encoder:
        draft.map(encode_task, {path.stem: (path, checkpoint, recipe, MODEL, 0) for path in data}, "encode")
    scores: dict[Run, float] = {}
    score: float | None = None
    for seed in range(seeds):
        runs = [
            (path, labels, rate, seed)
            for path, task in data.items()
            for labels in task.labels
            for rate in recipe.learning_rates
        ]
        shards = {
            f"{path.stem}-{labels}-{rate}-{seed}": (path, checkpoint, recipe, MODEL, labels, seed, rate)
            for path, labels, rate, seed in runs
        }
        counts = draft.map(validate_rate, shards, f"seed {seed + 1} of {seeds}")
        scores |= {run: found["score"] for run, found in zip(runs, counts.values(), strict=True)}
        score = mean_score(scores)
        if judge((seed + 1) / seeds, score):
            score = None
            break
    shutil.rmtree(scratch)
    return score


def mean_score(scores: Mapping[Run, float]) -> float:
    """Over tasks and label counts, each with the learning rate whose mean over seeds is the highest."""
    by_rate: dict[tuple[Path, int], dict[float, list[float]]] = {}
    for (path, labels, rate, _), score in scores.items():
        by_rate.setdefault((path, labels), {}).setdefault(rate, []).append(score)
    return mean(max(map(mean, rates.values())) for rates in by_rate.values())


def describe_metric(tasks: Sequence[Task], seeds: int) -> str:
    """What the score of a trial is the mean of, in sentences."""
    each = "; ".join(
        f"{task.name} ({_metric(task)}; labels: {', '.join(str(labels or 'all') for labels in task.labels)})"
        for task in tasks
    )
    return (
        f"The validation score is the mean over {each}, and over {seeds} seeds. Scores of different metrics are "
        "averaged as they are. No fit saw a test part. The best of many trials is in part a lucky one: only an "
        "evaluation with its settings tells what they bring."
    )


def _metric(task: Task) -> str:
    if task.kind == "texts":  # `TextGenerationModel.validate`: to write them would take a pass a token
        return "likelihood of the true texts"
    kind = load_task_type(task)
    return kind.metric_titles.get(kind.metrics[0], kind.metrics[0])
