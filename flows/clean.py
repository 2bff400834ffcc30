"""The clean stage alone: extract and score the text, then decide which documents are kept."""

from prefect import flow

from tasks.clean.settings import Clean
from tasks.clean.task import clean as clean_stage
from tasks.clean.task import extract
from tasks.store import Artifact, Store


@flow(name="clean")
def clean(settings: Clean = Clean(), pages: str = "newest", force: bool = False) -> Artifact:  # noqa: B008 - frozen
    """Extract text, score it, and drop the documents that a filter rejects.

    Args:
        settings: how text is extracted, and which documents are kept
        pages: key of the crawl artifact, or its first digits, or newest
        force: decide again though it is cached
    """
    scored = extract(settings.scoring(), Store.current().find("crawl", pages))
    return clean_stage(settings, scored, force=force)
