"""Weights & Biases, when `TEXTMILL_WANDB` names a project. `WANDB_MODE=offline` keeps all on this machine."""

import hashlib
import importlib
import os
from pathlib import Path
from typing import Any

from tasks.errors import StageFailure

Line = dict[str, Any]


class Tracking:
    """A run at Weights & Biases; nothing where none is asked for."""

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
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
                resume="allow",  # started again, it goes on as the same run
                dir=folder,
                config=settings,
                settings=wandb.Settings(silent=True, console="off", disable_git=True, save_code=False),
            )
        except wandb.errors.Error as error:
            raise StageFailure(
                f"Weights & Biases: {error}",
                "Log in with `wandb login`, set WANDB_MODE=offline, or unset TEXTMILL_WANDB",
            ) from error

    def add(self, *lines: Line) -> None:
        """What was measured at a step."""
        if self.run is not None:
            merged = {name: value for line in lines for name, value in line.items()}
            self.run.log(merged, step=merged.pop("step"))

    def end(self, code: int) -> None:
        """The run has ended so. Waits until all is written, or sent."""
        if self.run is not None:
            self.run.finish(exit_code=code)
            importlib.import_module("wandb").teardown()
