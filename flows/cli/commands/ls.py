"""`textmill ls`: the artifacts in the store."""

import argparse

from flows.text_table import format_size, format_table
from tasks.store import Store
from tasks.store.damage import list_marked

HELP = "the artifacts in the store"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add nothing: the command has no arguments."""


def run_command(_: argparse.Namespace) -> int:
    """Print a row for each artifact, oldest first."""
    print(format_artifacts(Store.current()))
    return 0


def format_artifacts(store: Store) -> str:
    """Return every artifact as a table, oldest first."""
    manifests = store.manifests()
    if not manifests:
        return f"{store.address} is empty: textmill run or textmill demo fills it"
    head = ("STAGE", "KEY", "DIGEST", "FILES", "SIZE", "SECONDS", "FINISHED", "STATE")
    marked = list_marked(store.backend, manifests)
    rows = (
        (manifest.stage, manifest.key, manifest.digest[:8], str(len(manifest.files)), format_size(manifest.bytes),
         f"{manifest.seconds:.1f}", manifest.finished[:19].replace("T", " "),
         "corrupt" if (manifest.stage, manifest.key) in marked else "incomplete" if manifest.incomplete else "")
        for manifest in manifests
    )  # fmt: skip
    return format_table([head, *rows])
