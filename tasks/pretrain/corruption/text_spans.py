"""The texts of packed rows that become one embedding each: documents or sentences, up to a number a row.

Shape suffixes: B rows, T positions in a row.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tasks.pretrain.corruption.masking_units import Bools, Int64s, find_unit_starts, measure_units
from tasks.pretrain.data.arrays import Arrays
from tasks.pretrain.data.randomness import Randomness

if TYPE_CHECKING:  # settings load without pyarrow
    from tasks.pretrain.data.rows import Rows

NO_TEXT = -1


@dataclass(frozen=True)
class TextSpans:
    """The text of each position of packed rows."""

    starts: Int64s
    """position at which the text starts (B, T)"""
    indices: Int64s
    """index of the text within the row (B, T), NO_TEXT where the position is in none"""

    def draw_uniform(self, random: Randomness, stream: str) -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]]":
        """Draw one number from [0, 1) for each text, repeated at its positions (B, T)."""
        return np.take_along_axis(random.uniform(stream, self.starts.shape[1]), self.starts, axis=1)


def find_texts(rows: "Rows", is_start_BT: Bools, max_texts: int, min_tokens: int) -> TextSpans:
    """Find the first `max_texts` texts of each row that have at least `min_tokens` tokens.

    Texts start where documents do, and where `is_start_BT` is set.
    """
    is_start_BT = is_start_BT.copy()
    is_start_BT[:, 0] = True
    is_start_BT[:, 1:] |= rows.documents[:, 1:] != rows.documents[:, :-1]
    starts_BT = find_unit_starts(is_start_BT)
    long_enough_BT = (rows.documents >= 0) & (measure_units(starts_BT) >= min_tokens)
    # counts texts that are long enough, so that short ones use up none of a row's `max_texts`
    indices_BT = np.cumsum(is_start_BT & long_enough_BT, axis=1) - 1
    return TextSpans(starts_BT, np.where(long_enough_BT & (indices_BT < max_texts), indices_BT, NO_TEXT))


def build_view(rows: "Rows", texts: TextSpans, kept_BT: Bools) -> Arrays:
    """Return the rows with each text as a document; positions that are not kept, or in no text, become padding."""
    kept_BT = kept_BT & (texts.indices >= 0)
    kept_so_far_BT = np.cumsum(kept_BT, axis=1)
    # Kept positions of the row in front of the text: the text's own positions count from 0.
    kept_before_text_BT: Int64s = np.take_along_axis(kept_so_far_BT - kept_BT, texts.starts, axis=1)
    return {
        "tokens": rows.tokens,
        "positions": np.where(kept_BT, kept_so_far_BT - 1 - kept_before_text_BT, 0),
        "documents": np.where(kept_BT, texts.indices, NO_TEXT),
    }
