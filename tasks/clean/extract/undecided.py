"""Pages that could not be read because of the machine: listed in the artifact, and tried again by the next build.

A page is decided when it fails by itself: it takes too long, or crashes the process that reads it, twice. A page that
is undecided in MAX_BUILDS builds of an artifact, each time also alone, is decided too: else one page that needs more
memory than the machine has would keep the artifact incomplete for ever.
"""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.clean.extract.unusable import UNDECIDED_REASON, UndecidedPage

Row = dict[str, Any]
MAX_BUILDS = 3
UNDECIDED_FOLDER = "undecided"
UNDECIDED_SCHEMA = pa.schema([("url", pa.string()), ("reason", pa.string()), ("builds", pa.int32())])


def load_undecided(artifact: Path | None, name: str) -> dict[str, int]:
    """Return the undecided pages of one shard of an artifact: URL → number of builds in which it was undecided."""
    file = artifact / UNDECIDED_FOLDER / name if artifact else None
    if file is None or not file.exists():
        return {}
    return {row["url"]: row["builds"] for row in pq.read_table(file).to_pylist()}


class UndecidedPages:
    """The undecided pages of one shard."""

    def __init__(self, previous: dict[str, int]) -> None:
        self.previous = previous
        self.rows: list[Row] = []

    def add(self, url: str, page: UndecidedPage) -> str:
        """Count a page that was undecided once more; return the reason to list it with."""
        builds = self.previous.get(url, 0) + 1
        if builds >= MAX_BUILDS:
            return f"{page}, in {MAX_BUILDS} builds"
        self.rows.append({"url": url, "reason": str(page), "builds": builds})
        return f"{UNDECIDED_REASON}{page}"

    def write(self, folder: Path, name: str) -> None:
        """Write the shard's file, unless no page is undecided."""
        if self.rows:
            (folder / UNDECIDED_FOLDER).mkdir(exist_ok=True)
            pq.write_table(pa.Table.from_pylist(self.rows, UNDECIDED_SCHEMA), folder / UNDECIDED_FOLDER / name)
