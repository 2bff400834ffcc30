"""`textmill similar`: the documents of a corpus that are similar to a text."""

import argparse
import re
from pathlib import Path

from flows.cli.errors import BadUsage
from flows.text_table import format_table
from tasks.errors import StageFailure
from tasks.store import Artifact, Store

HELP = "the documents that are similar to a text, after dedup"
FILE_NAME = re.compile(r"[\w.~-]*/[\w./~-]*|[\w.~-]+\.(txt|md|html?)", re.ASCII)
"""A text that is meant as the name of a file. ASCII only: Chinese has no blanks, and a text of it may have a slash"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the text, the documents that it is compared with, and the threshold."""
    parser.add_argument("text", metavar="TEXT", help="a text, or the name of a file that holds one")
    parser.add_argument("--artifact", metavar="KEY", default="newest",
                        help="the dedup artifact to search, with its previous snapshots (default: newest)")  # fmt: skip
    parser.add_argument("--min-similarity", type=float, default=0.5, metavar="SIMILARITY",
                        help="minimum Jaccard similarity of the word n-grams, 0 to 1 (default: 0.5)")  # fmt: skip


def run_command(arguments: argparse.Namespace) -> int:
    """Print the documents, the most similar first."""
    if not 0 <= arguments.min_similarity <= 1:
        raise BadUsage(f"--min-similarity {arguments.min_similarity}: give a similarity from 0 to 1")
    print(format_similar(Store.current(), arguments.text, arguments.artifact, arguments.min_similarity))
    return 0


def format_similar(store: Store, text: str, key: str, min_similarity: float) -> str:
    """Return the similar documents as a table, the most similar first.

    Raises StageFailure when there is no text or no dedup artifact.
    """
    from tasks.dedup.query import find_similar

    folders = [artifact.folder for artifact in find_snapshots(store, key)]
    matches = find_similar(folders, [read_text(text)], min_similarity)
    if not matches:
        return f"no document is that similar (similarity {min_similarity} or more)"
    rows = ((f"{match.similarity:.3f}", match.id, match.url) for match in matches)
    return format_table([("SIMILARITY", "ID", "URL"), *rows])


def find_snapshots(store: Store, key: str) -> list[Artifact]:
    """Return a dedup artifact and those of the previous snapshots that it adds to, oldest first."""
    own = store.find("dedup", key)
    manifest = store.manifest(own.stage, own.key)
    inputs = manifest.inputs if manifest else ()
    return [*(store.find("dedup", source.key) for source in inputs if source.stage == "dedup"), own]


def read_text(text: str) -> str:
    """Return the text itself, or that of the file which it names. Raises StageFailure."""
    try:
        is_file = Path(text).is_file()
    except (OSError, ValueError):  # too long for a file's name, or with a null byte
        is_file = False
    try:
        content = Path(text).read_text(encoding="utf-8") if is_file else text
    except (OSError, UnicodeDecodeError) as error:
        raise StageFailure(f"similar: {text} cannot be read as text ({error})", "Give a file of UTF-8 text") from error
    if not is_file and FILE_NAME.fullmatch(text):
        raise StageFailure(f"similar: there is no file {text}", "Correct the path, or give a text")
    if not content.strip():
        raise StageFailure("similar: the text is empty", "Give a text, or a file that holds one")
    return content
