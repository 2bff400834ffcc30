"""The settings of the finetune stage."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from pydantic import Field, field_validator, model_validator

from tasks.block import Block, Every, block_kind
from tasks.downstream.benchmarks import Benchmark
from tasks.downstream.benchmarks.site_section import SiteSection
from tasks.downstream.benchmarks.suite import Suite
from tasks.downstream.data.data_files import PartitionedFiles
from tasks.downstream.settings.finetuning import FineTuning
from tasks.downstream.skewed_tests import SkewedMetric
from tasks.errors import BadSetting, StageFailure
from tasks.model.folder_digest import hash_model_folder

FOLDER_SETTING = "finetune.folder"


def disable_heldout_benchmarks() -> Every[Benchmark]:
    """Return the benchmarks without those that need no data set: nothing is fine-tuned until a task is named."""
    benchmarks = Every[Benchmark]()
    # of the others each has a list of data sets, which is empty
    off = {kind: {"enabled": False} for kind, block in benchmarks.blocks() if block.from_heldout}
    return type(benchmarks).model_validate(off)


@contextlib.contextmanager
def name_finetune_settings() -> Iterator[None]:
    """Name this stage's settings in the failures of code that it shares with evaluate."""
    try:
        yield
    except StageFailure as error:
        words = ("evaluate.finetuning", "finetune.finetuning"), ("evaluate.benchmarks", "finetune.benchmarks")
        what, hint = error.what, error.hint
        for old, new in words:
            what, hint = what.replace(old, new), hint.replace(old, new)
        raise type(error)(what, hint) from error


class Finetune(Block):
    """The tasks that a fine-tuned model is kept of, one artifact each; none by default."""

    benchmarks: Every[Benchmark] = Field(default_factory=disable_heldout_benchmarks)
    """the tasks, as in evaluate.benchmarks, which need not name them again: each is evaluated too, by the kept model"""
    folder: str = ""
    """a transformers folder to begin with; empty: the pretrained model"""
    labels: int = Field(0, ge=0)
    """label count: labelled examples that a model is fine-tuned on, per class (as in evaluate.labels_per_class); 0: all
    examples"""
    seed: int = Field(0, ge=0)
    """seed of the sample, of the order of the examples, and of the first weights of the head"""
    skewed_metric: SkewedMetric = "mcc"
    """score that settings are chosen by where the test part is skewed, as evaluate.skewed_metric"""
    finetuning: FineTuning = FineTuning(head="stock")
    """how models are fine-tuned; learning rates and early stopping are chosen on validation"""

    def list_tasks(self) -> list[Self]:
        """Return the settings of each task's model: these, with one data set only.

        Raises StageFailure for a suite's folder that does not exist.
        """
        tasks = []
        for kind, benchmark in self._list_single_benchmarks():
            off = {name: {"enabled": False} for name, _ in self.benchmarks.blocks() if name != kind}
            benchmarks = type(self.benchmarks).model_validate(off | {kind: benchmark.model_dump()})
            tasks.append(self.model_copy(update={"benchmarks": benchmarks}))
        return tasks

    def _list_single_benchmarks(self) -> Iterator[tuple[str, Benchmark]]:
        """Yield the enabled benchmarks with their kinds, those of several data sets once for each."""
        for kind, block in self.benchmarks.blocks():
            if not block.enabled:
                continue
            if isinstance(block, SiteSection):
                yield kind, block
            elif isinstance(block, Suite):
                for folder in block.sets:
                    with name_finetune_settings():
                        benchmarks = list(folder.find_benchmarks())
                    for benchmark in benchmarks:
                        data = getattr(benchmark, "sets", [])
                        # a suite's tasks that are answered zero-shot have no model to keep
                        if data and isinstance(data[0], PartitionedFiles):
                            yield block_kind(type(benchmark)), benchmark
            else:
                yield from ((kind, single) for single in split_data_sets(kind, block))

    def semantic(self) -> dict[str, Any]:
        """Return what decides the model: the task's own settings, and the folder's content in place of its path."""
        benchmarks = {
            kind: block.semantic() for kind, block in self.benchmarks.blocks() if block.enabled and has_data(block)
        }
        folder = hash_model_folder(self.folder, FOLDER_SETTING) if self.folder else ""
        return super().semantic() | {"benchmarks": benchmarks, "folder": folder}

    @property
    def needs_heldout(self) -> bool:
        """True where the task is made of held-out pages."""
        return any(block.enabled and block.from_heldout for _, block in self.benchmarks.blocks())

    @property
    def checkpoint_folder(self) -> Path | None:
        """The folder to begin with; None for the pretrained model."""
        return Path(self.folder).expanduser().absolute() if self.folder else None

    @field_validator("benchmarks", mode="before")
    @classmethod
    def _disable_unnamed(cls, benchmarks: Any) -> Any:
        """Leave out what the settings do not name, and needs no data set."""
        if not isinstance(benchmarks, dict):
            return benchmarks
        unnamed = {kind: block for kind, block in disable_heldout_benchmarks().blocks() if kind not in benchmarks}
        return benchmarks | {kind: block.model_dump() for kind, block in unnamed.items()}

    @field_validator("finetuning", mode="before")
    @classmethod
    def _choose_stock_head(cls, finetuning: Any) -> Any:
        """Let a stock head be the default here, where other settings of fine-tuning are named too."""
        return {"head": "stock"} | finetuning if isinstance(finetuning, dict) else finetuning

    @model_validator(mode="after")
    def _check_recipe(self) -> Self:
        if self.finetuning.head != "stock":
            raise ValueError(
                "a kept model has a stock head, as the head of all layers opens nowhere else: leave out finetuning.head"
            )
        finetuning = self.finetuning
        extras = {
            "unlabelled": finetuning.unlabelled.method != "none",
            "augmentation": finetuning.augmentation.method != "none",
            "continued_pretraining": finetuning.continued_pretraining.enabled,
        }
        if sum(extras.values()) > 1:
            names = " and ".join(name for name, is_on in extras.items() if is_on)
            raise ValueError(f"one model is kept of a task, with one of {names}: switch the others off")
        return self


def has_data(benchmark: Benchmark) -> bool:
    """Tell whether a benchmark has a data set, or needs none."""
    return bool(getattr(benchmark, "sets", True))


def split_data_sets(kind: str, benchmark: Any) -> Iterator[Benchmark]:
    """Yield a benchmark for each of its data sets, and each fold. Raises BadSetting for one without training data."""
    for data in getattr(benchmark, "sets", []):
        if not isinstance(data, PartitionedFiles):
            raise BadSetting(
                f"finetune.benchmarks.{kind} has nothing that a model is fine-tuned on",
                "Name it under evaluate.benchmarks",
            )
        for fold in data.list_folds():
            yield benchmark.model_copy(update={"sets": [fold]})
