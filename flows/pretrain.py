"""The pretrain stage alone."""

from prefect import flow

from tasks.pretrain.task import Pretrain
from tasks.pretrain.task import pretrain as pretrain_stage
from tasks.store import Artifact, Store


@flow(name="pretrain")
def pretrain(settings: Pretrain = Pretrain(), tokens: str = "newest", force: bool = False) -> Artifact:  # noqa: B008 - frozen
    """Train a language model from random weights.

    Args:
        settings: the model, its training objective, and for how long it is trained
        tokens: key of the tokenize artifact, or its first digits, or newest
        force: build again though it is cached
    """
    return pretrain_stage(settings, Store.current().find("tokenize", tokens), force=force)
