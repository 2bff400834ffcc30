"""What `textmill` does. The exit codes are in `arguments.EXIT_CODES`."""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from flows.cli import inspect_store
from flows.cli.parser import parser
from flows.text_table import table
from tasks.errors import BadSetting, StageFailure
from tasks.store import Store

if TYPE_CHECKING:
    from flows.graph import Choice
    from flows.recipe import Recipe

RECIPES = Path(__file__).parents[2] / "deployments" / "recipes"


class BadUsage(Exception):
    """The command's words are off."""


def run(words: Sequence[str]) -> int:
    """Carry out a command and return its exit code."""
    given = parser().parse_args(words)
    if given.store:
        os.environ["TEXTMILL_STORE"] = given.store
    try:
        return COMMANDS[given.command](given)
    except (BadUsage, BadSetting) as error:
        print(f"textmill: {error}", file=sys.stderr)
        return 2
    except StageFailure as error:
        print(f"textmill: {error}", file=sys.stderr)
        return 1
    except RuntimeError as error:
        if "Failed to reach API" not in str(error):
            raise
        print(f"textmill: no Prefect server answers ({error}). Start it, or unset PREFECT_API_URL", file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def chosen(given: argparse.Namespace) -> "tuple[Recipe, Choice]":
    """The recipe and the choice of stages that the options name. Raises BadUsage."""
    from flows.graph import Choice
    from flows.recipe import UnknownSetting, recipe_of

    try:
        return recipe_of(given.recipe, given.changes), Choice(given.from_stage, tuple(given.only), tuple(given.force))
    except (UnknownSetting, ValueError) as error:
        raise BadUsage(str(error)) from error


def run_command(given: argparse.Namespace) -> int:
    """`textmill run`."""
    if not given.stage and given.input != "newest":
        raise BadUsage("--input goes with one stage, e.g. textmill run clean --input KEY")
    if given.stage and (given.only or given.from_stage):
        raise BadUsage(f"--only and --from choose among all stages; here {given.stage} alone is run")
    recipe, choice = chosen(given)
    run_preflight(recipe, given.stage, given.input, choice)
    from flows.cli.run import ended, run_pipeline, run_stage

    started = time.time()
    if given.stage:
        artifacts = run_stage(given.stage, recipe, given.input, force=given.stage in given.force)
    else:
        artifacts = run_pipeline(recipe, choice)
    print(ended(artifacts, started))
    return 0


def run_preflight(recipe: "Recipe", stage: str | None, key: str, choice: "Choice") -> None:
    """What would end the run is said before Prefect starts. Raises StageFailure."""
    from flows import preflight

    if stage:
        preflight.check_stage(recipe.dated(today()), stage, key, Store.current())
    else:
        preflight.check(recipe.dated(today()), choice, Store.current())


def today() -> str:
    """The date. A flow's own is the day that it was planned for; to ask that takes Prefect, which is slow to load."""
    return datetime.now(UTC).date().isoformat()


def plan_command(given: argparse.Namespace) -> int:
    """`textmill plan`."""
    recipe, choice = chosen(given)
    from flows.plan import plan
    from flows.preflight import check_evaluation

    rows = plan(recipe.dated(today()), choice, Store.current())
    print(table([("STAGE", "KEY", "STATE", "WHY"), *((row.stage, row.key, row.state, row.why) for row in rows)]))
    for row in rows:
        if row.warning:
            print(f"warning: {row.warning}")
    check_evaluation(recipe, choice)
    return 0


def search_command(given: argparse.Namespace) -> int:
    """`textmill search`."""
    from pydantic import ValidationError

    from flows.preflight import check_search
    from flows.recipe import UnknownSetting, named, recipe_of
    from flows.recipe_errors import refusal
    from tasks.search.settings import Search

    try:
        named(each.partition("=")[0] for each in given.space)
        recipe = recipe_of(given.recipe, given.changes)
        settings = Search(
            space=tuple(given.space),
            checkpoint=given.checkpoint,
            trials=given.trials,
            seed=given.seed,
            prune=not given.no_pruning,
        )
        check_search(recipe.dated(today()), settings, Store.current())
    except ValidationError as error:
        raise BadUsage("\n  ".join(map(refusal, error.errors()))) from error
    except UnknownSetting as error:
        raise BadUsage(str(error)) from error
    from flows.cli.run import prepare
    from flows.search import search

    prepare()
    folder = Path(search(recipe, settings))
    print((folder / "best.yaml").read_text() + f"\ntrials: {folder / 'trials.svg'}")
    return 0


def settings_command(given: argparse.Namespace) -> int:
    """`textmill settings`."""
    from flows.recipe import Recipe, described

    below = f"{given.path.replace('[]', '')}." if given.path else ""
    found = [each for each in described(Recipe()) if f"{each[0].replace('[]', '')}.".startswith(below)]
    if not found:
        raise BadUsage(f"no setting below {given.path}: begin with one of {', '.join(Recipe.model_fields)}")
    for path, value, text in found:
        print(f"{path} = {value}\n    {text}")
    return 0


def ls_command(_: argparse.Namespace) -> int:
    """`textmill ls`."""
    print(inspect_store.ls(Store.current()))
    return 0


def show_command(given: argparse.Namespace) -> int:
    """`textmill show`."""
    print(inspect_store.show(Store.current(), given.key, every_setting=given.settings))
    return 0


def why_command(given: argparse.Namespace) -> int:
    """`textmill why`."""
    if "/" in given.key or "." in given.key:  # a page's address, or its file
        from flows.cli import page_trace

        print(page_trace.page(Store.current(), given.key))
    else:
        print(inspect_store.why(Store.current(), given.key, pages=given.pages))
    return 0


def query_command(given: argparse.Namespace) -> int:
    """`textmill query`."""
    from flows.cli.similar_documents import query

    if not 0 <= given.least <= 1:
        raise BadUsage(f"--least {given.least} is no similarity: give one from 0 to 1")
    print(query(Store.current(), given.text, given.key, given.least))
    return 0


def scores_command(given: argparse.Namespace) -> int:
    """`textmill scores`."""
    from flows import leaderboard

    if given.last < 1:
        raise BadUsage(f"--last {given.last}: give a whole number from 1")
    print((leaderboard.as_json if given.json else leaderboard.text)(Store.current(), given.last))
    return 0


def verify_command(given: argparse.Namespace) -> int:
    """`textmill verify`: 1 when something is wrong."""
    text, well = inspect_store.verify(Store.current(), full=given.full)
    print(text)
    return 0 if well else 1


def gc_command(given: argparse.Namespace) -> int:
    """`textmill gc`."""
    from flows.growing_corpus import newest_runs
    from flows.plan import cached_inputs
    from flows.recipe import UnknownSetting, recipe_of

    store = Store.current()
    kept_runs = [each for run in newest_runs(store) for each in run.artifacts]
    best = [each for best in store.best_models() for each in (best.model, best.evaluation)]
    needed = [*kept_runs, *best, *(each.ref for each in store.newest_artifacts().values())]
    for file in (*sorted(RECIPES.glob("*.yaml")), *given.recipe):
        try:
            needed += cached_inputs(recipe_of(file), store)
        except UnknownSetting as error:
            raise BadUsage(str(error)) from error
        except StageFailure as error:  # its pages are not on this machine, so what it needs cannot be told
            if file in given.recipe:
                raise StageFailure(f"gc: what {file} needs is not known: {error.what}", error.hint) from error
    unneeded = list(store.find_garbage(needed, drafts=given.drafts, copies=given.copies))
    if not given.drafts:
        print(inspect_store.drafts(store, needed, unneeded), end="")
    if not unneeded:
        print("nothing to remove")
        return 0
    print(inspect_store.sizes(unneeded))
    if not given.yes and not agreed(f"Remove what is listed here ({len(unneeded)})? [y/N] "):
        print("nothing was removed")
        return 0
    for each in unneeded:
        if not store.remove(each):
            print(f"{each.address} is in use and stays")
    return 0


def agreed(question: str) -> bool:
    """Ask in the terminal. Raises BadUsage when nobody is there to answer."""
    try:
        return input(question).strip().lower() in ("y", "yes")
    except (EOFError, RuntimeError, OSError) as error:  # its end; none at all (sys.stdin is None); not readable
        print()
        raise BadUsage("nobody can answer here: give --yes to remove these without being asked") from error


def demo_command(given: argparse.Namespace) -> int:
    """`textmill demo`."""
    from flows.cli.demo import demo

    return demo(given.port)


COMMANDS = {
    "run": run_command,
    "plan": plan_command,
    "search": search_command,
    "settings": settings_command,
    "ls": ls_command,
    "show": show_command,
    "why": why_command,
    "query": query_command,
    "scores": scores_command,
    "verify": verify_command,
    "gc": gc_command,
    "demo": demo_command,
}
