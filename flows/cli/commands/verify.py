"""`textmill verify`: check the artifacts' files."""

import argparse

from tasks.store import Store
from tasks.store.records import ADVICE

HELP = "check the artifacts' files"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add how thoroughly files are checked."""
    parser.add_argument("--full", action="store_true", help="read every file and compare its sha256")


def run_command(arguments: argparse.Namespace) -> int:
    """Print a line for each problem; the exit code is 1 when there is one."""
    store = Store.current()
    manifests = store.manifests()
    problems = [problem for manifest in manifests for problem in store.find_problems(manifest, full=arguments.full)]
    problems += [f"{store.address}/{file.name} is corrupt. {ADVICE[file.kind]}" for file in store.find_unreadable()]
    extent = "sha256" if arguments.full else "names and sizes"
    print("\n".join([*problems, f"{len(manifests)} artifacts, {len(problems)} problems ({extent} checked)"]))
    return 1 if problems else 0
