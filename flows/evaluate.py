"""The evaluate stage alone."""

from typing import Annotated

from prefect import flow

from flows.flow_runs import end_flow
from flows.recipe_errors import refuse_old_names
from flows.stage_inputs import find_stage_inputs
from tasks.evaluate.settings import Evaluate
from tasks.evaluate.task import evaluate as evaluate_stage
from tasks.store import Artifact, Store


@flow(name="evaluate")
def evaluate(
    settings: Annotated[Evaluate, refuse_old_names(Evaluate, "evaluate")] = Evaluate(),  # noqa: B008 - frozen
    checkpoint: str = "newest",
    kept: list[str] = [],  # noqa: B006 - never changed, and a form shows it
    force: bool = False,
) -> Artifact:
    """Fine-tune a checkpoint on the benchmarks, compare it and write the report.

    Args:
        settings: the benchmarks, and the baselines that the model is compared with
        checkpoint: key of the pretrain artifact, or its first digits, or newest
        kept: keys of finetune artifacts, or their first digits, whose models are scored instead of fitting new ones
        force: build again though it is cached
    """
    store = Store.current()
    model, *tokens = find_stage_inputs("evaluate", checkpoint, store)
    kept_models = (store.find("finetune", kept_key) for kept_key in kept)
    return end_flow(evaluate_stage(settings, model, *kept_models, *tokens, force=force))
