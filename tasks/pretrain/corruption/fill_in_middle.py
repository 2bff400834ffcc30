"""Documents turned round so that a decoder learns to fill in the middle: Bavarian et al. 2022, arXiv:2207.14255.

Shape suffixes: B rows, T places in a row.
"""

from typing import TYPE_CHECKING

import numpy as np

from tasks.errors import StageFailure
from tasks.model.vocabulary import Vocabulary
from tasks.pretrain.corruption.masking_units import Floats, Int64s, first_places, sizes

if TYPE_CHECKING:
    from tasks.pretrain.data.randomness import Randomness
    from tasks.pretrain.data.rows import Rows

MARKS = ("<fim_prefix>", "<fim_suffix>", "<fim_middle>")
ROOM = len(MARKS) + 1  # and the end of the middle
SHORTEST = 16


def marks(vocabulary: Vocabulary) -> tuple[int, int, int, int]:
    """The marks of prefix, suffix and middle, and the end token. Raises StageFailure when the tokenizer lacks one."""
    prefix, suffix, middle = map(vocabulary.token, MARKS)
    end = vocabulary.end
    if prefix is None or suffix is None or middle is None or end is None:
        raise StageFailure(
            f"filling in the middle needs {', '.join(MARKS)} and an end token, and the tokenizer lacks some",
            "Let the tokenize stage add them (missing_special: add), or set pretrain.objective.causal.infill to 0",
        )
    return prefix, suffix, middle, end


def infilled(rows: "Rows", random: "Randomness", share: float, suffix_first: float) -> Int64s:
    """The rows' tokens (B, T) with a `share` of the documents turned round, each within the places that it has.

    `prefix middle suffix` becomes `P prefix S suffix M middle <eos>`, or with the chance `suffix_first`
    `P S suffix M prefix middle <eos>` (PSM and SPM of the paper, which trains on both). The marks take the room of the
    document's last tokens. What is too short stays as it is.
    """
    prefix, suffix, middle, end = marks(rows.vocabulary)
    begins_BT = np.ones(rows.documents.shape, dtype=bool)
    begins_BT[:, 1:] = rows.documents[:, 1:] != rows.documents[:, :-1]
    firsts_BT = first_places(begins_BT)

    def lots(stream: str) -> Floats:
        """One number a document, at each of its places."""
        return np.take_along_axis(random.uniform(stream, rows.tokens.shape[1]), firsts_BT, axis=1)

    texts_BT = firsts_BT + (np.take_along_axis(rows.tokens, firsts_BT, axis=1) == rows.vocabulary.start)
    lengths_BT = sizes(firsts_BT) - (texts_BT - firsts_BT) - ROOM
    turned_BT = (rows.documents >= 0) & (lengths_BT >= SHORTEST) & (lots("infill") < share)
    cuts_BT = [(lots(stream) * (lengths_BT + 1)).astype(np.int64) for stream in ("cut", "other cut")]
    # with the suffix first, the middle is all before it
    first_BT = np.where(lots("order") < suffix_first, 0, np.minimum(*cuts_BT))
    second_BT = np.maximum(*cuts_BT)
    tails_BT = lengths_BT - second_BT
    here_BT = np.arange(rows.tokens.shape[1]) - texts_BT
    parts = [here_BT <= first_BT, here_BT <= first_BT + 1 + tails_BT]
    sources_BT = texts_BT + np.select(parts, [here_BT - 1, second_BT + here_BT - first_BT - 2], here_BT - tails_BT - 3)
    taken_BT = np.take_along_axis(rows.tokens, np.where(turned_BT, sources_BT, 0).clip(0), axis=1)
    mark_places = [0, first_BT + 1, first_BT + tails_BT + 2, lengths_BT + 3]
    marked_BT = np.select([here_BT == place for place in mark_places], [prefix, suffix, middle, end], taken_BT)
    return np.where(turned_BT & (here_BT >= 0), marked_BT, rows.tokens)
