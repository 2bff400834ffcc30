"""What runs after what, and which of it is asked for. The pipeline runs the chain; `plan` walks it without running."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, get_args

from flows.growing_corpus import Earlier
from flows.recipe import Recipe
from tasks.clean.task import clean, extract
from tasks.crawl.task import crawl
from tasks.dedup.task import dedup
from tasks.evaluate.task import evaluate
from tasks.pretrain.task import pretrain
from tasks.stage import Stage
from tasks.tokenize.task import tokenize

StageName = Literal["crawl", "extract", "clean", "dedup", "tokenize", "pretrain", "evaluate"]
NAMES: tuple[StageName, ...] = get_args(StageName)
FirstStage = Literal["", "crawl", "extract", "clean", "dedup", "tokenize", "pretrain", "evaluate"]

H = TypeVar("H")


def chain(recipe: Recipe, step: Callable[..., H], earlier: Earlier[H], is_empty: Callable[[H], bool]) -> None:
    """Call `step(stage, settings, *inputs)` for each stage in order; what it returns is handed on as an input.

    `earlier` are the snapshots that this one adds to, `is_empty` tells whether one of tokens brought nothing.
    """
    pages = step(crawl, recipe.crawl, *earlier.pages[-1:])
    scored = step(extract, recipe.clean.extract_settings(), pages)
    documents = step(clean, recipe.clean, scored)
    unique = step(dedup, recipe.dedup, documents, *earlier.unique)
    tokens = step(tokenize, recipe.tokenize, unique, *earlier.tokens)
    corpus = [each for each in (*earlier.tokens, tokens) if not is_empty(each)]
    checkpoint = step(pretrain, recipe.pretrain, *corpus)
    step(evaluate, recipe.evaluate, checkpoint, *corpus)


@dataclass(frozen=True)
class Choice:
    """Which stages may run: all, those from one on, or only some; and which are built again though cached."""

    from_stage: FirstStage = ""
    only: tuple[StageName, ...] = ()
    force: tuple[StageName, ...] = ()

    def __post_init__(self) -> None:
        if self.from_stage and self.only:
            raise ValueError("give either a stage to start from or the only stages to run, not both")

    def mode(self, stage: Stage[Any]) -> Literal["run", "force", "stored", "skip"]:
        """How a stage is treated: run when needed, built in any case, taken from the store, or left out."""
        place = NAMES.index(stage.name)
        first = NAMES.index(self.from_stage) if self.from_stage else 0
        if self.only and stage.name not in self.only:
            return "skip" if place > max(NAMES.index(name) for name in self.only) else "stored"
        if place < first:
            return "stored"
        return "force" if stage.name in self.force or self.from_stage else "run"
