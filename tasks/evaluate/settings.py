"""The settings of the evaluate stage."""

from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from tasks.block import Block, Every
from tasks.downstream.benchmarks import Benchmark
from tasks.downstream.data.data_files import fingerprint_path
from tasks.downstream.settings.finetuning import FineTuning
from tasks.evaluate.results.scoreboard import TITLES


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
    finetuning: FineTuning = FineTuning()
    """how models are fine-tuned"""
    gate: Gate = Gate()
    """when a model becomes the best one of its corpus"""

    def semantic(self) -> dict[str, Any]:
        """All that decides a score; of a benchmark that is off only that it is."""
        used = {
            kind: block.semantic() if block.enabled else {"enabled": False} for kind, block in self.benchmarks.blocks()
        }
        others = [[folder.name, fingerprint_path("files", folder)] for folder in self.further()]
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
