"""Look for better settings: many short runs of pretraining, of which the hopeless ones are ended early."""

import contextlib
import hashlib
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.states import Completed

from flows.chain import chain
from flows.corpus import Earlier, earlier, fetched, is_empty
from flows.crawl import today
from flows.recipe import Recipe, Unfit, UnknownSetting, changed
from tasks.block import Block, meaning
from tasks.failure import StageFailure, Transient
from tasks.manifest import canonical
from tasks.pretrain.task import pretrain, try_out
from tasks.search.page import best_of, drawn, outcome, page, snippet
from tasks.search.settings import Search
from tasks.search.space import Dimension
from tasks.search.study import Study, Trial
from tasks.stage import RETRY_DELAY_SECONDS, Stage, may_heal
from tasks.store import Artifact, Store

log = logging.getLogger("textmill.search")

MOST_FAILURES = 3
Tokens = tuple[Artifact, ...]


@flow(name="search", log_prints=True)
def search(
    recipe: Recipe = Recipe(),  # noqa: B008 - frozen, and the form in the Prefect UI shows these defaults
    settings: Search = Search(),  # noqa: B008 - the same
) -> str:
    """Find settings that end with a lower validation loss; a search that was killed goes on.

    Args:
        recipe: the settings that the search begins with
        settings: which of them may change, and how many trials are made
    """
    for dimension in settings.dimensions():
        check(recipe, dimension)
    store, dated = Store.current(), recipe.dated(today())
    tokens = tokens_of(dated, store)
    key = key_of(dated, settings, tokens)
    with store.lock("search", key):
        # the name is no artifact's, so that clearing up leaves it alone
        study = Study(store.root / "search" / f"study-{key}", settings)
        log.info("search %s: %s trials are there of %s, in %s", key, len(study.trials()), settings.trials, study.file)
        first = {each.path: value_of(dated, each.path) for each in settings.dimensions()}
        failures = 0
        for trial in study.left(first):
            named: Any = trained.with_options(name="trial", task_run_name=f"trial {trial.number}")
            named(dated, tokens, trial, store)
            last = study.trials()[-1]
            log.info("trial %s of %s: %s with %s", last.number, settings.trials, outcome(last), last.params)
            failures = failures + 1 if last.failure else 0
            if failures == MOST_FAILURES:
                raise StageFailure(
                    f"{failures} trials in a row failed, the last one because of {last.failure}",
                    "Change the recipe or the space; the same command goes on with the next trial",
                )
        show(study)
    return str(study.folder)


def check(recipe: Recipe, dimension: Dimension) -> None:
    """Raise UnknownSetting for a setting that is not there, or cannot have these values."""
    if dimension.path.startswith("evaluate."):
        raise UnknownSetting(f"{dimension.path} does not change the validation loss, which trials are compared by")
    for value in dimension.values:
        with contextlib.suppress(Unfit):  # with other values of a trial it may be possible
            changed(recipe, {dimension.path: value})


def value_of(recipe: Recipe, path: str) -> Any:
    """A setting by its path."""
    value: Any = recipe
    for name in path.split("."):
        value = getattr(value, name)
    return value


def tokens_of(recipe: Recipe, store: Store) -> Tokens:
    """What pretraining would read; the stages before it run where their artifacts are not there."""
    found: list[Artifact] = []

    def step(stage: Stage[Any], settings: Block, *inputs: Artifact) -> Artifact | None:
        if stage.name == "pretrain":
            found.extend(inputs)
        return None if stage.name in ("pretrain", "evaluate") else stage(settings, *inputs)

    def brought_nothing(tokens: Artifact | None) -> bool:
        return tokens is not None and is_empty(tokens.as_input, store)

    before: Earlier[Artifact | None] = fetched(earlier(recipe, store), store)
    chain(recipe, step, before, brought_nothing)
    return tuple(found)


def key_of(recipe: Recipe, settings: Search, tokens: Tokens) -> str:
    """What decides the trials; their number does not, so that a search can be made longer."""
    sections = sorted({"pretrain", *(each.path.partition(".")[0] for each in settings.dimensions())})
    decides = {
        "recipe": {name: meaning(getattr(recipe, name)) for name in sections},
        "search": {name: value for name, value in settings.semantic().items() if name != "trials"},
        "tokens": [each.digest for each in tokens],
    }
    return hashlib.sha256(canonical(decides)).hexdigest()[:16]


@task(
    cache_policy=NO_CACHE,
    persist_result=False,
    retries=len(RETRY_DELAY_SECONDS),
    retry_delay_seconds=RETRY_DELAY_SECONDS,
    retry_condition_fn=may_heal,
)
def trained(recipe: Recipe, tokens: Tokens, trial: Trial, store: Store) -> Any:
    """One trial, from its values to its loss. Its state in Prefect says how it ended."""
    try:
        loss = tried(recipe, tokens, trial, store)
    except Transient:
        raise  # the same trial may go on
    except (StageFailure, UnknownSetting) as error:
        trial.failed(str(error))
        return Completed(name="Unusable", message=str(error))
    trial.ended(loss)
    return Completed(name="Pruned") if loss is None else Completed(message=f"validation loss {loss:.4f}")


def tried(recipe: Recipe, tokens: Tokens, trial: Trial, store: Store) -> float | None:
    """The loss that a trial's values give, or None if it was ended early. Raises StageFailure or UnknownSetting."""
    other = changed(recipe, trial.params)
    if not same_data(recipe, trial.params):
        tokens = tokens_of(other, store)
    with pretrain.holding():
        return try_out(other.pretrain, tokens, trial.scratch, trial.hopeless)


def same_data(recipe: Recipe, params: Mapping[str, Any]) -> bool:
    """Whether values leave what is trained on as it is."""
    return all(path.startswith("pretrain.") or value_of(recipe, path) == value for path, value in params.items())


def show(study: Study) -> None:
    """The trials as a picture, the best settings as a recipe: in the study's folder, and in the Prefect UI."""
    trials, dimensions = study.trials(), list(study.search.dimensions())
    best = best_of(trials)
    text = page(trials, dimensions)
    files = {"trials.svg": drawn(trials, dimensions), "summary.md": text}
    if best is not None:
        files["best.yaml"] = snippet(best.params)
    for name, content in files.items():
        Path(study.folder, name).write_text(content, encoding="utf-8")
    create_markdown_artifact(text, key="search", description=f"trials in {study.folder}")
