"""The trials of tuning: train to a validation loss, or fine-tune to a validation score."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from flows.graph import STAGE_NAMES, walk_artifacts
from flows.growing_corpus import find_previous_artifacts
from flows.recipe import Recipe, change_recipe, get_setting
from flows.stage_inputs import find_tokens
from tasks.block import Block, semantic_value
from tasks.evaluate.task import describe_metric, load_validation_tasks, score_finetuning
from tasks.finetune.settings import Finetune
from tasks.pretrain.task import pretrain, validation_loss_of
from tasks.stage import Stage
from tasks.store import Artifact, Store
from tasks.store.read_check import record_reads
from tasks.tuning.settings import Tuning
from tasks.tuning.study import Trial


class TrialRunner(ABC):
    """Runs the trials of a study: holds the recipe that they change, and the data that they share."""

    key_parts: dict[str, Any]
    """everything that decides the outcome of a trial, beside the settings of tuning"""
    metric_note = ""
    """a sentence on the metric for the summary"""

    def __init__(self, recipe: Recipe, store: Store) -> None:
        self.recipe, self.store = recipe, store

    @abstractmethod
    def run(self, trial: Trial) -> float | None:
        """Return the metric that a trial's values reach, or None if it was stopped early.

        Raises StageFailure or UnknownSetting.
        """


class PretrainTrials(TrialRunner):
    """Trials that each train a model; the metric is its validation loss."""

    def __init__(self, recipe: Recipe, tuning: Tuning, store: Store) -> None:
        super().__init__(recipe, store)
        self.tokens = build_stage_inputs("pretrain", recipe, store)
        # Settings of other sections decide only the tokens, and these stand in the key by their digests.
        sections = sorted({"pretrain", *(dimension.path.partition(".")[0] for dimension in tuning.dimensions())})
        self.key_parts = {
            "recipe": {name: semantic_value(getattr(recipe, name)) for name in sections},
            "tokens": [artifact.digest for artifact in self.tokens],
        }

    def run(self, trial: Trial) -> float | None:
        """Train on the recipe's tokens, or on others where the trial changes settings of the data."""
        changed_recipe = change_recipe(self.recipe, trial.params)
        # most trials: no stage is asked whether it is cached
        if has_same_data(self.recipe, trial.params):
            tokens = self.tokens
        else:
            tokens = build_stage_inputs("pretrain", changed_recipe, self.store)
        with pretrain.acquire_slot():
            return validation_loss_of(changed_recipe.pretrain, tokens, trial.scratch, trial.should_stop)


class FineTuneTrials(TrialRunner):
    """Trials that each fine-tune one checkpoint on the tasks; the metric is the mean validation score."""

    def __init__(self, recipe: Recipe, tuning: Tuning, store: Store) -> None:
        super().__init__(recipe, store)
        if tuning.checkpoint == "recipe":
            # without kept models, which no trial reads
            bare_recipe = recipe.model_copy(update={"finetune": Finetune()})
            self.checkpoint, *tokens = build_stage_inputs("evaluate", bare_recipe, store)
        else:
            self.checkpoint = store.find("pretrain", tuning.checkpoint)
            tokens = find_tokens(self.checkpoint, store)
        self.tasks = load_validation_tasks(recipe.evaluate, *tokens)
        self.metric_note = describe_metric(self.tasks, recipe.evaluate.seeds)
        self.key_parts = {
            "recipe": recipe.evaluate.finetuning.semantic(),
            "checkpoint": self.checkpoint.digest,
            "tasks": [[task.name, task.labels, task.digest] for task in self.tasks],
            "seeds": recipe.evaluate.seeds,
        }

    def run(self, trial: Trial) -> float | None:
        """Fine-tune as an evaluation would."""
        evaluate = change_recipe(self.recipe, trial.params).evaluate
        with record_reads():  # as in a stage: what an earlier process hashed is hashed again
            folder = self.checkpoint.folder
        return score_finetuning(
            evaluate.finetuning, folder, self.tasks, evaluate.seeds, trial.scratch, trial.should_stop
        )


def make_trial_runner(recipe: Recipe, tuning: Tuning, store: Store) -> TrialRunner:
    """Choose the kind of trial by the tuned settings, and build the artifacts that all trials begin with."""
    return (FineTuneTrials if tuning.is_finetuning else PretrainTrials)(recipe, tuning, store)


def build_stage_inputs(stage: str, recipe: Recipe, store: Store) -> tuple[Artifact, ...]:
    """Return the inputs of a stage; run the stages before it where their artifacts are not in the store."""
    stage_inputs: list[Artifact] = []

    def run_stage(other: Stage[Any], settings: Block, *inputs: Artifact) -> Artifact | None:
        if other.name == stage:
            stage_inputs.extend(inputs)
        is_before = STAGE_NAMES.index(other.name) < STAGE_NAMES.index(stage)
        return other(settings, *inputs) if is_before else None

    walk_artifacts(recipe, run_stage, find_previous_artifacts(recipe, store), store)
    return tuple(stage_inputs)


def has_same_data(recipe: Recipe, params: Mapping[str, Any]) -> bool:
    """Tell whether a trial's values leave the training data unchanged."""
    return all(path.startswith("pretrain.") or get_setting(recipe, path) == value for path, value in params.items())
