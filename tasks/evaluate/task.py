"""The evaluate stage: whether pretraining made the model better, by how much, and how sure that is."""

from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from tasks.block import block_kind
from tasks.downstream.benchmarks import Benchmark
from tasks.downstream.data.task_data import Task
from tasks.downstream.kept_models.record import read_kept_folders
from tasks.downstream.prepare_tasks import (
    load_heldout_documents,
    make_fine_tuning_tasks,
    make_tasks,
    no_benchmark_error,
)
from tasks.errors import BadSetting, StageFailure, explain_error
from tasks.evaluate.settings import CHECKPOINT_FILES, Evaluate, Gate
from tasks.evaluate.trial import describe_metric, score_finetuning
from tasks.input_files.text_files import read_lines
from tasks.runtime.model_folders import refuse_untrusted_model
from tasks.stage import stage
from tasks.store import Artifact, Draft

if TYPE_CHECKING:  # the readers of all kinds of data, which no run needs
    from tasks.downstream.inspection.inspect_paths import Inspection

__all__ = [
    "Evaluate",
    "Gate",
    "check_data",
    "check_settings",
    "describe_metric",
    "evaluate",
    "find_heldout_problem",
    "inspect_files",
    "list_heldout_benchmarks",
    "load_validation_tasks",
    "score_finetuning",
]


@stage("evaluate", version=8, shares=("downstream", "input_files", "model", "runtime"))
def evaluate(settings: Evaluate, draft: Draft, checkpoint: Artifact, *inputs: Artifact) -> None:
    """Prepare the tasks, check that the model has not seen them, fit and score every model, write the report.

    Inputs are the kept models of finetune, which are scored and not fitted again, and the tokens.
    """
    # torch and transformers take seconds to import, and a plan or a form needs the settings only
    from tasks.evaluate import outputs, steps  # noqa: PLC0415
    from tasks.evaluate.preflight import find_unsupported  # noqa: PLC0415
    from tasks.evaluate.results.benchmark_results import correct_results  # noqa: PLC0415

    folders = [artifact.folder for artifact in inputs if artifact.stage == "tokenize"]
    kept = read_kept_folders([artifact.folder for artifact in inputs if artifact.stage == "finetune"])
    # an evaluation on files of the user alone needs none
    heldout = load_heldout_documents(folders, required=bool(list_heldout_benchmarks(settings)))
    task_files = steps.prepare_tasks(settings, draft, heldout, kept)
    unsupported = find_unsupported(settings, checkpoint.folder, task_files, kept)
    # before the fits, which take hours: a held-out document in the pretraining text makes every score worthless
    contamination = steps.record_contamination(folders, heldout, task_files, draft)
    results = correct_results(
        [
            steps.score_benchmark(settings, draft, checkpoint.folder, task_file, unsupported, kept.get(task_file.stem))
            for task_file in task_files
        ]
    )
    outputs.write_outputs(settings, draft, checkpoint.folder, results, contamination)
    if kept:
        draft.counts["recipes"] = {name: model.record.recipe_digest for name, model in kept.items()}
    draft.counts = {"scores": outputs.average_scores(results)} | draft.counts


def check_settings(settings: Evaluate, heldout: float) -> None:
    """Check what can be checked before any document is there; `heldout` is the fraction of documents held out.

    Raises StageFailure when no benchmark is enabled, when a benchmark needs held-out documents and none are held out,
    when a checkpoint lacks a file, or when a file of the user is missing or wrong.
    """
    for folder in settings.checkpoint_folders():
        try:
            refuse_untrusted_model(folder, "evaluate.checkpoints")
        except StageFailure as error:
            raise BadSetting(error.what, error.hint) from error
        for part, patterns in CHECKPOINT_FILES.items():
            if not any(any(folder.glob(pattern)) for pattern in patterns):
                raise BadSetting(f"evaluate.checkpoints: {folder} has no {part}", "Give a transformers folder")
    benchmarks = settings.enabled_benchmarks()
    from_files = [benchmark for benchmark in benchmarks if not benchmark.from_heldout]
    from_heldout = list_heldout_benchmarks(settings)
    if from_heldout and not heldout:
        raise BadSetting(
            f"evaluate: tokenize.heldout_fraction is 0, and the benchmark {from_heldout[0]} is made of held-out pages",
            "Raise tokenize.heldout_fraction, or switch it off with "
            f"--set evaluate.benchmarks.{from_heldout[0]}.enabled=false",
        )
    try:
        check_benchmarks(settings, from_files, pl.DataFrame(), need_task=not from_heldout)
    except StageFailure as error:
        # No document was read yet, so every failure here, even of a row of a file, is one of the settings.
        raise BadSetting(error.what, error.hint) from error


def check_data(settings: Evaluate, *tokens: Artifact) -> None:
    """Raise StageFailure when an evaluation on these held-out pages would fail for lack of classes or labels."""
    check_benchmarks(settings, settings.enabled_benchmarks(), load_needed_heldout(settings, *tokens))


def inspect_files(paths: list[Path]) -> "Inspection":
    """Return what files hold, and the part of a recipe that evaluates on them.

    Where files can be read in several ways or in none, a failure names the setting that decides.
    """
    # not needed by any run
    from tasks.downstream.inspection.inspect_paths import inspect_paths  # noqa: PLC0415

    return inspect_paths(paths)


def load_validation_tasks(settings: Evaluate, *tokens: Artifact) -> list[Task]:
    """Load the tasks that settings of fine-tuning are tuned on: the enabled ones with training data, without test part.

    Raises StageFailure when there is none.
    """
    return make_fine_tuning_tasks(
        settings.enabled_benchmarks(),
        settings.labels_per_class,
        load_needed_heldout(settings, *tokens),
        settings.skewed_metric,
    )


def list_heldout_benchmarks(settings: Evaluate) -> list[str]:
    """List the kinds of the enabled benchmarks that are made of held-out documents."""
    return [block_kind(type(benchmark)) for benchmark in settings.enabled_benchmarks() if benchmark.from_heldout]


def find_heldout_problem(settings: Evaluate, heldout: pl.DataFrame) -> str:
    """Return why held-out documents do not make the enabled benchmarks that need them; empty where they do."""
    benchmarks = [benchmark for benchmark in settings.enabled_benchmarks() if benchmark.from_heldout]
    try:
        check_benchmarks(settings, benchmarks, heldout, need_task=False)
    except StageFailure as error:
        return error.what
    return ""


def load_needed_heldout(settings: Evaluate, *tokens: Artifact) -> pl.DataFrame:
    """Load the held-out documents, or an empty table when no enabled benchmark is made of them."""
    if not any(benchmark.from_heldout for benchmark in settings.enabled_benchmarks()):
        return pl.DataFrame()
    return load_heldout_documents([artifact.folder_with("heldout/") for artifact in tokens])


def check_benchmarks(
    settings: Evaluate, benchmarks: list[Benchmark], heldout: pl.DataFrame, *, need_task: bool = True
) -> None:
    """Read the data of these benchmarks and forget it. With `need_task`, it is an error if they have no task."""
    try:
        for setting, path in settings.finetuning.files.items():
            read_lines(Path(path), setting)
        # `list` runs the generator: errors in the data are raised while the tasks are made.
        if not list(make_tasks(benchmarks, settings.labels_per_class, heldout)) and need_task:
            raise no_benchmark_error()
    except StageFailure as error:
        raise explain_error("evaluate", error) from error
