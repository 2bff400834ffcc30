"""The evaluate stage alone."""

from prefect import flow

from tasks.errors import StageFailure
from tasks.evaluate.settings import Evaluate
from tasks.evaluate.task import evaluate as evaluate_stage
from tasks.store import Artifact, Store


@flow(name="evaluate")
def evaluate(
    settings: Evaluate = Evaluate(),  # noqa: B008 - frozen
    checkpoint: str = "newest",
    force: bool = False,
) -> Artifact:
    """Fine-tune a checkpoint on the benchmarks, compare it and write the report.

    Args:
        settings: what the model is tried on, and against what
        checkpoint: key of the pretrain artifact, or its first digits, or newest
        force: build again though it is cached
    """
    model = Store.current().find("pretrain", checkpoint)
    return evaluate_stage(settings, model, *tokens_of(model), force=force)


def tokens_of(model: Artifact) -> list[Artifact]:
    """The tokens that a checkpoint was trained on. Raises StageFailure when they are not in the store any more."""
    store = Store.current()
    manifest = store.manifest(model.stage, model.key)
    made_from = [each for each in manifest.inputs if each.stage == "tokenize"] if manifest else []
    if not made_from:
        raise StageFailure(f"evaluate: the checkpoint {model.key} does not name its tokens", "Run pretrain again")
    return [store.find("tokenize", each.key) for each in made_from]
