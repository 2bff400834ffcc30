"""Where pages come from: one file, one source."""

from abc import ABC, abstractmethod

from tasks.block import Block
from tasks.crawl.sizes import ShardSize
from tasks.crawl.tally import Tally
from tasks.draft import Draft


class Source(Block, ABC):
    """Where pages come from."""

    @abstractmethod
    def collect(self, draft: Draft, size: ShardSize) -> Tally:
        """Fill `draft.path` with `warc/` and `index/`, and count what was stored and skipped.

        Called again after a kill it goes on where it was. Raises StageFailure when there is no page at all, and
        Transient when that may heal.
        """
