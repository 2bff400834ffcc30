"""`textmill verify`: check the artifacts' files."""

import argparse

from flows.text_table import format_size
from tasks.errors import StageFailure
from tasks.store import Store
from tasks.store.manifest import Manifest
from tasks.store.records import ADVICE

HELP = "check the artifacts' files; what is corrupt does not count as built any more, so that the next run repairs it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add how thoroughly files are checked."""
    parser.add_argument("--full", action="store_true", help="read every file and compare its sha256")


def run_command(arguments: argparse.Namespace) -> int:
    """Print a line for each problem and what follows from it; the exit code is 1 when there is one."""
    store = Store.current()
    if not store.exists():
        raise StageFailure(f"there is no store in {store.address}", "Give its folder with --store or TEXTMILL_STORE")
    manifests = store.manifests()
    num_problems = 0
    for manifest in manifests:
        problems = store.find_problems(manifest, full=arguments.full)
        num_problems += len(problems)
        if problems:
            print("\n".join([*problems, *describe_consequences(store, manifest)]))
    unreadable = store.find_unreadable()
    for file in unreadable:
        print(f"{store.address}/{file.name} is corrupt. {ADVICE[file.kind]}")
    num_problems += len(unreadable)
    for leftover in store.find_leftovers():
        size = format_size(leftover.bytes)
        print(f"{leftover.address} is left over from an interrupted run ({size}): textmill gc removes it")
    extent = "sha256" if arguments.full else "names and sizes"
    print(f"{len(manifests)} artifacts, {num_problems} problems ({extent} checked)")
    return 1 if num_problems else 0


def describe_consequences(store: Store, manifest: Manifest) -> list[str]:
    """Say what to do about a corrupt artifact, and what becomes of each artifact that was built on it."""
    lines = [
        f"    {manifest.stage} {manifest.key} does not count as built: textmill run with its recipe builds it again"
    ]
    for descendant in store.find_descendants(manifest):
        is_child = any(ref.key == manifest.key for ref in descendant.inputs)
        if not is_child:
            state = "built again if its own inputs change"
        elif descendant.read_digests is None:
            state = "may have read the corrupt file, so it is built again too"
        else:
            state = "stays valid, since it read the right bytes"
        lines.append(f"    built on it: {descendant.stage} {descendant.key}, {state}")
    return lines
