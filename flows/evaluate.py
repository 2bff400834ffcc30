"""The evaluate stage alone."""

from typing import Annotated

from prefect import flow

from flows.recipe_errors import refuse_old_names
from tasks.errors import StageFailure
from tasks.evaluate.settings import Evaluate
from tasks.evaluate.task import evaluate as evaluate_stage
from tasks.store import Artifact, Store


@flow(name="evaluate")
def evaluate(
    settings: Annotated[Evaluate, refuse_old_names(Evaluate, "evaluate")] = Evaluate(),  # noqa: B008 - frozen
    checkpoint: str = "newest",
    force: bool = False,
) -> Artifact:
    """Fine-tune a checkpoint on the benchmarks, compare it and write the report.

    Args:
        settings: the benchmarks, and the baselines that the model is compared with
        checkpoint: key of the pretrain artifact, or its first digits, or newest
        force: build again though it is cached
    """
    model = Store.current().find("pretrain", checkpoint)
    return evaluate_stage(settings, model, *find_tokens(model), force=force)


def find_tokens(model: Artifact) -> list[Artifact]:
    """Find the tokens that a checkpoint was trained on. Raises StageFailure when they are no longer in the store."""
    store = Store.current()
    manifest = store.manifest(model.stage, model.key)
    tokens = [source for source in manifest.inputs if source.stage == "tokenize"] if manifest else []
    if not tokens:
        raise StageFailure(f"evaluate: the checkpoint {model.key} does not name its tokens", "Run pretrain again")
    return [store.find("tokenize", source.key) for source in tokens]
