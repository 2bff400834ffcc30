"""Opens a folder as a model that answers prompts."""

from pathlib import Path
from typing import Protocol

from tasks.inference.abilities import describe_folder
from tasks.inference.predicting import Predictor
from tasks.inference.writing import ContinuingModel, FillingModel, Sampling, WriteText


class AnsweringModel(Protocol):
    """A model that answers a prompt in words."""

    def write_answer(self, prompt: str, sampling: Sampling, write: WriteText) -> None:
        """Write the answer, in pieces as they come. Raises StageFailure for a prompt that it cannot answer."""


def open_answering_model(folder: Path) -> AnsweringModel:
    """Open the model in a folder, whatever it can do. Raises StageFailure."""
    description = describe_folder(folder)
    if description.record is not None:
        return Predictor(folder, description.record)
    return ContinuingModel(folder) if description.ability == "continue" else FillingModel(folder)
