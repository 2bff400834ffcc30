"""The evaluate stage: whether the model is better than none, by how much, and whether that is sure."""

from pathlib import Path

import polars as pl

from tasks.block import block_kind
from tasks.downstream.benchmarks import Benchmark
from tasks.downstream.data.task_data import Task
from tasks.downstream.prepare_tasks import (
    load_heldout_documents,
    make_fine_tuning_tasks,
    make_tasks,
    no_benchmark_error,
)
from tasks.downstream.readers.plain_text import read_lines
from tasks.errors import BadSetting, StageFailure, explain_error
from tasks.evaluate.settings import PARTS_OF_A_CHECKPOINT, Evaluate, Gate
from tasks.evaluate.trial import describe_metric, score_finetuning
from tasks.stage import stage
from tasks.store import Artifact, Draft

__all__ = [
    "Evaluate",
    "Gate",
    "check_data",
    "check_settings",
    "describe_metric",
    "evaluate",
    "load_validation_tasks",
    "score_finetuning",
]


@stage("evaluate", version=6, shares=("downstream", "model"))
def evaluate(settings: Evaluate, draft: Draft, checkpoint: Artifact, *tokens: Artifact) -> None:
    """Make the tasks, check that they are unseen, fit and score every model, write the report."""
    # torch and transformers take seconds to import, and a plan or a form needs the settings only
    from tasks.evaluate import steps  # noqa: PLC0415
    from tasks.evaluate.preflight import suited  # noqa: PLC0415

    folders = [each.folder for each in tokens]
    heldout = load_heldout_documents(folders)
    data = steps.prepared(settings, draft, heldout)
    missing = suited(settings, checkpoint.folder, data)
    found = steps.unseen(folders, heldout, data, draft)
    boards = [steps.scored(settings, draft, checkpoint.folder, path, missing) for path in data]
    steps.write(settings, draft, checkpoint.folder, boards, found)
    draft.counts = {"scores": steps.counted(boards)} | draft.counts


def check_settings(settings: Evaluate, heldout: float) -> None:
    """Raise StageFailure for what the settings alone tell: no task, no share held out, bad files of the user."""
    for folder in settings.further():
        for what, patterns in PARTS_OF_A_CHECKPOINT.items():
            if not any(any(folder.glob(pattern)) for pattern in patterns):
                raise BadSetting(f"evaluate.checkpoints: {folder} has no {what}", "Give a transformers folder")
    own = [each for each in settings.enabled() if not each.from_heldout]
    needing = [block_kind(type(each)) for each in settings.enabled() if each.from_heldout]
    if needing and not heldout:
        raise BadSetting(
            f"evaluate: tokenize.heldout_fraction is 0, and the benchmark {needing[0]} is made of held-out pages",
            "Raise tokenize.heldout_fraction, or switch it off with "
            f"--set evaluate.benchmarks.{needing[0]}.enabled=false",
        )
    try:
        check_benchmarks(settings, own, pl.DataFrame(), alone=not needing)
    except StageFailure as error:  # also for a file's row: what the settings name cannot be right
        raise BadSetting(error.what, error.hint) from error


def check_data(settings: Evaluate, *tokens: Artifact) -> None:
    """Raise StageFailure when an evaluation on these held-out pages would end for want of classes or labels."""
    check_benchmarks(settings, settings.enabled(), heldout_needed(settings, *tokens))


def load_validation_tasks(settings: Evaluate, *tokens: Artifact) -> list[Task]:
    """What settings of fine-tuning are chosen on: the enabled tasks that are learnt, without their test parts.

    Raises StageFailure when there is none.
    """
    return make_fine_tuning_tasks(settings.enabled(), settings.labels, heldout_needed(settings, *tokens))


def heldout_needed(settings: Evaluate, *tokens: Artifact) -> pl.DataFrame:
    """The held-out documents; none where no enabled benchmark has texts of them."""
    if not any(each.from_heldout for each in settings.enabled()):
        return pl.DataFrame()
    return load_heldout_documents([each.folder_with("heldout/") for each in tokens])


def check_benchmarks(
    settings: Evaluate, benchmarks: list[Benchmark], heldout: pl.DataFrame, *, alone: bool = True
) -> None:
    """Make the data and forget it; `alone`: there are no other benchmarks, so these must have some."""
    try:
        for setting, path in settings.finetuning.files.items():
            read_lines(Path(path), setting)
        if not list(make_tasks(benchmarks, settings.labels, heldout)) and alone:
            raise no_benchmark_error()
    except StageFailure as error:
        raise explain_error("evaluate", error) from error
