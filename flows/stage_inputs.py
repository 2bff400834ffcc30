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


def find_stage_inputs(name: str, key: str, store: Store) -> list[Artifact]:
    """Return the artifacts that a stage alone takes: the one with this key, or the newest; of a model also its tokens.

    Raises StageFailure when the store does not hold them.
    """
    if name == "crawl":
        return []
    artifact = store.find(INPUT_STAGES[name], key)
    return [artifact, *find_tokens(artifact, store)] if name == "evaluate" else [artifact]


def find_tokens(model: Artifact, store: Store) -> list[Artifact]:
    """Find the tokens that a checkpoint was trained on. Raises StageFailure when they are no longer in the store."""
    manifest = store.manifest(model.stage, model.key)
    tokens = [source for source in manifest.inputs if source.stage == "tokenize"] if manifest else []
    if not tokens:
        raise StageFailure(f"evaluate: the checkpoint {model.key} does not name its tokens", "Run pretrain again")
    return [store.find("tokenize", source.key) for source in tokens]
