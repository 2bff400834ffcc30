"""A run of which only the validation loss is wanted."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from tasks.errors import StageFailure
from tasks.pretrain.settings import Pretrain
from tasks.pretrain.trainer_process import Hopeless, Judge, run_trainer
from tasks.store import Artifact


def validation_loss_of(settings: Pretrain, tokens: Sequence[Artifact], scratch: Path, judge: Judge) -> float | None:
    """Train as the stage does, and return the validation loss of the weights that it would have saved.

    None when `judge` ended the run. Killed, it goes on in `scratch`, which is removed in the end. Raises StageFailure.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    job = {
        "settings": settings.model_dump(mode="json"),
        "tokens": [str(each.folder) for each in tokens],
        "scratch": str(scratch),
    }
    try:
        losses = run_trainer(job, settings.num_steps, judge)["validation_loss"]
    except Hopeless:
        losses = None
    else:
        if losses is None:
            raise StageFailure(
                "the tokens hold no validation documents, so there is no loss to compare",
                "Raise the validation share of the tokenize stage",
            )
    shutil.rmtree(scratch)
    return None if losses is None else float(losses["best" if settings.patience else "last"])
