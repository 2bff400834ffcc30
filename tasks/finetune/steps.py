"""The steps of fine-tuning a model that is kept, in the order in which the stage takes them."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from tasks.downstream.check_support import check_recipe_support, check_task_support
from tasks.downstream.data.contamination import TextOverlap, check_contamination
from tasks.downstream.data.task_data import Task
from tasks.downstream.finetuning.learning_rates import choose_learning_rates
from tasks.downstream.finetuning.precompute import precompute_inputs
from tasks.downstream.finetuning.shards import name_shard
from tasks.downstream.finetuning.variants import uses_augmentation, uses_continued_pretraining, uses_unlabelled
from tasks.downstream.kept_models.fit import fit_and_save, score_baseline_with_interval
from tasks.downstream.kept_models.record import KeptRecord, KeptScore
from tasks.downstream.kept_models.save import check_can_be_kept
from tasks.downstream.models.one_thread import use_one_thread
from tasks.downstream.prepare_tasks import load_heldout_documents, make_tasks
from tasks.downstream.settings.finetuning import FineTuning
from tasks.downstream.skewed_tests import choose_metrics
from tasks.downstream.task_types import load_task_type
from tasks.errors import BadSetting, StageFailure
from tasks.finetune.model_card import render_model_card, render_summary
from tasks.finetune.settings import Finetune
from tasks.store import Draft

log = logging.getLogger("textmill.finetune")

NO_DOCUMENTS = pl.DataFrame(schema={"id": pl.String, "text": pl.String})


def prepare_task(settings: Finetune, draft: Draft, checkpoint: Path, tokens: Sequence[Path]) -> Path:
    """Write the task into the scratch folder, where the shards read it. Raises StageFailure.

    It is checked that the checkpoint can answer the task, and that the model can be kept.
    """
    check_can_be_kept(settings.finetuning)
    blocks = [block for _, block in settings.benchmarks.blocks() if block.enabled]
    heldout = load_heldout_documents(tokens) if settings.needs_heldout and tokens else pl.DataFrame()
    if settings.needs_heldout and heldout.is_empty():
        raise StageFailure(
            "the benchmark site_section is made of held-out pages, and a model of others has none",
            "Name a data set in finetune.benchmarks, or leave finetune.folder empty",
        )
    tasks = list(make_tasks(blocks, [settings.labels], heldout, "finetune"))
    if len(tasks) != 1:
        raise BadSetting(
            f"a kept model is of one task, and the settings name {len(tasks)}", "Name data sets in finetune.benchmarks"
        )
    task = choose_metrics(replace(tasks[0], about=tasks[0].describe(), remarks=""), settings.skewed_metric)
    if tasks[0].remarks:
        draft.counts.setdefault("remarks", {})[task.name] = tasks[0].remarks.strip()
    with use_one_thread():
        check_recipe_support(settings.finetuning, task, checkpoint)
        check_task_support(settings.finetuning, task, checkpoint)
    task_file = draft.scratch / f"{task.name}.parquet"
    task.save(task_file)
    return task_file


def measure_overlap(draft: Draft, task_file: Path, tokens: Sequence[Path]) -> dict[str, TextOverlap]:
    """Count the test texts that overlap with the pretraining text; nothing where that is not known."""
    if not tokens:
        return {}
    task = Task.load(task_file)
    contamination = check_contamination(tokens, NO_DOCUMENTS, load_task_type(task).collect_test_texts(task))
    draft.counts["overlap"] = {name: overlap.overlapping for name, overlap in contamination.sets.items()}
    return contamination.sets


def choose_variant(finetuning: FineTuning, task: Task) -> str:
    """Return how the kept model is fitted: with what the settings add to the labelled examples."""
    for model, applies in (
        ("unlabelled", uses_unlabelled),
        ("augmented", uses_augmentation),
        ("continued", uses_continued_pretraining),
    ):
        if applies(task, finetuning):
            return model
    return "pretrained"


def fit_and_keep(settings: Finetune, draft: Draft, checkpoint: Path, task_file: Path) -> KeptRecord:
    """Choose the learning rate, fit the model, write its folder into the draft, and score it beside the baselines."""
    finetuning, task = settings.finetuning, Task.load(task_file)
    task_type = load_task_type(task)
    model, labels, seed = choose_variant(finetuning, task), settings.labels, settings.seed
    precompute_inputs(finetuning, [seed], draft, checkpoint, task_file, [labels], [model])
    rates = choose_learning_rates(finetuning, draft, checkpoint, task_file, [(model, labels)], [seed])
    rate = rates[model, labels]
    arguments = (task_file, checkpoint, finetuning, model, labels, seed, rate)
    (fit,) = draft.map(fit_and_save, {name_shard(task_file, model): arguments}, f"{task.name}: fine-tune").values()
    shards = {name_shard(task_file, name): (task_file, name, labels, seed) for name in task_type.baselines}
    counts = draft.map(score_baseline_with_interval, shards, f"{task.name}: baselines")
    rows = {model: fit["scores"]} | {
        name: counts[name_shard(task_file, name)]["scores"] for name in task_type.baselines
    }
    scores = [KeptScore(model=name, **score) for name, scores in rows.items() for score in scores]
    draft.counts["scores"] = {task.name: {score.model: round(score.value, 4) for score in reversed(scores)}}
    has_pairs = "second" in task.train.columns and bool((task.train["second"] != "").any())
    return KeptRecord(
        task=task.name,
        about=task.about,
        kind=task.kind,
        names=task.names,
        metrics=list(task_type.metrics),
        data=task.digest,
        model=model,
        labels=labels,
        seed=seed,
        examples={name: len(part) for name, part in task.parts.items()} | {"fitted on": fit["trained"]},
        has_pairs=has_pairs,
        learning_rate=rate,
        validation=fit["validation"],
        curve=fit["curve"],
        scores=scores,
        finetuning=finetuning,
    )


def write_descriptions(settings: Finetune, draft: Draft, record: KeptRecord, overlap: dict[str, TextOverlap]) -> None:
    """Write the record, the model card and the summary."""
    record.write(draft.path)
    begins_with = f"the folder {settings.checkpoint_folder.name}" if settings.checkpoint_folder else ""
    config = draft.path / "config.json"
    with draft.write("README.md") as path:
        path.write_text(render_model_card(record, overlap, draft.lineage, begins_with, config), encoding="utf-8")
    with draft.write("summary.md") as path:
        path.write_text(render_summary(record), encoding="utf-8")
    best = record.scores[0]
    log.info("%s: %s %.3f (%.3f … %.3f)", record.task, best.metric, best.value, best.low, best.high)
