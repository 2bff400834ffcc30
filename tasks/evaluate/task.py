"""The evaluate stage: whether the model is better than none, by how much, and whether that is sure."""

from typing import Any

from pydantic import Field, field_validator

from tasks.block import Block, Every
from tasks.draft import Draft
from tasks.evaluate.benchmarks import Benchmark
from tasks.evaluate.recipe import Recipe
from tasks.stage import stage
from tasks.store import Artifact


class Evaluate(Block):
    """What the model is scored on, with how many labels, and how often."""

    benchmarks: Every[Benchmark] = Every[Benchmark]()
    """the tasks; each enabled one is in the report"""
    labels: list[int] = Field([8, 32], min_length=1)
    """how many labelled examples a model gets (of each class; of each entity type; in tens where there is neither), or
    0 for all; each count is an experiment of its own"""
    seeds: int = Field(3, ge=3, le=100)
    """repetitions with other samples, other orders and other random weights"""
    choice_seeds: int = Field(1, ge=1)
    """on how many of them the learning rate is chosen; further ones take it over"""
    recipe: Recipe = Recipe()
    """how models are fine-tuned"""

    def semantic(self) -> dict[str, Any]:
        """All settings, of a benchmark that is off only that it is."""
        used = {
            kind: block.semantic() if block.enabled else {"enabled": False} for kind, block in self.benchmarks.blocks()
        }
        return super().semantic() | {"benchmarks": used}

    @field_validator("labels")
    @classmethod
    def _different(cls, counts: list[int]) -> list[int]:
        if min(counts) < 0 or len(set(counts)) != len(counts):
            raise ValueError("give different whole numbers from 1, or 0 for all")
        return counts


@stage("evaluate", version=4)
def evaluate(settings: Evaluate, draft: Draft, checkpoint: Artifact, *tokens: Artifact) -> None:
    """Make the tasks, check that they are unseen, fit and score every model, write the report."""
    # torch and transformers take seconds to import, and a plan or a form needs the settings only
    from tasks.evaluate import steps  # noqa: PLC0415

    folders = [each.folder for each in tokens]
    heldout = steps.heldout_documents(folders)
    data = steps.prepared(settings, draft, heldout)
    found = steps.unseen(folders, heldout, data, draft)
    boards = [steps.scored(settings, draft, checkpoint.folder, path) for path in data]
    steps.write(settings, draft, checkpoint.folder, boards, found)
    draft.counts["scores"] = steps.counted(boards)
