"""The steps of an evaluation, in the order in which the stage takes them."""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from tasks.downstream.data.contamination import Contamination, check_contamination
from tasks.downstream.data.task_data import Task
from tasks.downstream.few_shot.prompted_answers import check_prompts
from tasks.downstream.few_shot.prompts import has_prompts
from tasks.downstream.few_shot.shards import answer_and_score
from tasks.downstream.finetuning.learning_rates import choose_learning_rates
from tasks.downstream.finetuning.precompute import precompute_inputs
from tasks.downstream.finetuning.shards import fit_and_score, fit_file, name_shard, score_baseline
from tasks.downstream.finetuning.variants import list_models
from tasks.downstream.kept_models.fit import score_kept
from tasks.downstream.kept_models.record import KeptFolder
from tasks.downstream.prepare_tasks import make_tasks, no_benchmark_error
from tasks.downstream.skewed_tests import choose_metrics
from tasks.downstream.task_types import load_task_type
from tasks.errors import StageFailure
from tasks.evaluate.preflight import UnsupportedReasons
from tasks.evaluate.results.benchmark_results import BenchmarkResults, Fit
from tasks.evaluate.results.caveats import describe_caveats
from tasks.evaluate.results.model_titles import PROMPTED_SUFFIX
from tasks.evaluate.results.repeated_texts import find_repeated_rows
from tasks.evaluate.settings import Evaluate
from tasks.runtime.parquet_files import read_parquet
from tasks.store import Draft

log = logging.getLogger("textmill.evaluate")

Run = tuple[str, int, int]
"""A model, a label count and a seed."""


def prepare_tasks(
    settings: Evaluate, draft: Draft, heldout: pl.DataFrame, kept: Mapping[str, KeptFolder]
) -> list[Path]:
    """Write the tasks of every enabled benchmark into the scratch folder, where the shards read them.

    A task of which a model is kept has that model's label count too. Raises StageFailure when there is no task, or a
    kept model is of none of them.
    """
    task_files = []
    for task in make_tasks(settings.enabled_benchmarks(), settings.labels_per_class, heldout):
        # Files and not arguments: a shard may run in another process, and reads the task there.
        task_files.append(draft.scratch / f"{task.name}.parquet")
        log.info("%s: %s test examples", task.name, f"{len(task.test):,}")
        about = task.describe()
        if task.remarks:
            # for the end of the run, which the log may have scrolled away by then
            draft.counts.setdefault("remarks", {})[task.name] = task.remarks.strip()
        if num_repeated := int(find_repeated_rows(task).sum()):
            log.warning(
                "%s: %s of its %s test texts are training texts too",
                task.name,
                f"{num_repeated:,}",
                f"{len(task.test):,}",
            )
        if task.name in kept:
            task = add_label_count(settings, task, kept[task.name])  # noqa: PLW2901 - the same task
        choose_metrics(replace(task, about=about, remarks=""), settings.skewed_metric).save(task_files[-1])
    if not task_files:
        raise no_benchmark_error()
    if unknown := kept.keys() - {path.stem for path in task_files}:
        raise StageFailure(
            f"a model is kept of the task {min(unknown)}, which no benchmark names",
            "Name its data set, or leave it out",
        )
    return task_files


def add_label_count(settings: Evaluate, task: Task, kept: KeptFolder) -> Task:
    """Return a task with the label count of its kept model too. Raises StageFailure when that saw other examples."""
    if task.digest != kept.record.data:
        raise StageFailure(
            f"the kept model of {task.name} was fine-tuned on other examples than those of the evaluation",
            "Run finetune again",
        )
    labels = task.labels or settings.labels_per_class
    return replace(task, labels=list(dict.fromkeys([*labels, kept.record.labels])))


def choose_recipe(settings: Evaluate, kept: KeptFolder | None) -> Evaluate:
    """Return the settings for a task: where a model of it is kept, all its fits are made as that one was."""
    return settings.model_copy(update={"finetuning": kept.record.finetuning}) if kept else settings


def choose_seeds(settings: Evaluate, kept: KeptFolder | None) -> list[int]:
    """Return the seeds of a task's fits, that of its kept model among them."""
    seeds = list(range(settings.seeds))
    return seeds if kept is None or kept.record.seed in seeds else [kept.record.seed, *seeds[:-1]]


def order_label_counts(settings: Evaluate, task: Task) -> list[int]:
    """Return the label counts of a task, the most expensive first, so that no core waits at the end."""
    # 0 stands for all labels
    return sorted(task.labels or settings.labels_per_class, key=lambda labels: -(labels or math.inf))


def record_contamination(
    tokens: Sequence[Path], heldout: pl.DataFrame, task_files: list[Path], draft: Draft
) -> Contamination:
    """Count held-out documents and test texts that overlap with the pretraining text.

    Raises StageFailure when a held-out document is in the pretraining text.
    """
    passages: dict[str, list[str]] = {}
    for task in map(Task.load, task_files):
        passages |= load_task_type(task).collect_test_texts(task)
    contamination = check_contamination(tokens, heldout, passages)
    draft.counts["contamination"] = contamination.as_dict()
    log.info(
        "no held-out document is in the pretraining text (%s documents checked against %s)",
        f"{contamination.heldout_documents:,}",
        f"{contamination.training_documents:,}",
    )
    return contamination


def score_benchmark(
    settings: Evaluate,
    draft: Draft,
    checkpoint: Path,
    task_file: Path,
    unsupported: UnsupportedReasons,
    kept: KeptFolder | None = None,
) -> BenchmarkResults:
    """Fit and score all models of a benchmark: those of our checkpoint, the baselines, and `evaluate.checkpoints`.

    The kept model is scored as it is, and not fitted again.
    """
    task, settings, seeds = Task.load(task_file), choose_recipe(settings, kept), choose_seeds(settings, kept)
    models, baselines = list_models(task, settings.finetuning), tuple(load_task_type(task).baselines)
    fits = fit_models(settings, draft, checkpoint, task_file, models, baselines, seeds, kept)
    left_out = dict(unsupported.get(task.kind, {}))
    fits += answer_by_prompts(settings, draft, checkpoint, task_file, left_out, seeds)
    for folder in settings.checkpoint_folders():
        if folder.name not in left_out:
            fits += score_checkpoint(settings, draft, folder, task_file, left_out, seeds)
    return BenchmarkResults(task, fits, left_out, describe_caveats(settings.finetuning, task))


def answer_by_prompts(
    settings: Evaluate,
    draft: Draft,
    checkpoint: Path,
    task_file: Path,
    left_out: dict[str, str],
    seeds: Sequence[int],
    name: str = "prompted",
) -> list[Fit]:
    """Answer the task with the examples of each sample in the prompt; why a model cannot goes to `left_out`."""
    task = Task.load(task_file)
    if not settings.shots or not has_prompts(task):
        return []
    try:
        check_prompts(task, checkpoint)
    except StageFailure as error:
        left_out[name] = error.what.replace(f" in {checkpoint}", "")
        log.warning("%s: %s", task.name, error.what)
        return []
    runs = [(name, labels, seed) for labels in order_label_counts(settings, task) for seed in seeds]
    max_target_length = settings.finetuning.max_target_length
    shards = {
        name_shard(task_file, *run): (task_file, checkpoint, max_target_length, *run, settings.shots) for run in runs
    }
    counts = draft.map(answer_and_score, shards, f"{task.name}: prompts of {settings.shots} examples")
    return [_load_fit(draft, task, run, run, counts[name_shard(task_file, *run)]) for run in runs]


def score_checkpoint(
    settings: Evaluate,
    draft: Draft,
    folder: Path,
    task_file: Path,
    left_out: dict[str, str],
    seeds: Sequence[int],
) -> list[Fit]:
    """Fit and score one of `evaluate.checkpoints` in the same way as the pretrained model."""
    task = Task.load(task_file)
    # Shards and files of fits are named after the task: a copy with another name keeps those of the checkpoints apart.
    copy = task_file.with_name(f"{task.name}@{folder.name}.parquet")
    replace(task, name=copy.stem).save(copy)
    fits = fit_models(settings, draft, folder, copy, ("pretrained",), (), seeds)
    fits = [replace(fit, model=folder.name) for fit in fits]
    fits += answer_by_prompts(settings, draft, folder, copy, left_out, seeds, f"{folder.name}{PROMPTED_SUFFIX}")
    return [replace(fit, benchmark=task.name) for fit in fits]


def fit_models(
    settings: Evaluate,
    draft: Draft,
    checkpoint: Path,
    task_file: Path,
    models: tuple[str, ...],
    baselines: tuple[str, ...],
    seeds: Sequence[int],
    kept: KeptFolder | None = None,
) -> list[Fit]:
    """Choose each model's learning rate on validation, then fit and score models and baselines; score a kept model."""
    finetuning = settings.finetuning
    task = Task.load(task_file)
    task_type = load_task_type(task)
    label_counts = order_label_counts(settings, task)
    precompute_inputs(finetuning, seeds, draft, checkpoint, task_file, label_counts, models)
    groups = [(model, labels) for labels in label_counts for model in models]
    rates = {(kept.record.model, kept.record.labels): kept.record.learning_rate} if kept else {}
    unknown_rates = [group for group in groups if group not in rates]
    rates |= choose_learning_rates(
        finetuning, draft, checkpoint, task_file, unknown_rates, seeds[: settings.tuning_seeds]
    )
    runs = [
        (model, labels, seed)
        for labels in label_counts
        for seed in seeds
        # Models innermost: the runs of one sample are neighbours, and the largest label count comes first.
        for model in (*models, *baselines)
    ]
    # Without fine-tuning the pretrained model gives the same answers with every seed: they are computed once.
    # Maps each run to the run whose answers it has.
    computed = {
        run: (*run[:2], seeds[0]) if run[0] == "pretrained" and not task_type.is_fine_tuned else run for run in runs
    }
    kept_run = (kept.record.model, kept.record.labels, kept.record.seed) if kept else None
    model_shards = {
        name_shard(task_file, *run): (task_file, checkpoint, finetuning, *run, rates[run[:2]], settings.copy_texts)
        for run in computed.values()
        if run[0] in models and run != kept_run
    }
    baseline_shards = {name_shard(task_file, *run): (task_file, *run) for run in runs if run[0] in baselines}
    counts = draft.map(
        fit_and_score, model_shards, f"{task.name}: {'fine-tune' if task_type.is_fine_tuned else 'zero-shot'}"
    )
    counts |= draft.map(score_baseline, baseline_shards, f"{task.name}: baselines")
    if kept and kept_run:
        counts |= draft.map(
            score_kept,
            {name_shard(task_file, *kept_run): (task_file, kept.folder, *kept_run)},
            f"{task.name}: the kept model",
        )
    return [
        _load_fit(draft, task, named_run, run, counts[name_shard(task_file, *run)])
        for named_run, run in computed.items()
    ]


def _load_fit(draft: Draft, task: Task, named_run: Run, run: Run, counts: dict[str, Any]) -> Fit:
    """Return the fit of a run from its counts, and from the file with its answers."""
    model, labels, seed = named_run
    return Fit(
        benchmark=task.name,
        model=model,
        labels=labels,
        seed=seed,
        metrics=counts["metrics"],
        chosen=counts["chosen"],
        validation=counts["validation"],
        curve=counts["curve"],
        answers=read_parquet(draft.path / fit_file(task.name, *run)),
    )
