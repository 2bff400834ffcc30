"""The artifacts that a stage takes when it is run alone."""

from collections.abc import Sequence

from flows.recipe import Recipe
from tasks.errors import StageFailure
from tasks.finetune.task import Finetune, finetune
from tasks.store import Artifact, Store

INPUT_STAGES = {
    "extract": "crawl",
    "clean": "crawl",
    "dedup": "clean",
    "tokenize": "dedup",
    "pretrain": "tokenize",
    "finetune": "pretrain",
    "evaluate": "pretrain",
}
"""Stage → the stage whose artifact it takes when it is run alone"""


def lacks_input(name: str, key: str, store: Store) -> bool:
    """Tell whether a stage alone would take the newest artifact of a stage of which the store holds none."""
    return key == "newest" and name in INPUT_STAGES and not store.manifests(INPUT_STAGES[name])


def find_stage_inputs(name: str, key: str, store: Store) -> list[Artifact]:
    """Return the artifacts that a stage alone takes: the one with this key, or the newest; of a model also its tokens.

    Raises StageFailure when the store does not hold them.
    """
    if name == "crawl":
        return []
    if lacks_input(name, key, store):
        raise StageFailure(
            f"{name} takes the newest {INPUT_STAGES[name]} artifact, and there is no {INPUT_STAGES[name]} artifact in "
            f"{store.address}",
            "Build one first, with textmill run or textmill demo, or name the store that has one with --store",
        )
    artifact = store.find(INPUT_STAGES[name], key)
    return [artifact, *find_tokens(artifact, store)] if name in ("finetune", "evaluate") else [artifact]


def list_finetune_inputs(settings: Finetune, key: str, store: Store) -> list[Artifact]:
    """Return what a model is fine-tuned from: a checkpoint of the store with its tokens, nothing for another folder."""
    return [] if settings.folder else find_stage_inputs("finetune", key, store)


def find_kept_models(recipe: Recipe, inputs: Sequence[Artifact], store: Store) -> list[Artifact]:
    """Return the kept models of a recipe's tasks that are in the store; `inputs` are the checkpoint and its tokens."""
    if recipe.finetune.folder:
        return []
    specs = [finetune.build_spec(settings, *inputs) for settings in recipe.finetune.list_tasks()]
    artifacts = [store.get_valid("finetune", spec.expected_key) for spec in specs]
    return [artifact for artifact in artifacts if artifact is not None]


def find_tokens(model: Artifact, store: Store) -> list[Artifact]:
    """Find the tokens that a checkpoint was trained on. Raises StageFailure when they are no longer in the store."""
    manifest = store.manifest(model.stage, model.key)
    tokens = [source for source in manifest.inputs if source.stage == "tokenize"] if manifest else []
    if not tokens:
        raise StageFailure(f"the checkpoint {model.key} does not name its tokens", "Run pretrain again")
    return [store.find("tokenize", source.key) for source in tokens]
