"""Best-fit packing: many documents into few rows of one length."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Plan:
    """Which piece of which document stands where. Pieces are sorted by row, then by their place in it."""

    document: Int64s
    begin: Int64s
    length: Int64s
    first: Int64s
    """pieces of row r are first[r] up to first[r + 1]"""

    @property
    def num_rows(self) -> int:
        return len(self.first) - 1


def pieces_of(lengths: Int64s, most: int) -> tuple[Int64s, Int64s, Int64s]:
    """Cut documents into pieces of at most `most` tokens: document, begin and length of each piece."""
    counts = -(-lengths // most)
    document = np.repeat(np.arange(len(lengths)), counts)
    number = np.arange(len(document)) - np.repeat(np.cumsum(counts) - counts, counts)
    begin = number * most
    return document, begin, np.minimum(lengths[document] - begin, most)


def best_fit(lengths: Int64s, capacity: int) -> Int64s:
    """The row of each piece by best-fit decreasing: longest first, each into the fullest row that still has room.

    Rows with equal room are alike, so whole groups of equal pieces are placed at once: the time hardly depends on
    the number of pieces.
    """
    row_of = np.empty(len(lengths), dtype=np.int64)
    order = np.argsort(-lengths, kind="stable")
    descending = lengths[order]
    room: dict[int, list[Int64s]] = {}
    num_rows = 0
    for length in np.unique(lengths)[::-1].tolist():
        low, high = np.searchsorted(-descending, [-length, -length + 1])
        waiting = order[low:high]
        while len(waiting):
            fits = min((left for left in room if left >= length), default=None)
            if fits is None:
                # a new row takes as many of these as it can before the next one is opened
                opened = -(-len(waiting) // (capacity // length))
                room[capacity] = [np.arange(num_rows, num_rows + opened)]
                num_rows += opened
                continue
            rows = np.concatenate(room.pop(fits))
            taken, left_over = rows[: len(waiting)], rows[len(waiting) :]
            row_of[waiting[: len(taken)]] = taken
            waiting = waiting[len(taken) :]
            if len(left_over):
                room[fits] = [left_over]
            if fits > length:
                room.setdefault(fits - length, []).append(taken)
    return row_of


def packed(lengths: Int64s, row_length: int, extra: int = 0) -> Plan:
    """Plan rows of `row_length` for documents of these lengths; each piece takes `extra` places more than its tokens.

    Every token stands in exactly one row.
    """
    document, begin, length = pieces_of(lengths, row_length - extra)
    row = best_fit(length + extra, row_length)
    order = np.argsort(row, kind="stable")
    num_rows = int(row.max()) + 1 if len(row) else 0
    first = np.searchsorted(row[order], np.arange(num_rows + 1))
    return Plan(document[order], begin[order], length[order], first)
