"""The tokenize stage alone."""

from prefect import flow

from tasks.store import Artifact, Store
from tasks.tokenize.settings import Tokenize
from tasks.tokenize.task import tokenize as tokenize_stage


@flow(name="tokenize")
def tokenize(settings: Tokenize = Tokenize(), documents: str = "newest", force: bool = False) -> Artifact:  # noqa: B008 - frozen
    """Train a tokenizer, and write documents as token shards.

    Args:
        settings: the vocabulary, and what is held out of training
        documents: key of the dedup artifact, or its first digits, or newest
        force: build again though it is cached
    """
    return tokenize_stage(settings, Store.current().find("dedup", documents), force=force)
