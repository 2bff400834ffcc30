"""The record of a kept model, `textmill.json` in its folder: its task, its recipe, and its scores on the test part."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl
from pydantic import Field

from tasks.block import Block
from tasks.downstream.data.task_data import ORIGIN, Task
from tasks.downstream.settings.finetuning import FineTuning
from tasks.downstream.task_types import load_task_type
from tasks.errors import StageFailure
from tasks.store.manifest import canonical_json

RECORD_FILE = "textmill.json"


class KeptScore(Block):
    """A score on the test part, with its 95 % bootstrap interval."""

    model: str
    """the kept model, or a baseline"""
    metric: str
    value: float
    low: float
    high: float


class KeptRecord(Block):
    """The facts about a model that was fine-tuned and kept."""

    task: str
    """name of the task"""
    about: str = ""
    kind: str
    """type of the task, as `classes`"""
    names: list[str] = Field([])
    """classes or tags, in the order of the outputs"""
    metrics: list[str] = Field([])
    data: str
    """digest of the examples"""
    model: str
    """the way in which it was fitted: pretrained, continued, augmented or unlabelled, as in the report"""
    labels: int
    """label count, 0 for all"""
    seed: int
    examples: dict[str, int] = Field({})
    """examples of each part, and how many the model was trained on"""
    has_pairs: bool = False
    """whether it reads two texts"""
    learning_rate: float
    validation: float
    """score on the validation part"""
    curve: list[tuple[int, float]] = Field([])
    """step and training loss"""
    scores: list[KeptScore] = Field([])
    finetuning: FineTuning
    """the settings that it was fine-tuned with"""

    @property
    def recipe_digest(self) -> str:
        """A hash of the settings of fine-tuning: models of one recipe can be compared."""
        return hashlib.sha256(canonical_json(self.finetuning.semantic())).hexdigest()[:16]

    def write(self, folder: Path) -> None:
        """Write the record into a model's folder."""
        text = json.dumps(self.model_dump(mode="json"), indent=1, sort_keys=True, ensure_ascii=False)
        (folder / RECORD_FILE).write_text(text + "\n", encoding="utf-8")

    def make_empty_task(self) -> Task:
        """Return the task without examples: enough to answer further ones."""
        columns = load_task_type(Task(self.task, "", self.kind, self.names, NO_ROWS, NO_ROWS, NO_ROWS, [])).columns
        rows = pl.DataFrame(schema={**columns, ORIGIN: pl.String()})
        return Task(self.task, self.about, self.kind, self.names, rows, rows, rows, [], metrics=self.metrics)


class KeptFolder(NamedTuple):
    """A kept model: its folder and its record."""

    folder: Path
    record: KeptRecord


NO_ROWS = pl.DataFrame()


def read_kept_folders(folders: Sequence[Path]) -> dict[str, KeptFolder]:
    """Read the records of kept models, by the names of their tasks. Raises StageFailure for two of one task."""
    kept: dict[str, KeptFolder] = {}
    for folder in folders:
        record = require_record(folder)
        if record.task in kept:
            raise StageFailure(f"two kept models are of the task {record.task}", "Rename one of the data sets")
        kept[record.task] = KeptFolder(folder, record)
    return kept


def require_record(folder: Path) -> KeptRecord:
    """Return the record of a kept model. Raises StageFailure for a folder without one."""
    record = read_record(folder)
    if record is None:
        raise StageFailure(f"{folder} is no fine-tuned model of Textmill", "Run finetune again")
    return record


def read_record(folder: Path) -> KeptRecord | None:
    """Read the record of a kept model; None for a folder that has none. Raises StageFailure for a corrupt one."""
    path = folder / RECORD_FILE
    if not path.is_file():
        return None
    try:
        return KeptRecord.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StageFailure(
            f"{path} is no record of a fine-tuned model ({str(error).splitlines()[0]})",
            "Fine-tune again, or remove the file to use the folder as one of transformers",
        ) from error
