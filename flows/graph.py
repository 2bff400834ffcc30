"""The graph of stages, and the selection of stages to run. `pipeline` runs it, `plan` walks it without running."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, get_args

from flows.growing_corpus import (
    PreviousArtifacts,
    is_empty_snapshot,
    load_previous_artifacts,
)
from flows.recipe import Recipe
from tasks.clean.task import clean, extract
from tasks.crawl.task import crawl
from tasks.dedup.task import dedup
from tasks.evaluate.task import evaluate
from tasks.finetune.task import finetune
from tasks.pretrain.task import pretrain
from tasks.stage import Stage
from tasks.store import Artifact, Store
from tasks.store.manifest import ArtifactRef
from tasks.tokenize.task import tokenize

StageName = Literal["crawl", "extract", "clean", "dedup", "tokenize", "pretrain", "finetune", "evaluate"]
STAGE_NAMES: tuple[StageName, ...] = get_args(StageName)
FirstStage = Literal["", "crawl", "extract", "clean", "dedup", "tokenize", "pretrain", "finetune", "evaluate"]
STAGES: dict[str, Stage[Any]] = {
    stage.name: stage for stage in (crawl, extract, clean, dedup, tokenize, pretrain, finetune, evaluate)
}

Handle = TypeVar("Handle")
"""The type that stands for an artifact: the artifact itself, or what `plan` knows of it"""

Policy = Literal["run", "force", "from store", "not selected"]


def walk_stages(
    recipe: Recipe,
    step: Callable[..., Handle],
    previous: PreviousArtifacts[Handle],
    is_empty: Callable[[Handle], bool],
) -> None:
    """Call `step(stage, settings, *inputs)` for each stage in order; its result becomes an input of later stages.

    Args:
        recipe: the settings of every stage
        step: runs or plans one stage
        previous: what the earlier snapshots of the corpus have; nothing for a recipe without a corpus
        is_empty: tells whether a tokenize result holds no document, so that no model is trained on it
    """
    # a crawl asks what changed since the newest snapshot; documents and tokens are added to those of all snapshots
    pages = step(crawl, recipe.crawl, *previous.pages[-1:])
    scored = step(extract, recipe.clean.extract_settings(), pages)
    documents = step(clean, recipe.clean, scored)
    unique = step(dedup, recipe.dedup, documents, *previous.unique)
    tokens = step(tokenize, recipe.tokenize, unique, *previous.tokens)
    corpus = [snapshot for snapshot in (*previous.tokens, tokens) if not is_empty(snapshot)]
    checkpoint = step(pretrain, recipe.pretrain, *corpus)
    kept = walk_finetune(recipe, step, checkpoint, corpus)
    # a model that began elsewhere is not the one that is evaluated
    kept = [] if recipe.finetune.folder else kept
    step(evaluate, recipe.evaluate_settings(), checkpoint, *kept, *corpus)


def walk_finetune(
    recipe: Recipe, step: Callable[..., Handle], checkpoint: Handle, corpus: Sequence[Handle]
) -> list[Handle]:
    """Call `step` for each task of which a model is kept, and return the results."""
    kept = []
    for settings in recipe.finetune.list_tasks():
        needs_corpus = not settings.folder or settings.needs_heldout
        inputs = [*([] if settings.folder else [checkpoint]), *(corpus if needs_corpus else [])]
        kept.append(step(finetune, settings, *inputs))
    return kept


def walk_artifacts(
    recipe: Recipe, step: Callable[..., Artifact | None], refs: PreviousArtifacts[ArtifactRef], store: Store
) -> None:
    """Call `step` as `walk_stages` does, with the previous snapshots' artifacts behind `refs`. Raises StageFailure."""

    def is_empty(tokens: Artifact | None) -> bool:
        return tokens is not None and is_empty_snapshot(tokens.ref, store)

    previous: PreviousArtifacts[Artifact | None] = load_previous_artifacts(refs, store)
    walk_stages(recipe, step, previous, is_empty)


@dataclass(frozen=True)
class StageSelection:
    """The stages to run: all, those from `from_stage` on, or `only` some.

    `force` names stages to build again even if they are cached.
    """

    from_stage: FirstStage = ""
    only: tuple[StageName, ...] = ()
    force: tuple[StageName, ...] = ()

    def __post_init__(self) -> None:
        if self.from_stage and self.only:
            raise ValueError("give either a stage to start from or the only stages to run, not both")

    def policy_for(self, stage: Stage[Any]) -> Policy:
        """Decide how to treat a stage: build when needed, build anyway, take from the store, or leave out."""
        position = STAGE_NAMES.index(stage.name)
        first = STAGE_NAMES.index(self.from_stage) if self.from_stage else 0
        if self.only and stage.name not in self.only:
            # what a selected stage needs comes from the store; behind the last selected one nothing is needed
            last = max(STAGE_NAMES.index(name) for name in self.only)
            return "not selected" if position > last else "from store"
        if position < first:
            return "from store"
        return "force" if stage.name in self.force or self.from_stage else "run"
