"""A trial: a training run of which only the validation loss is used."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from tasks.errors import StageFailure
from tasks.pretrain.settings import Pretrain
from tasks.pretrain.trainer_process import PruneCallback, Pruned, run_trainer
from tasks.store import Artifact
from tasks.store.read_check import record_reads


def validation_loss_of(
    settings: Pretrain, tokens: Sequence[Artifact], scratch: Path, should_prune: PruneCallback
) -> float | None:
    """Train as the stage does, and return the validation loss of the weights that it would have saved.

    None when `should_prune` ended the run. Killed, it resumes in `scratch`, which is removed in the end. Raises
    StageFailure.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    with record_reads():  # as in a stage: what an earlier process hashed is hashed again
        folders = [str(artifact.folder) for artifact in tokens]
    job = {
        "settings": settings.model_dump(mode="json"),
        "tokens": folders,
        # Without "export": no artifact is written.
        "scratch": str(scratch),
    }
    try:
        losses = run_trainer(job, settings.num_steps, should_prune)["validation_loss"]
    except Pruned:
        losses = None
    else:
        if losses is None:
            raise StageFailure(
                "the tokens hold no validation documents, so there is no loss to compare",
                "Raise the validation fraction of the tokenize stage",
            )
    shutil.rmtree(scratch)
    # With patience the best weights are saved, else the last.
    return None if losses is None else float(losses["best" if settings.patience else "last"])
