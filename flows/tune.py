"""Tuning: many short trials to find better settings, of which the hopeless ones are stopped early."""

import hashlib
import logging
from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.states import Completed

from flows.crawl import get_planned_date
from flows.preflight import check_space
from flows.recipe import Recipe, UnknownSetting, get_setting, wrap_lists
from flows.tuning_trials import TrialRunner, make_trial_runner
from tasks.errors import StageFailure, Transient
from tasks.server_outage.run_despite_outage import run_despite_outage, show_in_ui
from tasks.stage import RETRY_DELAY_SECONDS, is_retryable
from tasks.store import Store
from tasks.store.manifest import canonical_json
from tasks.tuning.page import describe_outcome, rank_trials, render_chart_of_trials, render_page, render_recipe
from tasks.tuning.settings import Tuning
from tasks.tuning.study import Study, Trial

log = logging.getLogger("textmill.tune")

MAX_CONSECUTIVE_FAILURES = 3


@flow(name="tune", log_prints=True)
def tune(
    recipe: Recipe = Recipe(),  # noqa: B008 - frozen, and the form in the Prefect UI shows these defaults
    settings: Tuning = Tuning(),  # noqa: B008 - the same
) -> str:
    """Find settings that end with a lower validation loss, or fine-tune to a higher score on validation.

    An interrupted study is continued. No test part of a benchmark decides anything. Returns the study's folder.

    Args:
        recipe: the settings of the first trial
        settings: which of them may change, and how many trials are made
    """
    check_space(recipe, settings)
    store, dated_recipe = Store.current(), recipe.with_date(get_planned_date())
    runner = make_trial_runner(dated_recipe, settings, store)
    key = compute_study_key(runner, settings)
    with store.lock("tune", key):
        # `gc` removes only folders that are named like an artifact's key
        study = Study(store.root / "tune" / f"study-{key}", settings)
        log.info("tune %s: %s of %s trials done, in %s", key, len(study.results()), settings.trials, study.file)
        first = {
            dimension.path: unwrap_single(get_setting(dated_recipe, dimension.path))
            for dimension in settings.dimensions()
        }
        num_failures = 0
        for trial in study.remaining_trials(first):
            run_trial_task(runner, trial)
            last = study.results()[-1]
            log.info("trial %s of %s: %s with %s", last.number, settings.trials, describe_outcome(last), last.params)
            num_failures = num_failures + 1 if last.failure else 0
            if num_failures == MAX_CONSECUTIVE_FAILURES:
                raise StageFailure(
                    f"{num_failures} trials in a row failed, the last one because of {last.failure}",
                    "Change the recipe or the space; the same command continues with the next trial",
                )
        publish_results(study, runner)
    return str(study.folder)


def unwrap_single(value: Any) -> Any:
    """Return the only item of a list of one, as a trial has one value in the place of a list."""
    return value[0] if isinstance(value, list | tuple) and len(value) == 1 else value


def compute_study_key(runner: TrialRunner, settings: Tuning) -> str:
    """Hash what decides the trials: 16 hexadecimal digits."""
    parts = runner.key_parts | {"tune": settings.semantic()}
    return hashlib.sha256(canonical_json(parts)).hexdigest()[:16]


@task(
    cache_policy=NO_CACHE,
    persist_result=False,
    retries=len(RETRY_DELAY_SECONDS),
    retry_delay_seconds=RETRY_DELAY_SECONDS,
    retry_condition_fn=is_retryable,
)
def run_trial(runner: TrialRunner, trial: Trial) -> Any:
    """Run one trial and record its metric. Its state in Prefect tells how it ended."""
    try:
        value = runner.run(trial)
    except Transient:
        raise  # Prefect retries it, and the same trial is continued
    except (StageFailure, UnknownSetting) as error:
        trial.fail(str(error))
        return Completed(name="Unusable", message=str(error))
    trial.finish(value)
    return Completed(name="Pruned") if value is None else Completed(message=f"{trial.study.tuning.metric} {value:.4f}")


def run_trial_task(runner: TrialRunner, trial: Trial) -> None:
    """Run one trial as a Prefect task, or without Prefect when its server is lost."""
    task: Any = run_trial.with_options(name="trial", task_run_name=f"trial {trial.number}")
    run_despite_outage(
        task, lambda tracked: tracked(runner, trial), lambda function: function(runner, trial), RETRY_DELAY_SECONDS
    )


def publish_results(study: Study, runner: TrialRunner) -> None:
    """Write the trials as a chart and the best settings as a recipe, to the study's folder and the Prefect UI.

    Raises StageFailure when no trial ran to its end.
    """
    results, tuning = study.results(), study.tuning
    best = next(iter(rank_trials(results, tuning)), None)
    recipe = render_recipe(wrap_lists(runner.recipe, best.params)) if best else ""
    page = render_page(results, tuning, recipe, runner.metric_note)
    chart = render_chart_of_trials(results, tuning)
    for name, content in {"trials.svg": chart, "summary.md": page, "best.yaml": recipe}.items():
        Path(study.folder, name).write_text(content, encoding="utf-8")
    show_in_ui(create_markdown_artifact, markdown=page, key="tune", description=f"trials in {study.folder}")
    if best is None:
        raise StageFailure(
            f"no trial ran to its end ({describe_outcome(results[-1])})",
            f"Change the recipe or the space, or give more --trials; all are in {study.folder / 'summary.md'}",
        )
