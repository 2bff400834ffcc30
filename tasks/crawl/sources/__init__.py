"""Where pages come from: one file, one source."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

from tasks.block import Block
from tasks.crawl.counters import Tally, format_counts
from tasks.crawl.sizes import ShardSize
from tasks.errors import StageFailure
from tasks.store import Artifact, Draft


class Source(Block, ABC):
    """Where pages come from."""

    @abstractmethod
    def collect(self, draft: Draft, size: ShardSize, earlier: Artifact | None = None) -> Tally:
        """Fill `draft.path` with `warc/` and `index/`, and count what was stored and skipped.

        `earlier` is the crawl of the snapshot before this one: a source that can ask whether a page changed does.

        Called again after a kill it goes on where it was. Raises StageFailure when there is no page at all, and
        Transient when that may heal.
        """

    def address(self, given: str) -> str:
        """The URL of the page that somebody means, who may call it by another name, such as its file's."""
        return given

    def why_left_out(self, given: str) -> str:
        """Why what somebody means gave no page; empty where that is not known."""
        del given
        return ""


def collect_shards(
    draft: Draft,
    function: Callable[..., dict[str, Any]],
    shards: Mapping[str, tuple[Any, ...]],
    label: str,
    tally: Tally,
    what: str,
    setting: str,
) -> Tally:
    """Run `function` for each shard and add what they count to the tally. Raises StageFailure when there is no page."""
    for counts in draft.map(function, shards, label).values():
        tally.merge(counts)
    if not tally.pages:
        raise StageFailure(f"{what} holds no page ({format_counts(tally.skipped)})", f"Choose another {setting}")
    return tally
