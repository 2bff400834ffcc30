"""The pretrain stage: tokens in, a transformers folder out. Training runs as a process of its own."""

import shutil
from pathlib import Path

from tasks.pretrain.settings import Pretrain
from tasks.pretrain.trainer_process import run_trainer
from tasks.pretrain.trial import validation_loss_of
from tasks.stage import stage
from tasks.store import Artifact, Draft

__all__ = ["Pretrain", "pretrain", "validation_loss_of"]


@stage("pretrain", version=3, shares=("model", "runtime"), slot="gpu")
def pretrain(settings: Pretrain, draft: Draft, *tokens: Artifact) -> None:
    """Train on all snapshots to the budget, or resume from the last checkpoint of a run that was killed."""
    export = draft.scratch / "export"
    job = {
        "settings": settings.model_dump(mode="json"),
        "tokens": [str(artifact.folder) for artifact in tokens],
        "scratch": str(draft.scratch),
        "export": str(export),
        "lineage": draft.lineage,
    }
    draft.counts.update(run_trainer(job, settings.num_steps))
    for file in sorted(path for path in export.rglob("*") if path.is_file()):
        _copy_to_draft(file, draft, str(file.relative_to(export)))


def _copy_to_draft(file: Path, draft: Draft, name: str) -> None:
    with draft.write(name) as temporary:
        shutil.copyfile(file, temporary)
