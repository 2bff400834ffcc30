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
from tasks.evaluate.preflight import Missing, made_ready
from tasks.evaluate.report.attribution_texts import read
from tasks.evaluate.report.conclusion import summary
from tasks.evaluate.report.groups import by_group
from tasks.evaluate.report.html_report import Story, render
from tasks.evaluate.report.provenance import (
    ancestors,
    crawl_figures,
    funnel_steps,
    loss_curve,
    run_picture,
    settings_lines,
)
from tasks.evaluate.report.samples import rules
from tasks.evaluate.results.scoreboard import Fit, Scoreboard, answers, as_json, rows, title_of, write_json
from tasks.evaluate.settings import Evaluate
from tasks.store import Draft
from tasks.store.manifest import package_versions

log = logging.getLogger("textmill.evaluate")

VERSIONS = ("textmill", "torch", "transformers", "tokenizers", "scikit-learn", "numpy", "polars")


def prepared(settings: Evaluate, draft: Draft, heldout: pl.DataFrame) -> list[Path]:
    """Make every enabled benchmark's tasks and keep them in the scratch folder, where the shards read them."""
    paths = []
    for task in make_tasks(settings.enabled(), settings.labels, heldout):
        paths.append(draft.scratch / f"{task.name}.parquet")
        log.info("%s: %s test examples", task.name, f"{len(task.test):,}")
        about = task.about
        if known := repeats(task):
            also = f"{known:,} of its {len(task.test):,} test texts are training texts too."
            log.warning("%s: %s", task.name, also)
            about = f"{about} {also}"
        replace(task, about=about).save(paths[-1])
    if not paths:
        raise no_benchmark_error()
    return paths


def repeats(task: Task) -> int:
    """How many test texts the training part has too, where something is learnt from it."""
    kind = load_task_type(task)
    learnt = {kind.format_question(row) for row in task.train.iter_rows(named=True)} if kind.is_fine_tuned else set()
    return sum(kind.format_question(row) in learnt for row in task.test.iter_rows(named=True))


def counts_of(settings: Evaluate, task: Task) -> list[int]:
    """The label counts of a task, the dearest first, so that no core waits at the end."""
    return sorted(task.labels or settings.labels, key=lambda labels: -(labels or math.inf))


def unseen(tokens: Sequence[Path], heldout: pl.DataFrame, data: list[Path], draft: Draft) -> Contamination:
    """Check held-out documents and all test texts against the pretraining text. Raises StageFailure on a shared id."""
    sets: dict[str, list[str]] = {}
    for task in map(Task.load, data):
        sets |= load_task_type(task).collect_test_texts(task)
    found = check_contamination(tokens, heldout, sets)
    draft.counts["contamination"] = found.as_dict()
    log.info(
        "no held-out document is in the pretraining text (%s documents checked against %s)",
        f"{found.heldout_documents:,}",
        f"{found.training_documents:,}",
    )
    return found


def scored(settings: Evaluate, draft: Draft, checkpoint: Path, data: Path, missing: Missing) -> Scoreboard:
    """Every row of a benchmark's table: the models of the checkpoint, baselines, and further checkpoints."""
    task = Task.load(data)
    models = list_models(task, settings.finetuning)
    fits = fitted(settings, draft, checkpoint, data, models, tuple(load_task_type(task).baselines))
    left_out = missing.get(task.kind, {})
    for folder in settings.further():
        if folder.name not in left_out:
            fits += further(settings, draft, folder, data)
    return Scoreboard(task, fits, left_out)


def further(settings: Evaluate, draft: Draft, folder: Path, data: Path) -> list[Fit]:
    """Another checkpoint's fits, made as the pretrained model's, on a copy of the task whose name keeps them apart."""
    task = Task.load(data)
    copy = data.with_name(f"{task.name}@{folder.name}.parquet")
    replace(task, name=copy.stem).save(copy)
    found = fitted(settings, draft, folder, copy, ("pretrained",), ())
    return [replace(fit, benchmark=task.name, model=folder.name) for fit in found]


def fitted(
    settings: Evaluate, draft: Draft, checkpoint: Path, data: Path, models: tuple[str, ...], baselines: tuple[str, ...]
) -> list[Fit]:
    """Choose each model's learning rate on validation, fit and score models and baselines."""
    task = Task.load(data)
    kind = load_task_type(task)
    made_ready(settings, draft, checkpoint, data, counts_of(settings, task), models)
    rates = chosen_rates(settings, draft, checkpoint, data, models)
    runs = [
        (model, labels, seed)
        for labels in counts_of(settings, task)
        for seed in range(settings.seeds)
        for model in (*models, *baselines)
    ]
    # as it is, a pretrained model answers alike with every seed
    made = {run: run if kind.is_fine_tuned or run[0] != "pretrained" else (*run[:2], 0) for run in runs}
    shards = {
        _shard(data, run): (data, checkpoint, settings.finetuning, *run, rates[run[:2]])
        for run in made.values()
        if run[0] in models
    }
    simple = {_shard(data, run): (data, *run) for run in runs if run[0] in baselines}
    counts = draft.map(fit_and_score, shards, f"{task.name}: {'fine-tune' if kind.is_fine_tuned else 'read'}")
    counts |= draft.map(score_baseline, simple, f"{task.name}: baselines")
    fits = []
    for (model, labels, seed), run in made.items():
        told = counts[_shard(data, run)]
        fits.append(
            Fit(
                benchmark=task.name,
                model=model,
                labels=labels,
                seed=seed,
                **{name: told[name] for name in ("metrics", "chosen", "validation", "curve")},
                answers=pl.read_parquet(draft.path / fit_file(task.name, *run)),
            )
        )
    return fits


def chosen_rates(
    settings: Evaluate, draft: Draft, checkpoint: Path, data: Path, models: tuple[str, ...]
) -> dict[tuple[str, int], float]:
    """For every model and label count the learning rate with the best mean score on validation; ties by loss."""
    recipe, task = settings.finetuning, Task.load(data)
    pairs = [(model, labels) for labels in counts_of(settings, task) for model in models]
    if len(recipe.learning_rates) == 1 or not load_task_type(task).is_fine_tuned:
        return dict.fromkeys(pairs, recipe.learning_rates[0])
    seeds = range(min(settings.choice_seeds, settings.seeds))
    tries = {
        (*pair, seed, rate): (data, checkpoint, recipe, *pair, seed, rate)
        for pair in pairs
        for rate in recipe.learning_rates
        for seed in seeds
    }
    found = draft.map(
        validate_rate, {_shard(data, run): args for run, args in tries.items()}, f"{data.stem}: learning rates"
    )

    def standing(pair: tuple[str, int], rate: float) -> tuple[float, float]:
        results = [found[_shard(data, (*pair, seed, rate))] for seed in seeds]
        return sum(each["score"] for each in results), -sum(each["loss"] for each in results)

    best = {pair: max(recipe.learning_rates, key=functools.partial(standing, pair)) for pair in pairs}
    for (model, labels), rate in best.items():
        log.info("%s with %s labels: learning rate %g", title_of(model), labels or "all", rate)
    return best


def _shard(data: Path, run: tuple[Any, ...]) -> str:
    return "-".join([data.stem, *map(str, run)])


def write(settings: Evaluate, draft: Draft, checkpoint: Path, boards: list[Scoreboard], found: Contamination) -> None:
    """The artifact's files."""
    groups = {board.task.name: by_group(board) for board in boards}
    looked = {
        board.task.name: draft.path / attribution_file(board.task.name, board.label_counts[-1]) for board in boards
    }
    story = Story(
        boards=boards,
        groups=groups,
        looked={name: read(path) for name, path in looked.items() if path.exists()},
        contamination=found,
        crawl=crawl_figures(draft.lineage),
        funnel=funnel_steps(draft.lineage),
        rules=rules(draft.lineage),
        loss=loss_curve(checkpoint / "metrics.jsonl"),
        run=run_picture(checkpoint),
        ancestors=ancestors(draft.lineage),
        settings=settings_lines(settings.semantic()),
        versions={name: version for name, version in package_versions().items() if name in VERSIONS},
        model=model_facts(checkpoint),
    )
    with draft.write("scores.parquet") as path:
        rows(boards).write_parquet(path)
    with draft.write("answers.parquet") as path:
        answers(boards).write_parquet(path)
    with draft.write("scores.json") as path:
        write_json(path, as_json(boards, found.as_dict(), groups))
    with draft.write("summary.md") as path:
        path.write_text(summary(boards, found), encoding="utf-8")
    with draft.write("report.html") as path:
        path.write_text(render(story), encoding="utf-8")


def model_facts(checkpoint: Path) -> list[tuple[str, str]]:
    """What kind of model it is, from its configuration."""
    try:
        config: dict[str, Any] = json.loads((checkpoint / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StageFailure(
            f"{checkpoint / 'config.json'} cannot be read: {error}", "Give a transformers folder"
        ) from error
    named = [
        ("architecture", ", ".join(config.get("architectures") or [str(config.get("model_type", ""))])),
        ("layers", config.get("num_hidden_layers", config.get("n_layer", config.get("num_layers")))),
        ("width", config.get("hidden_size", config.get("n_embd", config.get("d_model")))),
        ("vocabulary", config.get("vocab_size")),
    ]
    return [(name, f"{value:,}" if isinstance(value, int) else str(value)) for name, value in named if value]


def counted(boards: list[Scoreboard]) -> dict[str, Any]:
    """Mean scores for the manifest: benchmark → label count → model."""
    return {
        board.task.name: {
            str(labels): {model: round(board.spread(model, labels, board.metric).mean, 4) for model in board.models}
            for labels in board.label_counts
        }
        for board in boards
    }
