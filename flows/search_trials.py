"""What a trial of a search does: train to a validation loss, or fine-tune to a validation score."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from flows.evaluate import tokens_of
from flows.graph import NAMES, chain
from flows.growing_corpus import Earlier, earlier, fetched, is_empty
from flows.recipe import Recipe, changed, value_of
from tasks.block import Block, semantic_value
from tasks.evaluate.task import describe_metric, load_validation_tasks, score_finetuning
from tasks.pretrain.task import pretrain, validation_loss_of
from tasks.search.settings import Search
from tasks.search.study import Trial
from tasks.stage import Stage
from tasks.store import Artifact, Store


class Trials(ABC):
    """What all trials of a search begin with."""

    decides: dict[str, Any]
    """what their outcome depends on, beside the search's own settings"""
    about = ""
    """what is to be said of the metric"""

    def __init__(self, recipe: Recipe, store: Store) -> None:
        self.recipe, self.store = recipe, store

    @abstractmethod
    def tried(self, trial: Trial) -> float | None:
        """The metric that a trial's values give, or None if it was ended early.

        Raises StageFailure or UnknownSetting.
        """


class Training(Trials):
    """Each trial trains a model, whose validation loss is wanted."""

    def __init__(self, recipe: Recipe, search: Search, store: Store) -> None:
        super().__init__(recipe, store)
        self.tokens = inputs_of("pretrain", recipe, store)
        sections = sorted({"pretrain", *(each.path.partition(".")[0] for each in search.dimensions())})
        self.decides = {
            "recipe": {name: semantic_value(getattr(recipe, name)) for name in sections},
            "tokens": [each.digest for each in self.tokens],
        }

    def tried(self, trial: Trial) -> float | None:
        """Train on the recipe's tokens, or on others where the values change these."""
        other = changed(self.recipe, trial.params)
        same = same_data(self.recipe, trial.params)
        tokens = self.tokens if same else inputs_of("pretrain", other, self.store)
        with pretrain.acquire_slot():
            return validation_loss_of(other.pretrain, tokens, trial.scratch, trial.hopeless)


class FineTuning(Trials):
    """Each trial fits one checkpoint to the tasks, whose mean validation score is wanted."""

    def __init__(self, recipe: Recipe, search: Search, store: Store) -> None:
        super().__init__(recipe, store)
        if search.checkpoint == "recipe":
            self.checkpoint, *tokens = inputs_of("evaluate", recipe, store)
        else:
            self.checkpoint = store.find("pretrain", search.checkpoint)
            tokens = tokens_of(self.checkpoint)
        self.tasks = load_validation_tasks(recipe.evaluate, *tokens)
        self.about = describe_metric(self.tasks, recipe.evaluate.seeds)
        self.decides = {
            "recipe": recipe.evaluate.finetuning.semantic(),
            "checkpoint": self.checkpoint.digest,
            "tasks": [[each.name, each.labels, each.digest] for each in self.tasks],
            "seeds": recipe.evaluate.seeds,
        }

    def tried(self, trial: Trial) -> float | None:
        """Fit as an evaluation would."""
        evaluate = changed(self.recipe, trial.params).evaluate
        folder = self.checkpoint.folder
        return score_finetuning(evaluate.finetuning, folder, self.tasks, evaluate.seeds, trial.scratch, trial.hopeless)


def trials_of(recipe: Recipe, search: Search, store: Store) -> Trials:
    """What the searched settings ask for. What the trials begin with is built where it is not there."""
    return (FineTuning if search.is_of_fits else Training)(recipe, search, store)


def inputs_of(stage: str, recipe: Recipe, store: Store) -> tuple[Artifact, ...]:
    """What a stage would read; the stages before it run where their artifacts are not there."""
    found: list[Artifact] = []

    def step(each: Stage[Any], settings: Block, *inputs: Artifact) -> Artifact | None:
        if each.name == stage:
            found.extend(inputs)
        return each(settings, *inputs) if NAMES.index(each.name) < NAMES.index(stage) else None

    def brought_nothing(tokens: Artifact | None) -> bool:
        return tokens is not None and is_empty(tokens.ref, store)

    before: Earlier[Artifact | None] = fetched(earlier(recipe, store), store)
    chain(recipe, step, before, brought_nothing)
    return tuple(found)


def same_data(recipe: Recipe, params: Mapping[str, Any]) -> bool:
    """Whether values leave what is trained on as it is."""
    return all(path.startswith("pretrain.") or value_of(recipe, path) == value for path, value in params.items())
