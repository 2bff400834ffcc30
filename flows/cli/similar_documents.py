"""Which documents of a corpus are near a text."""

import re
from pathlib import Path

from flows.text_table import table
from tasks.dedup.query import find_similar
from tasks.errors import StageFailure
from tasks.store import Artifact, Store

FILE = re.compile(r"[\w.~-]*/[\w./~-]*|[\w.~-]+\.(txt|md|html?)", re.ASCII)
"""What looks like a file's name, and like no text: Chinese has no blanks, and may have a slash"""


def query(store: Store, text: str, key: str, least: float) -> str:
    """The documents as a table, the most similar first. Raises StageFailure when there is nothing to look for or in."""
    found = find_similar([each.folder for each in snapshots(store, key)], [read(text)], least)
    if not found:
        return f"no document is that near (similarity {least} or more)"
    head = ("SIMILARITY", "ID", "URL")
    return table([head, *((f"{match.similarity:.3f}", match.id, match.url) for match in found)])


def snapshots(store: Store, key: str) -> list[Artifact]:
    """A dedup artifact and those of the earlier snapshots that it adds to."""
    own = store.find("dedup", key)
    manifest = store.manifest(own.stage, own.key)
    inputs = manifest.inputs if manifest else ()
    return [*(store.find("dedup", each.key) for each in inputs if each.stage == "dedup"), own]


def read(text: str) -> str:
    """The text itself, or that of the file which it names."""
    try:
        named = Path(text).is_file()
    except (OSError, ValueError):  # too long for a file's name, or with a null byte
        named = False
    try:
        found = Path(text).read_text(encoding="utf-8") if named else text
    except (OSError, UnicodeDecodeError) as error:
        raise StageFailure(f"query: {text} cannot be read as text ({error})", "Give a file of UTF-8 text") from error
    if not named and FILE.fullmatch(text):
        raise StageFailure(f"query: there is no file {text}", "Correct the path, or give a text")
    if not found.strip():
        raise StageFailure("query: there is no text to look for", "Give a text, or a file that holds one")
    return found
