"""The artifacts that a stage takes when it is run alone."""

from tasks.errors import StageFailure
from tasks.store import Artifact, Store

INPUT_STAGES = {
    "extract": "crawl",
    "clean": "crawl",
    "dedup": "clean",
    "tokenize": "dedup",
    "pretrain": "tokenize",
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
    return [artifact, *find_tokens(artifact, store)] if name == "evaluate" else [artifact]


def find_tokens(model: Artifact, store: Store) -> list[Artifact]:
    """Find the tokens that a checkpoint was trained on. Raises StageFailure when they are no longer in the store."""
    manifest = store.manifest(model.stage, model.key)
    tokens = [source for source in manifest.inputs if source.stage == "tokenize"] if manifest else []
    if not tokens:
        raise StageFailure(f"evaluate: the checkpoint {model.key} does not name its tokens", "Run pretrain again")
    return [store.find("tokenize", source.key) for source in tokens]
