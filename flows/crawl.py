"""The crawl stage alone."""

from datetime import UTC, datetime
from typing import Annotated

from prefect import flow, runtime

from flows.flow_runs import end_flow
from flows.recipe_errors import refuse_old_names
from tasks.crawl.settings import Crawl
from tasks.crawl.task import crawl as crawl_stage
from tasks.server_outage.outage import OUTAGE
from tasks.store import Artifact


@flow(name="crawl")
def crawl(
    settings: Annotated[Crawl, refuse_old_names(Crawl, "crawl")] = Crawl(),  # noqa: B008 - frozen
    force: bool = False,
) -> Artifact:
    """Fetch pages.

    Args:
        settings: where the pages come from
        force: crawl again though it is cached
    """
    return end_flow(crawl_stage(settings.with_date(get_planned_date()), force=force))


def get_planned_date() -> str:
    """Return the date that this flow run was planned for, which stays the same when it is retried a day later."""
    try:
        planned = runtime.flow_run.scheduled_start_time
    except Exception:
        # a worker's run whose server was lost before it began asks that server
        if not OUTAGE.is_lost:
            raise
        planned = None
    return (planned or datetime.now(UTC)).astimezone(UTC).date().isoformat()
