"""The finetune stage: a model that is fitted to a task, and kept as a folder that opens without Textmill."""

import polars as pl

from tasks.downstream.prepare_tasks import load_heldout_documents, make_tasks
from tasks.errors import BadSetting, StageFailure, explain_error
from tasks.finetune.settings import Finetune, name_finetune_settings
from tasks.model.folder_digest import hash_model_folder
from tasks.stage import stage
from tasks.store import Artifact, Draft

__all__ = ["Finetune", "check_data", "check_settings", "finetune"]


@stage("finetune", version=1, shares=("downstream", "input_files", "model", "runtime"))
def finetune(settings: Finetune, draft: Draft, *inputs: Artifact) -> None:
    """Fit a model to the one task of the settings, score it on the test part, and write its folder.

    Inputs are the checkpoint, unless the settings name a folder, and the tokens that it was trained on.
    """
    # torch and transformers take seconds to import, and a plan or a form needs the settings only
    from tasks.finetune import steps  # noqa: PLC0415

    tokens = [artifact.folder for artifact in inputs if artifact.stage == "tokenize"]
    checkpoints = [artifact for artifact in inputs if artifact.stage == "pretrain"]
    checkpoint = settings.checkpoint_folder or checkpoints[0].folder
    with name_finetune_settings():
        task_file = steps.prepare_task(settings, draft, checkpoint, tokens)
        overlap = steps.measure_overlap(draft, task_file, tokens)
        record = steps.fit_and_keep(settings, draft, checkpoint, task_file)
        steps.write_descriptions(settings, draft, record, overlap)


def check_settings(settings: Finetune, heldout: float) -> None:
    """Check what can be checked before any document is there; `heldout` is the fraction of documents held out.

    Raises BadSetting for a data set that cannot be read, or a folder without a model.
    """
    try:
        tasks = settings.list_tasks()
        if tasks and settings.folder:
            hash_model_folder(settings.folder, "finetune.folder")
        for task_settings in tasks:
            if task_settings.needs_heldout and not heldout:
                raise BadSetting(
                    "tokenize.heldout_fraction is 0, and the benchmark site_section is made of held-out pages",
                    "Raise tokenize.heldout_fraction, or switch finetune.benchmarks.site_section off",
                )
            if not task_settings.needs_heldout:
                read_data(task_settings, pl.DataFrame())
    except StageFailure as error:
        # no document was read yet, so every failure here is one of the settings
        raise BadSetting(f"finetune: {error.what}", error.hint) from error


def check_data(settings: Finetune, *tokens: Artifact) -> None:
    """Raise StageFailure when a task of these held-out pages lacks classes or labels."""
    tasks = [task for task in settings.list_tasks() if task.needs_heldout]
    if not tasks:
        return
    try:
        heldout = load_heldout_documents([artifact.folder_with("heldout/") for artifact in tokens])
        for task_settings in tasks:
            read_data(task_settings, heldout)
    except StageFailure as error:
        raise explain_error("finetune", error) from error


def read_data(settings: Finetune, heldout: pl.DataFrame) -> None:
    """Read the task's data and forget it; an error in the data is raised."""
    blocks = [block for _, block in settings.benchmarks.blocks() if block.enabled]
    list(make_tasks(blocks, [settings.labels], heldout, "finetune"))
