"""Best-fit packing: many documents into few rows of one length."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True)
class PackingPlan:
    """The pieces of documents that each row holds, sorted by row, then by their order in it."""

    document: Int64s
    """index of each piece's document"""
    start: Int64s
    """offset of each piece in its document, in tokens"""
    length: Int64s
    """tokens in each piece"""
    row_starts: Int64s
    """row r holds the pieces from row_starts[r] up to row_starts[r + 1]"""

    @property
    def num_rows(self) -> int:
        return len(self.row_starts) - 1


def split_documents(lengths: Int64s, max_tokens: int) -> tuple[Int64s, Int64s, Int64s]:
    """Split documents into pieces of at most `max_tokens` tokens; return each piece's document, start and length."""
    # The negated floor division rounds up. An empty document has no piece.
    counts = -(-lengths // max_tokens)
    document = np.repeat(np.arange(len(lengths)), counts)
    # The running number, less that of the document's first piece.
    index_in_document = np.arange(len(document)) - np.repeat(np.cumsum(counts) - counts, counts)
    # All pieces but a document's last are full, and fill a row each.
    start = index_in_document * max_tokens
    return document, start, np.minimum(lengths[document] - start, max_tokens)


def assign_rows(lengths: Int64s, capacity: int) -> Int64s:
    """Return the row of each piece by best-fit decreasing: longest first, each into the fullest row with room.

    Rows with equal room are interchangeable, so groups of pieces of one length are placed together: the time hardly
    depends on the number of pieces.
    """
    # Descending by negation, so that the sort can be stable: equal pieces keep the order of their documents, and the
    # plan is the same everywhere.
    row_of = np.empty(len(lengths), dtype=np.int64)
    order = np.argsort(-lengths, kind="stable")
    descending = lengths[order]
    # free tokens → the rows that have as many
    room: dict[int, list[Int64s]] = {}
    num_rows = 0
    for length in np.unique(lengths)[::-1].tolist():
        # the pieces of this length
        # -descending ascends, as searchsorted needs it.
        low, high = np.searchsorted(-descending, [-length, -length + 1])
        waiting = order[low:high]
        while len(waiting):
            # At most `capacity` different sizes of room, however many rows: this search stays short.
            best_room = min((free for free in room if free >= length), default=None)
            if best_room is None:
                # best fit fills a new row with pieces of this length before it opens the next one
                num_new_rows = -(-len(waiting) // (capacity // length))
                room[capacity] = [np.arange(num_rows, num_rows + num_new_rows)]
                num_rows += num_new_rows
                continue
            # each of these rows takes one of the waiting pieces and moves to the list of what is then free
            rows = np.concatenate(room.pop(best_room))
            used_rows, unused_rows = rows[: len(waiting)], rows[len(waiting) :]
            row_of[waiting[: len(used_rows)]] = used_rows
            waiting = waiting[len(used_rows) :]
            if len(unused_rows):
                room[best_room] = [unused_rows]
            if best_room > length:
                room.setdefault(best_room - length, []).append(used_rows)
    return row_of


def plan_rows(lengths: Int64s, row_length: int, extra: int = 0) -> PackingPlan:
    """Plan rows of `row_length` tokens for documents of these lengths; every token is in exactly one row.

    Each piece needs `extra` positions beside its tokens, e.g. 1 for a start token.
    """
    # `extra` shortens the pieces here, and is added to their lengths where rows are filled.
    document, start, length = split_documents(lengths, row_length - extra)
    row = assign_rows(length + extra, row_length)
    order = np.argsort(row, kind="stable")
    num_rows = int(row.max()) + 1 if len(row) else 0
    # Rows are numbered without gaps, so the offsets of all of them are found at once.
    row_starts = np.searchsorted(row[order], np.arange(num_rows + 1))
    return PackingPlan(document[order], start[order], length[order], row_starts)
