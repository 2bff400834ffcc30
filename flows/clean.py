"""The clean stage alone: extract and score the text, then decide which documents are kept."""

from typing import Annotated

from prefect import flow

from flows.flow_runs import end_flow
from flows.recipe_errors import refuse_old_names
from tasks.clean.settings import Clean
from tasks.clean.task import clean as clean_stage
from tasks.clean.task import extract
from tasks.store import Artifact, Store


@flow(name="clean")
def clean(
    settings: Annotated[Clean, refuse_old_names(Clean, "clean")] = Clean(),  # noqa: B008 - frozen
    pages: str = "newest",
    force: bool = False,
) -> Artifact:
    """Extract text, score it, and drop the documents that a filter rejects.

    Args:
        settings: how text is extracted, and which documents are kept
        pages: key of the crawl artifact, or its first digits, or newest
        force: decide again though it is cached
    """
    scored = extract(settings.extract_settings(), Store.current().find("crawl", pages))
    return end_flow(clean_stage(settings, scored, force=force), scored)
