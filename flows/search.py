"""Look for better settings: many short runs, of which the hopeless ones are ended early."""

import hashlib
import logging
from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.states import Completed

from flows.crawl import today
from flows.preflight import check_space
from flows.recipe import Recipe, UnknownSetting, as_given, value_of
from flows.search_trials import Trials, trials_of
from tasks.errors import StageFailure, Transient
from tasks.search.page import drawn, outcome, page, ranked, snippet
from tasks.search.settings import Search
from tasks.search.study import Study, Trial
from tasks.stage import RETRY_DELAY_SECONDS, is_retryable
from tasks.store import Store
from tasks.store.manifest import canonical_json

log = logging.getLogger("textmill.search")

MOST_FAILURES = 3


@flow(name="search", log_prints=True)
def search(
    recipe: Recipe = Recipe(),  # noqa: B008 - frozen, and the form in the Prefect UI shows these defaults
    settings: Search = Search(),  # noqa: B008 - the same
) -> str:
    """Find settings that end with a lower validation loss, or fine-tune to a higher score on validation.

    A search that was killed goes on. Nothing is chosen on a test part.

    Args:
        recipe: the settings that the search begins with
        settings: which of them may change, and how many trials are made
    """
    check_space(recipe, settings)
    store, dated = Store.current(), recipe.dated(today())
    trials = trials_of(dated, settings, store)
    key = key_of(trials, settings)
    with store.lock("search", key):
        # the name is no artifact's, so that clearing up leaves it alone
        study = Study(store.root / "search" / f"study-{key}", settings)
        log.info("search %s: %s trials are there of %s, in %s", key, len(study.trials()), settings.trials, study.file)
        first = {each.path: only(value_of(dated, each.path)) for each in settings.dimensions()}
        failures = 0
        for trial in study.left(first):
            named: Any = trained.with_options(name="trial", task_run_name=f"trial {trial.number}")
            named(trials, trial)
            last = study.trials()[-1]
            log.info("trial %s of %s: %s with %s", last.number, settings.trials, outcome(last), last.params)
            failures = failures + 1 if last.failure else 0
            if failures == MOST_FAILURES:
                raise StageFailure(
                    f"{failures} trials in a row failed, the last one because of {last.failure}",
                    "Change the recipe or the space; the same command goes on with the next trial",
                )
        show(study, trials)
    return str(study.folder)


def only(value: Any) -> Any:
    """The one item of a list of one, which is what a search tries in the place of a list."""
    return value[0] if isinstance(value, list | tuple) and len(value) == 1 else value


def key_of(trials: Trials, settings: Search) -> str:
    """What decides the trials."""
    decides = trials.decides | {"search": settings.semantic()}
    return hashlib.sha256(canonical_json(decides)).hexdigest()[:16]


@task(
    cache_policy=NO_CACHE,
    persist_result=False,
    retries=len(RETRY_DELAY_SECONDS),
    retry_delay_seconds=RETRY_DELAY_SECONDS,
    retry_condition_fn=is_retryable,
)
def trained(trials: Trials, trial: Trial) -> Any:
    """One trial, from its values to its metric. Its state in Prefect says how it ended."""
    try:
        value = trials.tried(trial)
    except Transient:
        raise  # the same trial may go on
    except (StageFailure, UnknownSetting) as error:
        trial.failed(str(error))
        return Completed(name="Unusable", message=str(error))
    trial.ended(value)
    return Completed(name="Pruned") if value is None else Completed(message=f"{trial.study.search.metric} {value:.4f}")


def show(study: Study, trials: Trials) -> None:
    """The trials as a picture, the best settings as a recipe: in the study's folder, and in the Prefect UI.

    Raises StageFailure when no trial ran to its end.
    """
    tried, search = study.trials(), study.search
    best = next(iter(ranked(tried, search)), None)
    recipe = snippet(as_given(trials.recipe, best.params)) if best else ""
    text = page(tried, search, recipe, trials.about)
    for name, content in {"trials.svg": drawn(tried, search), "summary.md": text, "best.yaml": recipe}.items():
        Path(study.folder, name).write_text(content, encoding="utf-8")
    create_markdown_artifact(text, key="search", description=f"trials in {study.folder}")
    if best is None:
        raise StageFailure(
            f"no trial ran to its end ({outcome(tried[-1])})",
            f"Change the recipe or the space, or give more --trials; all are in {study.folder / 'summary.md'}",
        )
