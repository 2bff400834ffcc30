"""The pretrain stage alone."""

from typing import Annotated

from prefect import flow

from flows.flow_runs import end_flow
from flows.recipe_errors import refuse_old_names
from tasks.pretrain.task import Pretrain
from tasks.pretrain.task import pretrain as pretrain_stage
from tasks.store import Artifact, Store


@flow(name="pretrain")
def pretrain(
    settings: Annotated[Pretrain, refuse_old_names(Pretrain, "pretrain")] = Pretrain(),  # noqa: B008 - frozen
    tokens: str = "newest",
    force: bool = False,
) -> Artifact:
    """Train a language model from random weights.

    Args:
        settings: the model, its training objective, and for how long it is trained
        tokens: key of the tokenize artifact, or its first digits, or newest
        force: build again though it is cached
    """
    return end_flow(pretrain_stage(settings, Store.current().find("tokenize", tokens), force=force))
