"""The settings of the evaluate stage."""

from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from tasks.block import Block, Every
from tasks.downstream.benchmarks import Benchmark
from tasks.downstream.data.fingerprints import fingerprint_path
from tasks.downstream.settings.finetuning import FineTuning
from tasks.downstream.skewed_tests import SkewedMetric
from tasks.evaluate.results.model_titles import MODEL_TITLES


class Gate(Block):
    """When a newly evaluated model may replace the best model of its corpus.

    The gate reads finished evaluations, so its settings are not part of any artifact's key.
    """

    enabled: bool = True
    """keep a model that is significantly worse than the best one from replacing it"""
    tolerance: float = Field(0.0, ge=0, lt=1)
    """loss of score that is accepted, as a fraction of 1: only a loss that is significantly larger counts as worse"""
    fail: bool = False
    """end the run of such a model as failed, after all its artifacts are stored; otherwise only report it"""


CHECKPOINT_FILES = {
    "config.json": ("config.json",),
    "weights": ("*.safetensors",),
    "tokenizer": ("tokenizer*", "vocab*", "*.model", "*.tiktoken"),
}
"""What a transformers folder must contain, and the files (any of the patterns) that count as it."""


class Evaluate(Block):
    """The benchmarks that a model is scored on, and the numbers of labelled examples and of seeds."""

    benchmarks: Every[Benchmark] = Every[Benchmark]()
    """the benchmarks; each enabled one has its section in the report"""
    checkpoints: list[str] = Field([])
    """further transformers folders to compare with. Each is a row of every table, named after its folder; it is
    fine-tuned like the pretrained model, on the same samples, with a learning rate chosen for it. Where a checkpoint
    cannot answer a benchmark (an encoder cannot write texts), it is left out, and the report gives the reason"""
    labels_per_class: list[int] = Field([8, 32], min_length=1)
    """label counts: labelled examples that a model is fine-tuned on, per class (per entity type in tagging; in tens
    where there are no classes); 0 takes all examples. Each count is an experiment of its own"""
    seeds: int = Field(3, ge=3, le=100)
    """repetitions of each experiment, with other samples, other orders and other initial weights of the head"""
    tuning_seeds: int = Field(1, ge=1)
    """number of seeds that the learning rate is chosen on; the other seeds use the same rate"""
    skewed_metric: SkewedMetric = "mcc"
    """score that models are compared by where the test part is skewed: its largest class has over ten points more than
    an even share, such as 60 % of two classes; first: the same score as elsewhere. A data set whose `metrics` are set
    is compared by the first of these"""
    shots: int = Field(0, ge=0, le=1000)
    """labelled examples in the prompt of a causal model, which is a further row: it answers without fine-tuning, by the
    likeliest option or by writing. Drawn with each seed from the examples that models are fine-tuned on; those that the
    model's context has no room for are dropped, and counted. 0: no such row"""
    finetuning: FineTuning = FineTuning()
    """how models are fine-tuned"""
    copy_texts: bool = True
    """whether test texts are copied into answers.parquet and the report; without them these name only the file and row
    of each text, and a hash of it"""
    gate: Gate = Gate()
    """when a model replaces the best one of its corpus"""

    def semantic(self) -> dict[str, Any]:
        """Return every setting that can change a score; of a disabled benchmark only that it is disabled."""
        benchmarks = {
            kind: block.semantic() if block.enabled else {"enabled": False} for kind, block in self.benchmarks.blocks()
        }
        # A checkpoint is identified by its content, so that moving its folder keeps the key.
        checkpoints = [[folder.name, fingerprint_path("files", folder)] for folder in self.checkpoint_folders()]
        fields = super().semantic() | {"benchmarks": benchmarks, "checkpoints": checkpoints}
        return {name: value for name, value in fields.items() if name != "gate"}

    def enabled_benchmarks(self) -> list[Benchmark]:
        """Return the benchmarks that models are scored on."""
        return [block for _, block in self.benchmarks.blocks() if block.enabled]

    def checkpoint_folders(self) -> list[Path]:
        """Return the absolute paths of the further checkpoints."""
        return [Path(folder).absolute() for folder in self.checkpoints]

    @field_validator("checkpoints")
    @classmethod
    def _check_names_differ(cls, folders: list[str]) -> list[str]:
        names = [Path(folder).absolute().name for folder in folders]
        # Names of models are taken too: a row's name decides its title and its color.
        if len({*names, *MODEL_TITLES}) < len(names) + len(MODEL_TITLES):
            raise ValueError(f"rows of a table need different names, and these are {', '.join(names)}: rename one")
        return folders

    @field_validator("labels_per_class")
    @classmethod
    def _check_label_counts(cls, counts: list[int]) -> list[int]:
        if min(counts) < 0 or len(set(counts)) != len(counts):
            raise ValueError("give different whole numbers from 1, or 0 for all")
        return counts
