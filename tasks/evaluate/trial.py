"""Fine-tune with given settings and return the validation score only; a search for settings runs it as a trial."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import mean

from tasks.downstream.data.task_data import Task
from tasks.downstream.settings.finetuning import FineTuning
from tasks.downstream.task_types import load_task_type
from tasks.store import Draft

PruneCallback = Callable[[float, float], bool]
"""Tell whether to end the trial; called with the fraction of the seeds that are done and the score so far."""
FitKey = tuple[Path, int, float, int]
"""A task file, a label count, a learning rate and a seed."""

MODEL = "pretrained"


def score_finetuning(
    finetuning: FineTuning,
    checkpoint: Path,
    tasks: Sequence[Task],
    seeds: int,
    scratch: Path,
    should_stop: PruneCallback,
) -> float | None:
    """Fine-tune a checkpoint on each task with each of its label counts, and return the mean score on validation.

    The tasks have no test part (`make_fine_tuning_tasks`). The fits are the same that an evaluation chooses learning
    rates by: of several rates, the best one counts. Scores of different metrics are averaged without scaling.

    Returns None when `should_stop`, which is called after each seed, ended the trial. A killed trial continues from
    the fits in `scratch`, which is removed at the end. Raises StageFailure.
    """
    # torch and transformers take seconds to import, and a plan or a form needs none of it
    from tasks.downstream.finetuning.shards import encode_task, validate_rate  # noqa: PLC0415
    from tasks.downstream.heads import find_model_class  # noqa: PLC0415

    draft = Draft(scratch)
    task_files = {draft.scratch / f"{task.name}.parquet": task for task in tasks}
    for task_file, task in task_files.items():
        # Settings that were tuned on test examples would make the test scores worthless.
        assert task.test.is_empty()
        find_model_class(task, finetuning.head).check_support(checkpoint, finetuning)
        task.save(task_file)
    if finetuning.method.chosen.freezes_encoder:
        draft.map(encode_task, {path.stem: (path, checkpoint, finetuning, MODEL, 0) for path in task_files}, "encode")
    scores: dict[FitKey, float] = {}
    score: float | None = None
    # Seeds are the outer loop, so that a hopeless trial ends after one seed of every task, not after one task.
    for seed in range(seeds):
        fits = [
            (task_file, labels, rate, seed)
            for task_file, task in task_files.items()
            for labels in task.labels
            for rate in finetuning.learning_rates
        ]
        shards = {
            f"{task_file.stem}-{labels}-{rate}-{seed}": (task_file, checkpoint, finetuning, MODEL, labels, seed, rate)
            for task_file, labels, rate, seed in fits
        }
        counts = draft.map(validate_rate, shards, f"seed {seed + 1} of {seeds}")
        # `map` returns the shards in the order in which they were given.
        scores |= {fit: shard["score"] for fit, shard in zip(fits, counts.values(), strict=True)}
        score = average_best_scores(scores)
        if should_stop((seed + 1) / seeds, score):
            score = None
            break
    # Only at the end: a killed trial finds its finished fits there.
    shutil.rmtree(scratch)
    return score


def average_best_scores(scores: Mapping[FitKey, float]) -> float:
    """Average over tasks and label counts; of each, only the learning rate with the highest mean over seeds counts."""
    seed_scores: dict[tuple[Path, int], dict[float, list[float]]] = {}
    for (task_file, labels, rate, _), score in scores.items():
        seed_scores.setdefault((task_file, labels), {}).setdefault(rate, []).append(score)
    return mean(max(map(mean, by_rate.values())) for by_rate in seed_scores.values())


def describe_metric(tasks: Sequence[Task], seeds: int) -> str:
    """Describe in sentences what the score of a trial is the mean of."""
    described_tasks = "; ".join(
        f"{task.name} ({_describe_task_metric(task)}; labels: {', '.join(str(n or 'all') for n in task.labels)})"
        for task in tasks
    )
    return (
        f"The validation score is the mean over {described_tasks}, and over {seeds} seeds. Scores of different metrics "
        "are averaged without scaling. No fit saw a test part. The best of many trials is partly lucky: only an "
        "evaluation with its settings shows what they really gain."
    )


def _describe_task_metric(task: Task) -> str:
    if task.kind == "texts":  # validation takes the likelihood: generating texts costs a forward pass a token
        return "likelihood of the true texts"
    task_type = load_task_type(task)
    return task_type.metric_titles.get(task_type.metrics[0], task_type.metrics[0])
