"""The clean stage alone: take out the text and score it, then decide what stays."""

from prefect import flow

from tasks.clean.settings import Clean
from tasks.clean.task import clean as clean_stage
from tasks.clean.task import extract
from tasks.store import Artifact, Store


@flow(name="clean")
def clean(settings: Clean = Clean(), pages: str = "newest", force: bool = False) -> Artifact:  # noqa: B008 - frozen
    """Extract text, score it and drop what is not worth reading.

    Args:
        settings: how text is extracted, and which documents stay
        pages: key of the crawl artifact, or its first digits, or newest
        force: decide again though it is cached
    """
    scored = extract(settings.extract_settings(), Store.current().find("crawl", pages))
    return clean_stage(settings, scored, force=force)
