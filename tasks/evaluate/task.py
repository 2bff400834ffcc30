"""The evaluate stage: whether the model is better than none, by how much, and whether that is sure."""

from pathlib import Path
from typing import Any

import polars as pl
from pydantic import Field, field_validator

from tasks.block import Block, Every, kind_of
from tasks.draft import Draft
from tasks.evaluate.benchmarks import Benchmark
from tasks.evaluate.examples import Task
from tasks.evaluate.files import digest
from tasks.evaluate.inputs.plain_text import lines_of
from tasks.evaluate.prepared import heldout_documents, learnt_tasks, no_benchmark, tasks_of
from tasks.evaluate.recipe import Recipe
from tasks.evaluate.scores import TITLES
from tasks.evaluate.trial import measured, try_fits
from tasks.failure import BadSetting, StageFailure, explained
from tasks.stage import stage
from tasks.store import Artifact

__all__ = ["Evaluate", "Gate", "evaluate", "measured", "refuse_data", "refuse_settings", "try_fits", "validation_tasks"]


class Gate(Block):
    """Which models may take the place of the best one. It looks at finished evaluations and enters no key."""

    enabled: bool = True
    """whether a model that is significantly worse than the best one is kept from taking its place"""
    tolerance: float = Field(0.0, ge=0, lt=1)
    """share of the score that may be lost: only a loss that is surely larger counts"""
    fail: bool = False
    """whether the run of such a model ends as failed, after everything was stored; otherwise it only says so"""


PARTS_OF_A_CHECKPOINT = {
    "config.json": ("config.json",),
    "weights": ("*.safetensors", "*.bin"),
    "tokenizer": ("tokenizer*", "vocab*", "*.model", "*.tiktoken"),
}
"""and which files they are"""


class Evaluate(Block):
    """What the model is scored on, with how many labels, and how often."""

    benchmarks: Every[Benchmark] = Every[Benchmark]()
    """the tasks; each enabled one is in the report"""
    checkpoints: list[str] = Field([])
    """further transformers folders to compare with: each is a row of every table by its folder's name, fitted like the
    pretrained model, on the same samples, with a learning rate of its own; where one cannot answer, such as an encoder
    texts that are to be written, the report says why it is left out"""
    labels: list[int] = Field([8, 32], min_length=1)
    """how many labelled examples a model gets (of each class; of each entity type; in tens where there is neither), or
    0 for all; each count is an experiment of its own"""
    seeds: int = Field(3, ge=3, le=100)
    """repetitions with other samples, other orders and other random weights"""
    choice_seeds: int = Field(1, ge=1)
    """on how many of them the learning rate is chosen; further ones take it over"""
    recipe: Recipe = Recipe()
    """how models are fine-tuned"""
    gate: Gate = Gate()
    """when a model becomes the best one of its corpus"""

    def semantic(self) -> dict[str, Any]:
        """All that decides a score; of a benchmark that is off only that it is."""
        used = {
            kind: block.semantic() if block.enabled else {"enabled": False} for kind, block in self.benchmarks.blocks()
        }
        others = [[folder.name, digest("files", folder)] for folder in self.further()]
        fields = super().semantic() | {"benchmarks": used, "checkpoints": others}
        return {name: value for name, value in fields.items() if name != "gate"}

    def enabled(self) -> list[Benchmark]:
        """The benchmarks that models are scored on."""
        return [block for _, block in self.benchmarks.blocks() if block.enabled]

    def further(self) -> list[Path]:
        """The folders of further checkpoints."""
        return [Path(folder).absolute() for folder in self.checkpoints]

    @field_validator("checkpoints")
    @classmethod
    def _told_apart(cls, folders: list[str]) -> list[str]:
        names = [Path(folder).absolute().name for folder in folders]
        if len({*names, *TITLES}) < len(names) + len(TITLES):
            raise ValueError(f"rows of a table need names of their own, and these are {', '.join(names)}: rename one")
        return folders

    @field_validator("labels")
    @classmethod
    def _different(cls, counts: list[int]) -> list[int]:
        if min(counts) < 0 or len(set(counts)) != len(counts):
            raise ValueError("give different whole numbers from 1, or 0 for all")
        return counts


@stage("evaluate", version=6)
def evaluate(settings: Evaluate, draft: Draft, checkpoint: Artifact, *tokens: Artifact) -> None:
    """Make the tasks, check that they are unseen, fit and score every model, write the report."""
    # torch and transformers take seconds to import, and a plan or a form needs the settings only
    from tasks.evaluate import steps  # noqa: PLC0415
    from tasks.evaluate.beforehand import suited  # noqa: PLC0415

    folders = [each.folder for each in tokens]
    heldout = heldout_documents(folders)
    data = steps.prepared(settings, draft, heldout)
    missing = suited(settings, checkpoint.folder, data)
    found = steps.unseen(folders, heldout, data, draft)
    boards = [steps.scored(settings, draft, checkpoint.folder, path, missing) for path in data]
    steps.write(settings, draft, checkpoint.folder, boards, found)
    draft.counts = {"scores": steps.counted(boards)} | draft.counts


def refuse_settings(settings: Evaluate, heldout: float) -> None:
    """Raise StageFailure for what the settings alone tell: no task, no share held out, bad files of the user."""
    for folder in settings.further():
        for what, patterns in PARTS_OF_A_CHECKPOINT.items():
            if not any(any(folder.glob(pattern)) for pattern in patterns):
                raise BadSetting(f"evaluate.checkpoints: {folder} has no {what}", "Give a transformers folder")
    own = [each for each in settings.enabled() if not each.from_heldout]
    needing = [kind_of(type(each)) for each in settings.enabled() if each.from_heldout]
    if needing and not heldout:
        raise BadSetting(
            f"evaluate: tokenize.heldout is 0, and the benchmark {needing[0]} is made of held-out pages",
            f"Raise tokenize.heldout, or switch it off with --set evaluate.benchmarks.{needing[0]}.enabled=false",
        )
    try:
        refuse(settings, own, pl.DataFrame(), alone=not needing)
    except StageFailure as error:  # also for a file's row: what the settings name cannot be right
        raise BadSetting(error.what, error.mend) from error


def refuse_data(settings: Evaluate, *tokens: Artifact) -> None:
    """Raise StageFailure when an evaluation on these held-out pages would end for want of classes or labels."""
    refuse(settings, settings.enabled(), heldout_needed(settings, *tokens))


def validation_tasks(settings: Evaluate, *tokens: Artifact) -> list[Task]:
    """What settings of fine-tuning are chosen on: the enabled tasks that are learnt, without their test parts.

    Raises StageFailure when there is none.
    """
    return learnt_tasks(settings.enabled(), settings.labels, heldout_needed(settings, *tokens))


def heldout_needed(settings: Evaluate, *tokens: Artifact) -> pl.DataFrame:
    """The held-out documents; none where no enabled benchmark has texts of them."""
    if not any(each.from_heldout for each in settings.enabled()):
        return pl.DataFrame()
    return heldout_documents([each.part("heldout/") for each in tokens])


def refuse(settings: Evaluate, benchmarks: list[Benchmark], heldout: pl.DataFrame, *, alone: bool = True) -> None:
    """Make the data and forget it; `alone`: there are no other benchmarks, so these must have some."""
    try:
        for setting, path in settings.recipe.files.items():
            lines_of(Path(path), setting)
        if not list(tasks_of(benchmarks, settings.labels, heldout)) and alone:
            raise no_benchmark()
    except StageFailure as error:
        raise explained("evaluate", error) from error
