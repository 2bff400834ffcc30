"""Sources of pages: one file, one source."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

from tasks.block import Block
from tasks.crawl.counters import Tally, format_counts
from tasks.crawl.sizes import ShardSize
from tasks.errors import StageFailure
from tasks.store import Artifact, Draft

OnBroken = Literal["fail", "skip"]  # what an `on_error` setting may say


class FileTrace(NamedTuple):
    """The result that a crawl has for a file."""

    omission: str = ""
    """why it, or which rows of it, gave no page"""
    first_row: str = ""
    """the URL of the first row that is a page, of a table"""


class Source(Block, ABC):
    """A source of pages."""

    @abstractmethod
    def collect(self, draft: Draft, size: ShardSize, previous: Artifact | None = None) -> Tally:
        """Fill `draft.path` with `warc/` and `index/`, and count what was stored and skipped.

        `previous` is the crawl of the previous snapshot: a source that can ask whether a page changed does so. Called
        again after a kill, it resumes. Raises StageFailure when there is no page at all, and Transient when trying
        again may help.
        """

    def resolve_url(self, name: str) -> str:
        """Return the URL of a page that a user names by its URL or otherwise, such as by its file."""
        return name

    def trace_file(self, name: str) -> FileTrace:
        """Return what a crawl makes of a file that a user names; nothing where that is not known."""
        del name
        return FileTrace()


def collect_shards(
    draft: Draft,
    function: Callable[..., dict[str, Any]],
    shards: Mapping[str, tuple[Any, ...]],
    label: str,
    tally: Tally,
    source: str,
    setting: str,
) -> Tally:
    """Run `function` for each shard and add its counts to the tally.

    Raises StageFailure, naming the source and its setting, when no shard has a page.
    """
    for counts in draft.map(function, shards, label).values():
        tally.merge(counts)
    if not tally.pages:
        raise StageFailure(f"{source} holds no page ({format_counts(tally.skipped)})", f"Choose another {setting}")
    return tally
