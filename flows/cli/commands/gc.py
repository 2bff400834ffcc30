"""`textmill gc`: remove artifacts that nothing needs."""

import argparse
from collections.abc import Iterable
from pathlib import Path

from flows.cli.errors import BadUsage
from flows.cli.recipe_options import RECIPES
from flows.text_table import format_size, format_table
from tasks.errors import StageFailure
from tasks.store import Store
from tasks.store.garbage import GarbageCandidate
from tasks.store.manifest import ArtifactRef
from tasks.store.records import ADVICE, UnreadableFile

HELP = "remove what neither the newest artifacts nor a shipped recipe need; asks first"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what is removed beside artifacts, and what is kept."""
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument(
        "--drafts",
        action="store_true",
        help="also the drafts of runs that were interrupted within the last 14 days and could be continued",
    )
    parser.add_argument(
        "--cache", action="store_true", help="also what was fetched from an s3:// store to this machine"
    )
    parser.add_argument("--recipe", type=Path, action="append", default=[], metavar="FILE",
                        help="a further recipe whose artifacts are kept")  # fmt: skip


def run_command(arguments: argparse.Namespace) -> int:
    """List what can be removed, ask, and remove it."""
    store = Store.current()
    needed = list_needed(store, arguments.recipe)
    garbage = list(store.find_garbage(needed, drafts=arguments.drafts, copies=arguments.cache))
    unreadable = store.find_unreadable()
    if not arguments.drafts:
        print(format_kept_drafts(store, needed, garbage), end="")
    garbage = spare_artifacts(garbage, unreadable) if unreadable else garbage
    records = [file for file in unreadable if file.kind != "manifest"]
    for file in unreadable:
        print(f"{store.address}/{file.name} is corrupt. {ADVICE[file.kind]}.")
    if unreadable:
        print("What these need is not known, so artifacts are kept this time. Run gc again when they are gone.\n")
    if not garbage and not records:
        print("nothing to remove")
        return 0
    print("\n".join([*format_candidates(garbage).splitlines(), *(f"{store.address}/{file.name}" for file in records)]))
    number = len(garbage) + len(records)
    if not arguments.yes and not ask_to_confirm(f"Remove what is listed here ({number})? [y/N] "):
        print("nothing was removed")
        return 0
    for candidate in garbage:
        if not store.remove(candidate):
            print(f"{candidate.address} is in use and kept")
    for file in records:
        if not store.remove_unreadable(file):
            print(f"{store.address}/{file.name} was written again and is kept")
    return 0


def spare_artifacts(
    garbage: Iterable[GarbageCandidate], unreadable: Iterable[UnreadableFile]
) -> list[GarbageCandidate]:
    """Return what can be removed though records are corrupt: no artifact but those whose own manifest is corrupt."""
    corrupt_manifests = {file.name.rpartition("/")[0] for file in unreadable if file.kind == "manifest"}
    return [
        candidate
        for candidate in garbage
        if not candidate.is_artifact or f"{candidate.stage}/{candidate.key}" in corrupt_manifests
    ]


def list_needed(store: Store, recipes: list[Path]) -> list[ArtifactRef]:
    """List the artifacts of the newest runs, the best models, the newest of each stage, and those of recipes.

    Raises BadUsage or StageFailure for a recipe whose artifacts cannot be known.
    """
    from flows.growing_corpus import find_newest_runs
    from flows.plan import list_cached_artifacts
    from flows.recipe import UnknownSetting, load_recipe

    needed = [artifact for run in find_newest_runs(store) for artifact in run.artifacts]
    needed += [ref for best in store.best_models() for ref in (best.model, best.evaluation)]
    needed += [artifact.ref for artifact in store.newest_artifacts().values()]
    for file in (*sorted(RECIPES.glob("*.yaml")), *recipes):
        try:
            needed += list_cached_artifacts(load_recipe(file), store)
        except UnknownSetting as error:
            raise BadUsage(str(error)) from error
        except StageFailure as error:
            # a shipped recipe whose pages are not on this machine has no artifacts here; one that was named may have
            if file in recipes:
                raise StageFailure(f"gc: what {file} needs is not known: {error.what}", error.hint) from error
    return needed


def format_candidates(garbage: Iterable[GarbageCandidate]) -> str:
    """Return what can be removed, and how large it is."""
    return format_table((candidate.address, format_size(candidate.bytes)) for candidate in garbage)


def format_kept_drafts(store: Store, needed: Iterable[ArtifactRef], garbage: Iterable[GarbageCandidate]) -> str:
    """Return the drafts that are kept, and how to remove them; empty when there are none."""
    removed = {candidate.address for candidate in garbage}
    kept = [candidate for candidate in store.find_garbage(needed, drafts=True) if candidate.address not in removed]
    if not kept:
        return ""
    note = "drafts of runs that are under way or can be continued: gc --drafts removes those that no run holds"
    return f"{format_candidates(kept)}\n{note}\n\n"


def ask_to_confirm(question: str) -> bool:
    """Ask in the terminal. Raises BadUsage when no one can answer."""
    try:
        return input(question).strip().lower() in ("y", "yes")
    except (EOFError, RuntimeError, OSError) as error:  # its end; none at all (sys.stdin is None); not readable
        print()
        raise BadUsage("no one can answer here: give --yes to remove these without being asked") from error
