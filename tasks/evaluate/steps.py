"""The steps of an evaluation, in the order in which the stage takes them."""

import functools
import json
import logging
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from tasks.downstream.data.contamination import Contamination, check_contamination
from tasks.downstream.data.task_data import Task
from tasks.downstream.finetuning.shards import attribution_file, fit_and_score, fit_file, score_baseline, validate_rate
from tasks.downstream.finetuning.variants import list_models
from tasks.downstream.prepare_tasks import make_tasks, no_benchmark_error
from tasks.downstream.task_types import load_task_type
from tasks.errors import StageFailure
from tasks.evaluate.precompute import precompute_inputs
from tasks.evaluate.preflight import UnsupportedReasons
from tasks.evaluate.report.attribution_texts import load_attributions
from tasks.evaluate.report.conclusion import render_summary
from tasks.evaluate.report.groups import score_groups
from tasks.evaluate.report.html_report import ReportData, render_report
from tasks.evaluate.report.provenance import (
    describe_crawl,
    draw_training_curves,
    format_settings,
    list_ancestors,
    list_funnel_steps,
    list_incomplete_ancestors,
    load_loss_curve,
)
from tasks.evaluate.report.samples import load_rule_samples
from tasks.evaluate.results.benchmark_results import BenchmarkResults, Fit
from tasks.evaluate.results.model_titles import get_model_title
from tasks.evaluate.results.output_tables import build_scores_json, tabulate_answers, tabulate_scores, write_json
from tasks.evaluate.settings import Evaluate
from tasks.runtime.parquet_files import read_parquet
from tasks.store import Draft
from tasks.store.manifest import package_versions

log = logging.getLogger("textmill.evaluate")

REPORTED_PACKAGES = ("textmill", "torch", "transformers", "tokenizers", "scikit-learn", "numpy", "polars")


def prepare_tasks(settings: Evaluate, draft: Draft, heldout: pl.DataFrame) -> list[Path]:
    """Write the tasks of every enabled benchmark into the scratch folder, where the shards read them.

    Raises StageFailure when there is no task.
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
        if num_repeated := count_repeated_texts(task):
            warning = f"{num_repeated:,} of its {len(task.test):,} test texts are training texts too."
            log.warning("%s: %s", task.name, warning)
            about = f"{about} {warning}"
        replace(task, about=about, remarks="").save(task_files[-1])
    if not task_files:
        raise no_benchmark_error()
    return task_files


def count_repeated_texts(task: Task) -> int:
    """Count the test texts that are also training texts; 0 for a task without fine-tuning."""
    task_type = load_task_type(task)
    if not task_type.is_fine_tuned:
        return 0
    train_texts = {task_type.format_question(row) for row in task.train.iter_rows(named=True)}
    return sum(task_type.format_question(row) in train_texts for row in task.test.iter_rows(named=True))


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
    settings: Evaluate, draft: Draft, checkpoint: Path, task_file: Path, unsupported: UnsupportedReasons
) -> BenchmarkResults:
    """Fit and score all models of a benchmark: those of our checkpoint, the baselines, and `evaluate.checkpoints`."""
    task = Task.load(task_file)
    models, baselines = list_models(task, settings.finetuning), tuple(load_task_type(task).baselines)
    fits = fit_models(settings, draft, checkpoint, task_file, models, baselines)
    left_out = unsupported.get(task.kind, {})
    for folder in settings.checkpoint_folders():
        if folder.name not in left_out:
            fits += score_checkpoint(settings, draft, folder, task_file)
    return BenchmarkResults(task, fits, left_out)


def score_checkpoint(settings: Evaluate, draft: Draft, folder: Path, task_file: Path) -> list[Fit]:
    """Fit and score one of `evaluate.checkpoints` in the same way as the pretrained model."""
    task = Task.load(task_file)
    # Shards and files of fits are named after the task: a copy with another name keeps those of the checkpoints apart.
    copy = task_file.with_name(f"{task.name}@{folder.name}.parquet")
    replace(task, name=copy.stem).save(copy)
    fits = fit_models(settings, draft, folder, copy, ("pretrained",), ())
    return [replace(fit, benchmark=task.name, model=folder.name) for fit in fits]


def fit_models(
    settings: Evaluate,
    draft: Draft,
    checkpoint: Path,
    task_file: Path,
    models: tuple[str, ...],
    baselines: tuple[str, ...],
) -> list[Fit]:
    """Choose each model's learning rate on validation, then fit and score models and baselines."""
    task = Task.load(task_file)
    task_type = load_task_type(task)
    label_counts = order_label_counts(settings, task)
    precompute_inputs(settings, draft, checkpoint, task_file, label_counts, models)
    rates = choose_learning_rates(settings, draft, checkpoint, task_file, models)
    runs = [
        (model, labels, seed)
        for labels in label_counts
        for seed in range(settings.seeds)
        # Models innermost: the runs of one sample are neighbours, and the largest label count comes first.
        for model in (*models, *baselines)
    ]
    # Without fine-tuning the pretrained model gives the same answers with every seed: they are computed once.
    # Maps each run to the run whose answers it has.
    computed = {run: (*run[:2], 0) if run[0] == "pretrained" and not task_type.is_fine_tuned else run for run in runs}
    model_shards = {
        _name_shard(task_file, run): (task_file, checkpoint, settings.finetuning, *run, rates[run[:2]])
        for run in computed.values()
        if run[0] in models
    }
    baseline_shards = {_name_shard(task_file, run): (task_file, *run) for run in runs if run[0] in baselines}
    counts = draft.map(
        fit_and_score, model_shards, f"{task.name}: {'fine-tune' if task_type.is_fine_tuned else 'zero-shot'}"
    )
    counts |= draft.map(score_baseline, baseline_shards, f"{task.name}: baselines")
    fits = []
    for (model, labels, seed), run in computed.items():
        shard = counts[_name_shard(task_file, run)]
        fits.append(
            Fit(
                benchmark=task.name,
                model=model,
                labels=labels,
                seed=seed,
                metrics=shard["metrics"],
                chosen=shard["chosen"],
                validation=shard["validation"],
                curve=shard["curve"],
                answers=read_parquet(draft.path / fit_file(task.name, *run)),
            )
        )
    return fits


def choose_learning_rates(
    settings: Evaluate, draft: Draft, checkpoint: Path, task_file: Path, models: tuple[str, ...]
) -> dict[tuple[str, int], float]:
    """Choose the learning rate with the best mean validation score for each (model, label count); ties by loss."""
    finetuning, task = settings.finetuning, Task.load(task_file)
    pairs = [(model, labels) for labels in order_label_counts(settings, task) for model in models]
    if len(finetuning.learning_rates) == 1 or not load_task_type(task).is_fine_tuned:
        return dict.fromkeys(pairs, finetuning.learning_rates[0])
    seeds = range(min(settings.tuning_seeds, settings.seeds))
    shards = {
        _name_shard(task_file, (*pair, seed, rate)): (task_file, checkpoint, finetuning, *pair, seed, rate)
        for pair in pairs
        for rate in finetuning.learning_rates
        for seed in seeds
    }
    counts = draft.map(validate_rate, shards, f"{task_file.stem}: learning rates")

    def rank(pair: tuple[str, int], rate: float) -> tuple[float, float]:
        shard_counts = [counts[_name_shard(task_file, (*pair, seed, rate))] for seed in seeds]
        # Sums rank as means do, since each rate has the same seeds.
        return sum(shard["score"] for shard in shard_counts), -sum(shard["loss"] for shard in shard_counts)

    rates = {pair: max(finetuning.learning_rates, key=functools.partial(rank, pair)) for pair in pairs}
    for (model, labels), rate in rates.items():
        log.info("%s with %s labels: learning rate %g", get_model_title(model), labels or "all", rate)
    return rates


def _name_shard(task_file: Path, run: tuple[Any, ...]) -> str:
    return "-".join([task_file.stem, *map(str, run)])


def write_outputs(
    settings: Evaluate, draft: Draft, checkpoint: Path, results: list[BenchmarkResults], contamination: Contamination
) -> None:
    """Write the tables, the summary and the report into the artifact."""
    groups = {benchmark.task.name: score_groups(benchmark) for benchmark in results}
    attribution_files = {
        # With the largest label count, the last one.
        benchmark.task.name: draft.path / attribution_file(benchmark.task.name, benchmark.label_counts[-1])
        for benchmark in results
    }
    data = ReportData(
        results=results,
        groups=groups,
        attributions={name: load_attributions(path) for name, path in attribution_files.items() if path.exists()},
        contamination=contamination,
        crawl=describe_crawl(draft.lineage),
        funnel=list_funnel_steps(draft.lineage),
        rules=load_rule_samples(draft.lineage),
        loss=load_loss_curve(checkpoint / "metrics.jsonl"),
        training_curves=draw_training_curves(checkpoint),
        ancestors=list_ancestors(draft.lineage),
        incomplete=list_incomplete_ancestors(draft.lineage),
        settings=format_settings(settings.semantic()),
        versions={name: version for name, version in package_versions().items() if name in REPORTED_PACKAGES},
        model=describe_model(checkpoint),
    )
    with draft.write("scores.parquet") as path:
        tabulate_scores(results).write_parquet(path)
    with draft.write("answers.parquet") as path:
        tabulate_answers(results).write_parquet(path)
    with draft.write("scores.json") as path:
        write_json(path, build_scores_json(results, contamination.as_dict(), groups))
    with draft.write("summary.md") as path:
        path.write_text(render_summary(results, contamination), encoding="utf-8")
    with draft.write("report.html") as path:
        path.write_text(render_report(data), encoding="utf-8")


def describe_model(checkpoint: Path) -> list[tuple[str, str]]:
    """Return the model's architecture and sizes from its configuration, as rows of name and text."""
    try:
        config: dict[str, Any] = json.loads((checkpoint / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StageFailure(
            f"{checkpoint / 'config.json'} cannot be read: {error}", "Give a transformers folder"
        ) from error
    # model families call the same sizes by different names
    rows = [
        ("architecture", ", ".join(config.get("architectures") or [str(config.get("model_type", ""))])),
        ("layers", config.get("num_hidden_layers", config.get("n_layer", config.get("num_layers")))),
        ("width", config.get("hidden_size", config.get("n_embd", config.get("d_model")))),
        ("vocabulary", config.get("vocab_size")),
    ]
    return [(name, f"{value:,}" if isinstance(value, int) else str(value)) for name, value in rows if value]


def average_scores(results: list[BenchmarkResults]) -> dict[str, Any]:
    """Return the mean scores for the manifest: benchmark → label count → model → score."""
    return {
        benchmark.task.name: {
            str(labels): {
                model: round(benchmark.score_spread(model, labels, benchmark.metric).mean, 4)
                for model in benchmark.models
            }
            for labels in benchmark.label_counts
        }
        for benchmark in results
    }
