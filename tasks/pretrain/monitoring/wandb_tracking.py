"""Weights & Biases, when `TEXTMILL_WANDB` names a project. `WANDB_MODE=offline` keeps everything on this machine."""

import hashlib
import importlib
import os
from pathlib import Path
from typing import Any

from tasks.errors import StageFailure
from tasks.pretrain.monitoring.metrics import StepMetrics


class WandbRun:
    """A run at Weights & Biases; does nothing without `TEXTMILL_WANDB`."""

    def __init__(self, folder: Path, config: dict[str, Any]) -> None:
        self.run: Any = None
        project = os.environ.get("TEXTMILL_WANDB")
        if not project:
            return
        try:
            wandb = importlib.import_module("wandb")
        except ImportError as error:
            raise StageFailure(
                "TEXTMILL_WANDB is set, and wandb is not installed", "pip install 'textmill[wandb]', or unset it"
            ) from error
        try:
            self.run = wandb.init(
                project=project,
                id=hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16],
                resume="allow",  # a resumed training has the same id, and so goes on as the same run
                dir=folder,
                config=config,
                settings=wandb.Settings(silent=True, console="off", disable_git=True, save_code=False),
            )
        except wandb.errors.Error as error:
            raise StageFailure(
                f"Weights & Biases: {error}",
                "Log in with `wandb login`, set WANDB_MODE=offline, or unset TEXTMILL_WANDB",
            ) from error

    def log(self, *records: StepMetrics) -> None:
        """Log the records of one step."""
        if self.run is not None:
            merged = {name: value for record in records for name, value in record.items()}
            # Positional arguments are evaluated first, but `merged` is the same dictionary: "step" is gone when it is
            # read.
            self.run.log(merged, step=merged.pop("step"))

    def finish(self, exit_code: int) -> None:
        """End the run, and block until all is written, or sent."""
        if self.run is not None:
            self.run.finish(exit_code=exit_code)
            importlib.import_module("wandb").teardown()
