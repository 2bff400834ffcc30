"""Reorder documents so that a decoder learns to fill in the middle: Bavarian et al. 2022, arXiv:2207.14255.

Shape suffixes: B rows, T positions in a row.
"""

from typing import TYPE_CHECKING

import numpy as np

from tasks.errors import StageFailure
from tasks.model.vocabulary import Vocabulary
from tasks.pretrain.corruption.masking_units import Floats, Int64s, find_unit_starts, measure_units
from tasks.pretrain.data.randomness import Randomness

if TYPE_CHECKING:  # settings load without pyarrow
    from tasks.pretrain.data.rows import Rows

FIM_TOKENS = ("<fim_prefix>", "<fim_suffix>", "<fim_middle>")
NUM_ADDED_TOKENS = len(FIM_TOKENS) + 1  # and the end token after the middle
MIN_TOKENS = 16


def read_fim_tokens(vocabulary: Vocabulary) -> tuple[int, int, int, int]:
    """Return the ids of the tokens for prefix, suffix, middle and end.

    Raises StageFailure when the tokenizer lacks one.
    """
    prefix, suffix, middle = map(vocabulary.find_token_id, FIM_TOKENS)
    end = vocabulary.end
    if prefix is None or suffix is None or middle is None or end is None:
        raise StageFailure(
            f"filling in the middle needs {', '.join(FIM_TOKENS)} and an end token, and the tokenizer lacks some",
            "Let the tokenize stage add them (missing_special: add), or set pretrain.objective.causal.fim_rate to 0",
        )
    return prefix, suffix, middle, end


def apply_fill_in_middle(rows: "Rows", random: Randomness, fim_rate: float, spm_rate: float) -> Int64s:
    """Return the rows' tokens (B, T) with a fraction `fim_rate` of the documents reordered.

    `prefix middle suffix` becomes `P prefix S suffix M middle <eos>`, or with probability `spm_rate`
    `P S suffix M prefix middle <eos>` (PSM and SPM of the paper, which trains on both). A document keeps its length:
    its last tokens are dropped to make room for the special ones. Short documents are left as they are.
    """
    prefix, suffix, middle, end = read_fim_tokens(rows.vocabulary)
    # Padding is one more document (-1) here; it is excluded by `transformed_BT`.
    is_start_BT = np.ones(rows.documents.shape, dtype=bool)
    is_start_BT[:, 1:] = rows.documents[:, 1:] != rows.documents[:, :-1]
    starts_BT = find_unit_starts(is_start_BT)

    def draw_per_document(stream: str) -> Floats:
        """Draw one number for each document, repeated at its positions."""
        # Of the numbers drawn for all positions only those at the documents' starts are used: the shape does not
        # depend on the text.
        return np.take_along_axis(random.uniform(stream, rows.tokens.shape[1]), starts_BT, axis=1)

    # A start token stays in front, so the text begins one position later where the document has one.
    text_starts_BT = starts_BT + (np.take_along_axis(rows.tokens, starts_BT, axis=1) == rows.vocabulary.start)
    lengths_BT = measure_units(starts_BT) - (text_starts_BT - starts_BT) - NUM_ADDED_TOKENS
    transformed_BT = (rows.documents >= 0) & (lengths_BT >= MIN_TOKENS) & (draw_per_document("infill") < fim_rate)
    # The names of streams, as "cut", decide the numbers that are drawn: they must stay as they are.
    split_points_BT = [
        # Split points from 0 to the length itself, so each of the three parts may be empty.
        (draw_per_document(stream) * (lengths_BT + 1)).astype(np.int64)
        for stream in ("cut", "other cut")
    ]
    # SPM is PSM with an empty prefix: prefix and middle both follow the M.
    first_BT = np.where(draw_per_document("order") < spm_rate, 0, np.minimum(*split_points_BT))
    second_BT = np.maximum(*split_points_BT)
    suffix_lengths_BT = lengths_BT - second_BT
    offsets_BT = np.arange(rows.tokens.shape[1]) - text_starts_BT
    # The position that each position takes its token from: there is one special token in front of the prefix, two are
    # in front of the suffix, three in front of the middle.
    in_prefix_BT, in_suffix_BT = offsets_BT <= first_BT, offsets_BT <= first_BT + 1 + suffix_lengths_BT
    sources_BT = text_starts_BT + np.select(
        [in_prefix_BT, in_suffix_BT],
        [offsets_BT - 1, second_BT + offsets_BT - first_BT - 2],
        offsets_BT - suffix_lengths_BT - 3,
    )
    # Sources of documents that are not transformed may lie outside of the row: they read position 0, and are dropped
    # below.
    moved_BT = np.take_along_axis(rows.tokens, np.where(transformed_BT, sources_BT, 0).clip(0), axis=1)
    # Offsets of P, S, M and <eos>, each behind the parts and special tokens in front of it.
    token_offsets = [0, first_BT + 1, first_BT + suffix_lengths_BT + 2, lengths_BT + 3]
    marked_BT = np.select([offsets_BT == offset for offset in token_offsets], [prefix, suffix, middle, end], moved_BT)
    # Offset -1 is the start token.
    return np.where(transformed_BT & (offsets_BT >= 0), marked_BT, rows.tokens)
