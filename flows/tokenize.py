"""The tokenize stage alone."""

from typing import Annotated

from prefect import flow

from flows.flow_runs import end_flow
from flows.recipe_errors import refuse_old_names
from tasks.store import Artifact, Store
from tasks.tokenize.settings import Tokenize
from tasks.tokenize.task import tokenize as tokenize_stage


@flow(name="tokenize")
def tokenize(
    settings: Annotated[Tokenize, refuse_old_names(Tokenize, "tokenize")] = Tokenize(),  # noqa: B008 - frozen
    documents: str = "newest",
    force: bool = False,
) -> Artifact:
    """Train a tokenizer, and write documents as token shards.

    Args:
        settings: the vocabulary, and what is held out of training
        documents: key of the dedup artifact, or its first digits, or newest
        force: build again though it is cached
    """
    return end_flow(tokenize_stage(settings, Store.current().find("dedup", documents), force=force))
