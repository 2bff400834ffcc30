"""What would end a run is looked for before it costs anything: before Prefect starts, and before a model is trained."""

import contextlib

from flows.graph import Choice
from flows.plan import plan
from flows.recipe import Recipe, Unfit, changed
from tasks.block import Block
from tasks.evaluate.task import check_data, check_settings, evaluate
from tasks.pretrain.task import pretrain
from tasks.search.settings import Search
from tasks.stage import Stage
from tasks.store import Artifact, Store

# what each stage takes when it is run alone
INPUTS = {
    "extract": "crawl",
    "clean": "crawl",
    "dedup": "clean",
    "tokenize": "dedup",
    "pretrain": "tokenize",
    "evaluate": "pretrain",
}


def check(recipe: Recipe, choice: Choice, store: Store) -> None:
    """Raise StageFailure when the store, or the settings of a stage that is asked for, cannot work."""
    store.prepare()
    plan(recipe, choice, store)  # asks every stage for its key as far as the inputs are known
    check_evaluation(recipe, choice)


def check_stage(recipe: Recipe, name: str, key: str, store: Store) -> None:
    """The same for a stage that is run alone, on the artifact with this key."""
    store.prepare()
    if name == "crawl":
        plan(recipe, Choice(only=("crawl",)), store)
    else:
        store.find(INPUTS[name], key)
    if name == "evaluate":
        check_settings(recipe.evaluate, heldout=1.0)


def check_search(recipe: Recipe, search: Search, store: Store) -> None:
    """The same for a search; raises UnknownSetting for settings that are not there or cannot have these values."""
    check_space(recipe, search)
    if not search.is_of_fits:
        store.prepare()
    elif search.checkpoint == "recipe":
        check(recipe, Choice(), store)
    else:
        check_stage(recipe, "evaluate", search.checkpoint, store)


def check_space(recipe: Recipe, search: Search) -> None:
    """Raise UnknownSetting for searched settings that are not there, or cannot have these values."""
    for dimension in search.dimensions():
        for value in dimension.values:
            with contextlib.suppress(Unfit):  # with other values of a trial it may be possible
                changed(recipe, {dimension.path: value})


def check_evaluation(recipe: Recipe, choice: Choice) -> None:
    """Raise StageFailure when the settings leave an evaluation that is asked for without a task."""
    if is_built(evaluate, choice):
        # earlier snapshots of a corpus may have held pages out
        check_settings(recipe.evaluate, 1.0 if recipe.corpus else recipe.tokenize.heldout_fraction)


def before_training(
    recipe: Recipe, choice: Choice, store: Store, stage: Stage[Block], settings: Block, *tokens: Artifact
) -> None:
    """Raise StageFailure when a model is about to be trained that could not be evaluated for want of held-out pages."""
    if stage is not pretrain or not (is_built(pretrain, choice) and is_built(evaluate, choice)):
        return
    is_there = store.manifest(stage.name, stage.build_spec(settings, *tokens).expected_key) is not None
    if choice.mode(pretrain) == "force" or not is_there:
        check_data(recipe.evaluate, *tokens)


def is_built(stage: Stage[Block], choice: Choice) -> bool:
    """Whether a stage may be built in this run."""
    return choice.mode(stage) in ("run", "force")
