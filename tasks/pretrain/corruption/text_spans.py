"""The texts of packed rows, each to become one embedding: documents or sentences, so many a row.

Shape suffixes: B rows, T places in a row.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tasks.pretrain.corruption.masking_units import Bools, Int64s, first_places, sizes
from tasks.pretrain.data.arrays import Arrays

if TYPE_CHECKING:
    from tasks.pretrain.data.randomness import Randomness
    from tasks.pretrain.data.rows import Rows

NONE = -1


@dataclass(frozen=True)
class Texts:
    """Of each place (B, T): the first place of its text, and the text's number in the row, NONE where it has none."""

    firsts: Int64s
    numbers: Int64s

    def lots(self, random: "Randomness", stream: str) -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]]":
        """A random number of each text, at all its places."""
        return np.take_along_axis(random.uniform(stream, self.firsts.shape[1]), self.firsts, axis=1)


def texts_of(rows: "Rows", begins_BT: Bools, most: int, shortest: int) -> Texts:
    """The first `most` texts of each row with `shortest` tokens; they begin where documents do, and at `begins`."""
    begins_BT = begins_BT.copy()
    begins_BT[:, 0] = True
    begins_BT[:, 1:] |= rows.documents[:, 1:] != rows.documents[:, :-1]
    firsts_BT = first_places(begins_BT)
    good_BT = (rows.documents >= 0) & (sizes(firsts_BT) >= shortest)
    numbers_BT = np.cumsum(begins_BT & good_BT, axis=1) - 1
    return Texts(firsts_BT, np.where(good_BT & (numbers_BT < most), numbers_BT, NONE))


def view(rows: "Rows", texts: Texts, kept_BT: Bools) -> Arrays:
    """The rows with each text a document of its own; what is not kept, or is of no text, counts as padding."""
    kept_BT = kept_BT & (texts.numbers >= 0)
    sums_BT = np.cumsum(kept_BT, axis=1)
    before_BT: Int64s = np.take_along_axis(sums_BT - kept_BT, texts.firsts, axis=1)
    return {
        "tokens": rows.tokens,
        "positions": np.where(kept_BT, sums_BT - 1 - before_BT, 0),
        "documents": np.where(kept_BT, texts.numbers, NONE),
    }
