"""The extract stage alone: the first half of cleaning."""

from typing import Annotated

from prefect import flow

from flows.flow_runs import end_flow
from flows.recipe_errors import refuse_old_names
from tasks.clean.settings import Extract
from tasks.clean.task import extract as extract_stage
from tasks.store import Artifact, Store


@flow(name="extract")
def extract(
    settings: Annotated[Extract, refuse_old_names(Extract, "clean")] = Extract(),  # noqa: B008 - frozen
    pages: str = "newest",
    force: bool = False,
) -> Artifact:
    """Extract the text of pages and score it; the clean stage decides which documents are kept.

    Args:
        settings: how text is extracted, and what the filters measure
        pages: key of the crawl artifact, or its first digits, or newest
        force: extract again though it is cached
    """
    return end_flow(extract_stage(settings, Store.current().find("crawl", pages), force=force))
