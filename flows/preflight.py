"""Checks before anything expensive: before Prefect starts, and before a model is trained."""

import contextlib

from flows.graph import StageSelection
from flows.plan import make_plan
from flows.recipe import InconsistentSettings, Recipe, change_recipe
from flows.stage_inputs import find_stage_inputs
from tasks.block import Block
from tasks.errors import BadSetting, StageFailure
from tasks.evaluate.task import check_data, check_settings, evaluate
from tasks.finetune import task as finetuning
from tasks.finetune.task import finetune
from tasks.pretrain.task import pretrain
from tasks.stage import Stage
from tasks.store import Artifact, Store
from tasks.tokenize.task import tokenize
from tasks.tuning.settings import Tuning

MAX_SMALL_CORPUS = 5000
"""most documents of a corpus of which it is looked for what is wrong before it is tokenized: this reads them"""


def check_run(recipe: Recipe, selection: StageSelection, store: Store) -> None:
    """Raise StageFailure when the store, or the settings of a selected stage, cannot work."""
    store.prepare()
    rows = make_plan(recipe, selection, store)  # asks every stage for its key as far as the inputs are known
    for row in rows:
        if row.state == "lost":
            raise StageFailure(row.reason, row.warning)
    check_finetuning(recipe, selection)
    check_evaluation(recipe, selection)


def check_stage(recipe: Recipe, name: str, key: str, store: Store) -> None:
    """Raise StageFailure when a stage that is run alone, on the artifact with this key, cannot work."""
    store.prepare()
    if name == "crawl":
        make_plan(recipe, StageSelection(only=("crawl",)), store)
    elif name != "finetune" or not recipe.finetune.folder:
        find_stage_inputs(name, key, store)
    check_stage_settings(recipe, name)


def check_stage_settings(recipe: Recipe, name: str) -> None:
    """Raise StageFailure when the settings of a stage that is run alone cannot work, whatever it takes."""
    if name == "finetune":
        finetuning.check_settings(recipe.finetune, heldout=1.0)
        require_finetune_tasks(recipe)
    if name == "evaluate":
        # the tokens are in the store already, and the recipe's fraction says nothing of what was held out of them
        check_settings(recipe.evaluate_settings(), heldout=1.0)


def check_tuning(recipe: Recipe, tuning: Tuning, store: Store) -> None:
    """Raise UnknownSetting for a search space, or StageFailure for a store or an evaluation, that cannot work."""
    check_space(recipe, tuning)
    if not tuning.is_finetuning:
        store.prepare()
    elif tuning.checkpoint == "recipe":
        check_run(recipe, StageSelection(), store)
    else:
        check_stage(recipe, "evaluate", tuning.checkpoint, store)


def check_space(recipe: Recipe, tuning: Tuning) -> None:
    """Raise UnknownSetting for tuned settings that do not exist, or cannot have one of these values."""
    for dimension in tuning.dimensions():
        for value in dimension.values:
            with contextlib.suppress(InconsistentSettings):  # with other values of a trial it may be possible
                change_recipe(recipe, {dimension.path: value})


def check_evaluation(recipe: Recipe, selection: StageSelection) -> None:
    """Raise StageFailure when the settings leave a selected evaluation without a task."""
    if may_build(evaluate, selection):
        # previous snapshots of a corpus may have held pages out
        check_settings(recipe.evaluate_settings(), 1.0 if recipe.corpus else recipe.tokenize.heldout_fraction)


def check_finetuning(recipe: Recipe, selection: StageSelection) -> None:
    """Raise StageFailure when a selected finetune stage has no task, or a data set that cannot be read."""
    if may_build(finetune, selection):
        if "finetune" in selection.only:
            require_finetune_tasks(recipe)
        finetuning.check_settings(recipe.finetune, 1.0 if recipe.corpus else recipe.tokenize.heldout_fraction)


def require_finetune_tasks(recipe: Recipe) -> None:
    """Raise BadSetting when no task is named of which a model could be kept."""
    if not recipe.finetune.list_tasks():
        raise BadSetting(
            "finetune: no task is named",
            "Name a data set, as in finetune.benchmarks.labelled_text.sets; textmill inspect FILE proposes one",
        )


def check_evaluation_data(
    recipe: Recipe, selection: StageSelection, store: Store, stage: Stage[Block], settings: Block, *tokens: Artifact
) -> None:
    """Raise StageFailure when a model is about to be trained that could not be evaluated for lack of held-out pages."""
    if stage is not pretrain or not may_build(pretrain, selection):
        return
    is_built = store.manifest(stage.name, stage.build_spec(settings, *tokens).expected_key) is not None
    if selection.policy_for(pretrain) != "force" and is_built:
        return
    if may_build(finetune, selection):
        finetuning.check_data(recipe.finetune, *tokens)
    if not may_build(evaluate, selection):
        return
    try:
        check_data(recipe.evaluate_settings(), *tokens)
    except StageFailure as error:
        hint = f"{error.hint}; or end before the evaluation, with textmill run pretrain and the same recipe"
        raise type(error)(error.what, hint) from error


def check_small_corpus(
    recipe: Recipe, selection: StageSelection, store: Store, stage: Stage[Block], settings: Block, *inputs: Artifact
) -> None:
    """Raise StageFailure when tokenize is about to be built of documents that are too few for what follows."""
    # a snapshot of a corpus that grows may bring little: what earlier ones held out is evaluated on too
    is_first = stage is tokenize and len(inputs) == 1
    if not is_first or not (may_build(tokenize, selection) and may_build(evaluate, selection)):
        return
    manifest = store.manifest(inputs[0].stage, inputs[0].key)
    is_built = store.manifest(stage.name, stage.build_spec(settings, *inputs).expected_key) is not None
    if manifest is None or is_built or manifest.counts.get("kept", 0) > MAX_SMALL_CORPUS:
        return
    from flows.corpus_size import check_corpus_size  # noqa: PLC0415 - loads the kernels of tokenize, which no plan needs

    check_corpus_size(recipe, inputs[0])


def may_build(stage: Stage[Block], selection: StageSelection) -> bool:
    """Tell whether a stage may be built in this run."""
    return selection.policy_for(stage) in ("run", "force")
