"""The dedup stage alone."""

from prefect import flow

from tasks.dedup.settings import Dedup
from tasks.dedup.task import dedup as dedup_stage
from tasks.store import Artifact, Store


@flow(name="dedup")
def dedup(settings: Dedup = Dedup(), documents: str = "newest", force: bool = False) -> Artifact:  # noqa: B008 - frozen
    """Keep one of each group of near-duplicates.

    Args:
        settings: how similar near-duplicates are
        documents: key of the clean artifact, or its first digits, or newest
        force: build again though it is cached
    """
    return dedup_stage(settings, Store.current().find("clean", documents), force=force)
