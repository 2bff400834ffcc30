"""What `textmill` understands. Exit codes: 0 done, 1 a stage failed, 2 bad usage."""

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from flows import look
from tasks.failure import StageFailure
from tasks.store import Store

if TYPE_CHECKING:
    from flows.chain import Choice
    from flows.recipe import Recipe

STAGES = ("crawl", "extract", "clean", "dedup", "tokenize", "pretrain", "evaluate")
FLOWS = tuple(name for name in STAGES if name != "extract")  # the clean flow extracts too
RECIPES = Path(__file__).parents[1] / "deployments" / "recipes"


class BadUsage(Exception):
    """The command's words are off."""


def parser() -> argparse.ArgumentParser:
    """Every command and its options."""
    top = argparse.ArgumentParser(prog="textmill", description="Web pages → an evaluated language model.")
    top.add_argument("--store", metavar="FOLDER", help="the store (default: TEXTMILL_STORE, else ./store)")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, text: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text)
        made.add_argument("--store", metavar="FOLDER", default=argparse.SUPPRESS, help="the store")
        return made

    run = command("run", "run the pipeline, or one stage, doing only what is not in the store")
    run.add_argument(
        "stage", nargs="?", choices=FLOWS, metavar="STAGE", help=f"one of {', '.join(FLOWS)}; clean extracts too"
    )
    run.add_argument("--input", metavar="KEY", default="newest", help="for one stage: the artifact that it takes")
    plan = command(
        "plan",
        "each stage and why: cached, run (will be built), depends (on what an earlier stage gives), stored (taken from "
        "the store as asked), missing (asked from the store, and not there), skip (not asked for)",
    )
    for made in (run, plan):
        made.add_argument("--recipe", type=Path, metavar="FILE", help="settings that differ from the defaults (YAML)")
        made.add_argument("--set", dest="changes", action="append", default=[], metavar="SETTING=VALUE",
                          help="one setting, e.g. clean.filters.length.fewest=50; may be repeated")  # fmt: skip
        made.add_argument("--from", dest="from_stage", default="", choices=STAGES, metavar="STAGE",
                          help="build this stage and all after it again; those before come from the store")  # fmt: skip
        made.add_argument("--only", action="append", default=[], choices=STAGES, metavar="STAGE",
                          help="run only this stage, what it needs comes from the store; may be repeated")  # fmt: skip
        made.add_argument("--force", action="append", default=[], choices=STAGES, metavar="STAGE",
                          help="build again though cached; may be repeated")  # fmt: skip
    settings = command("settings", "every setting: its default and what it is for")
    settings.add_argument("path", nargs="?", default="", help="only those below this path, e.g. clean.filters")
    command("ls", "the artifacts in the store")
    show = command("show", "one artifact: settings, counts, files")
    why = command("why", "where an artifact comes from, back to the pages; or why a page was dropped")
    for made, what in (
        (show, "an artifact's key, or its first digits"),
        (why, "an artifact's key, or a page's address"),
    ):
        made.add_argument("key", metavar="KEY", help=what)
    why.add_argument("--pages", action="store_true", help="list the address of every document behind it")
    verify = command("verify", "check the artifacts' files")
    verify.add_argument("--full", action="store_true", help="read every file and compare its sha256")
    gc = command("gc", "remove what neither the newest artifacts nor a shipped recipe need; asks first")
    gc.add_argument("--yes", action="store_true", help="do not ask")
    gc.add_argument("--drafts", action="store_true", help="also what interrupted runs left to go on from")
    gc.add_argument("--recipe", type=Path, action="append", default=[], metavar="FILE",
                    help="a further recipe whose artifacts are kept")  # fmt: skip
    demo = command("demo", "from this Python's documentation to an evaluated model, offline, in some minutes")
    demo.add_argument(
        "--port", type=int, help="where the site is served on 127.0.0.1 (default: TEXTMILL_DEMO_PORT, else 8420)"
    )
    return top


def run(words: Sequence[str]) -> int:
    """Carry out a command and return its exit code."""
    given = parser().parse_args(words)
    if given.store:
        os.environ["TEXTMILL_STORE"] = given.store
    try:
        return COMMANDS[given.command](given)
    except BadUsage as error:
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
    except KeyboardInterrupt:
        print("textmill: interrupted; the same command goes on from here", file=sys.stderr)
        return 130


def chosen(given: argparse.Namespace) -> "tuple[Recipe, Choice]":
    """The recipe and the choice of stages that the options name. Raises BadUsage."""
    from flows.chain import Choice
    from flows.recipe import UnknownSetting, recipe_of

    try:
        return recipe_of(given.recipe, given.changes), Choice(given.from_stage, tuple(given.only), tuple(given.force))
    except (UnknownSetting, ValueError) as error:
        raise BadUsage(str(error)) from error


def run_command(given: argparse.Namespace) -> int:
    """`textmill run`."""
    if not given.stage and given.input != "newest":
        raise BadUsage("--input goes with one stage, e.g. textmill run clean --input KEY")
    recipe, choice = chosen(given)
    from flows.live import ended, run_pipeline, run_stage

    started = time.time()
    if given.stage:
        if given.only or given.from_stage:
            raise BadUsage(f"--only and --from choose among all stages; here {given.stage} alone is run")
        artifacts = run_stage(given.stage, recipe, given.input, force=given.stage in given.force)
    else:
        artifacts = run_pipeline(recipe, choice)
    print(ended(artifacts, started))
    return 0


def plan_command(given: argparse.Namespace) -> int:
    """`textmill plan`."""
    recipe, choice = chosen(given)
    from flows.crawl import today
    from flows.plan import plan

    rows = plan(recipe.dated(today()), choice, Store.current())
    print(look.table([("STAGE", "KEY", "STATE", "WHY"), *((row.stage, row.key, row.state, row.why) for row in rows)]))
    for row in rows:
        if row.warning:
            print(f"warning: {row.warning}")
    return 0


def settings_command(given: argparse.Namespace) -> int:
    """`textmill settings`."""
    from flows.recipe import Recipe, described

    found = [each for each in described(Recipe()) if f"{each[0]}.".startswith(f"{given.path}." if given.path else "")]
    if not found:
        raise BadUsage(f"no setting below {given.path}: begin with one of {', '.join(Recipe.model_fields)}")
    for path, value, text in found:
        print(f"{path} = {json.dumps(value, ensure_ascii=False)}\n    {text}")
    return 0


def ls_command(_: argparse.Namespace) -> int:
    """`textmill ls`."""
    print(look.ls(Store.current()))
    return 0


def show_command(given: argparse.Namespace) -> int:
    """`textmill show`."""
    print(look.show(Store.current(), given.key))
    return 0


def why_command(given: argparse.Namespace) -> int:
    """`textmill why`."""
    if "://" in given.key:
        from flows import trace

        print(trace.page(Store.current(), given.key))
    else:
        print(look.why(Store.current(), given.key, pages=given.pages))
    return 0


def verify_command(given: argparse.Namespace) -> int:
    """`textmill verify`: 1 when something is wrong."""
    text, well = look.verify(Store.current(), full=given.full)
    print(text)
    return 0 if well else 1


def gc_command(given: argparse.Namespace) -> int:
    """`textmill gc`."""
    from flows.corpus import newest_runs
    from flows.plan import cached_inputs
    from flows.recipe import UnknownSetting, recipe_of

    store = Store.current()
    kept_runs = [each for run in newest_runs(store) for each in run.artifacts]
    needed = [*kept_runs, *(each.as_input for each in store.newest().values())]
    for file in (*sorted(RECIPES.glob("*.yaml")), *given.recipe):
        try:
            needed += cached_inputs(recipe_of(file), store)
        except UnknownSetting as error:
            raise BadUsage(str(error)) from error
        except StageFailure as error:  # its pages are not on this machine, so what it needs cannot be told
            if file in given.recipe:
                raise StageFailure(f"gc: what {file} needs is not known: {error.what}", error.mend) from error
    folders = list(look.unneeded(store, needed, drafts=given.drafts))
    if not folders:
        print("nothing to remove")
        return 0
    print(look.table((str(folder), look.size(look.folder_size(folder))) for folder, _ in folders))
    if not given.yes and not agreed(f"Remove these {len(folders)} folders? [y/N] "):
        print("nothing was removed; --yes removes without asking")
        return 0
    for folder, lock in folders:
        if not look.remove(store, folder, lock):
            print(f"{folder} is in use and stays")
    return 0


def agreed(question: str) -> bool:
    """Ask in the terminal; nobody there to answer means no."""
    try:
        return input(question).strip().lower() in ("y", "yes")
    except EOFError:
        return False


def demo_command(given: argparse.Namespace) -> int:
    """`textmill demo`."""
    from flows.demo import demo

    return demo(given.port)


COMMANDS = {
    "run": run_command,
    "plan": plan_command,
    "settings": settings_command,
    "ls": ls_command,
    "show": show_command,
    "why": why_command,
    "verify": verify_command,
    "gc": gc_command,
    "demo": demo_command,
}
