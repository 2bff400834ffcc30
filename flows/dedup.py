"""The dedup stage alone."""

from typing import Annotated

from prefect import flow

from flows.flow_runs import end_flow
from flows.recipe_errors import refuse_old_names
from tasks.dedup.settings import Dedup
from tasks.dedup.task import dedup as dedup_stage
from tasks.store import Artifact, Store


@flow(name="dedup")
def dedup(
    settings: Annotated[Dedup, refuse_old_names(Dedup, "dedup")] = Dedup(),  # noqa: B008 - frozen
    documents: str = "newest",
    force: bool = False,
) -> Artifact:
    """Keep one of each group of near-duplicates.

    Args:
        settings: how similar near-duplicates are
        documents: key of the clean artifact, or its first digits, or newest
        force: build again though it is cached
    """
    return end_flow(dedup_stage(settings, Store.current().find("clean", documents), force=force))
