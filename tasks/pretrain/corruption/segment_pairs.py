"""Pairs of text segments as BERT reads them: <cls> first <sep> second <sep>.

Shape suffixes: B rows, T positions in a row, K pairs in a row.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from tasks.errors import StageFailure
from tasks.model.vocabulary import Vocabulary
from tasks.pretrain.corruption.masking_units import Bools, Int64s, find_unit_starts, measure_units
from tasks.pretrain.corruption.text_spans import NO_TEXT, TextSpans, find_texts
from tasks.pretrain.data.randomness import Randomness

if TYPE_CHECKING:  # settings load without pyarrow
    from tasks.pretrain.data.rows import Rows

# <cls>, a token, <sep> and a token, <sep>: so each segment keeps a token beside the special ones
MIN_SEGMENT = 3
NO_SPLIT = np.iinfo(np.int64).max


@dataclass(frozen=True)
class SegmentPairs:
    """Spans of documents, each split into two segments."""

    texts: TextSpans
    """the pair of each position"""
    starts: Int64s
    """position at which each pair starts (B, K); 0 for a pair that does not exist"""
    exists: Bools
    """flags of the pairs that a row has (B, K)"""
    in_second: Bools
    """flags of the positions in second segments (B, T)"""


def sample_pairs(rows: "Rows", random: Randomness, max_pair_tokens: int, max_pairs: int) -> SegmentPairs:
    """Take up to `max_pairs` spans of up to `max_pair_tokens` tokens a row, and split each in two.

    The split point is the sentence start nearest to a random position; a span without one is no pair.
    """
    assert rows.sentences is not None, "the objective's `needs_sentences` is true"
    positions_T = np.arange(rows.tokens.shape[1])
    borders = np.ones(rows.tokens.shape, dtype=bool)
    borders[:, 1:] = rows.documents[:, 1:] != rows.documents[:, :-1]
    texts = find_texts(
        # A text starts at a document's start and every `max_pair_tokens` tokens after it.
        rows,
        (positions_T - find_unit_starts(borders)) % max_pair_tokens == 0,
        max_pairs,
        2 * MIN_SEGMENT,
    )
    sizes, uniform = measure_units(texts.starts), texts.draw_uniform(random, "cut")
    offsets = positions_T - texts.starts
    can_split = (
        # The first side has at least <cls>, <sep> and a token (MIN_SEGMENT positions), the second a token and <sep>.
        rows.sentences & (offsets >= MIN_SEGMENT) & (offsets <= sizes - MIN_SEGMENT + 1) & (texts.indices != NO_TEXT)
    )
    # The distance to the random position in the high digits, the position itself in the low ones: the minimum over a
    # pair is its nearest candidate, and still tells where that is.
    distances = np.abs(offsets - uniform * sizes).astype(np.int64) * len(positions_T) + positions_T
    row, position = np.nonzero(texts.indices != NO_TEXT)
    # minimum.at, because a plain indexed assignment keeps only one of several values for the same pair.
    nearest = np.full((len(borders), max_pairs), NO_SPLIT)
    np.minimum.at(nearest, (row, texts.indices[row, position]), np.where(can_split, distances, NO_SPLIT)[row, position])
    exists = nearest < NO_SPLIT
    starts = np.zeros_like(nearest)
    starts[row, texts.indices[row, position]] = texts.starts[row, position]
    # A pair that does not exist splits behind the row: none of its positions is in a second segment.
    split_points = np.where(exists, nearest % len(positions_T), len(positions_T))
    # Texts without a split point are no pairs any more.
    indices = np.where(np.take_along_axis(exists, texts.indices.clip(0), axis=1), texts.indices, NO_TEXT)
    in_second = (indices != NO_TEXT) & (positions_T >= np.take_along_axis(split_points, indices.clip(0), axis=1))
    return SegmentPairs(replace(texts, indices=indices), starts, exists, in_second)


def sample_exchanges(exists_BK: Bools, random: Randomness, fraction: float) -> Int64s:
    """Return for each pair the pair that its second segment moves to, (B, K).

    On average a `fraction` of the pairs of a row exchange their second segments in a cycle; the others keep theirs, as
    does a pair that is alone in its row.
    """
    num_pairs = exists_BK.shape[1]
    # 2.0 sorts pairs that do not exist behind all others.
    order = np.argsort(np.where(exists_BK, random.uniform("exchange", num_pairs), 2.0), axis=1, kind="stable")
    num_existing = exists_BK.sum(axis=1, keepdims=True)
    uniform = random.uniform("exchanges", 2)
    counts = np.minimum(np.floor(fraction * num_existing + uniform[:, :1]).astype(np.int64), num_existing)
    # A cycle needs two pairs. One pair becomes two or none with equal probability, so that the mean stays.
    counts = np.where(counts == 1, np.where((uniform[:, 1:] < 0.5) & (num_existing > 1), 2, 0), counts)
    # The first `counts` pairs of a random order pass their second segments on to the next one, the last to the first.
    ranks = np.broadcast_to(np.arange(num_pairs), order.shape)
    following = np.take_along_axis(order, np.where(ranks + 1 < counts, ranks + 1, 0), axis=1)
    destinations = ranks.copy()
    np.put_along_axis(destinations, order, np.where(ranks < counts, following, order), axis=1)
    return destinations


@dataclass(frozen=True)
class SegmentPairBatch:
    """Rows in which every pair is a document of its own."""

    rows: "Rows"
    token_types: Int64s
    """0 in the first segment, 1 in the second (B, T)"""
    cls_indices: Int64s
    """index of the <cls> of each pair in the flattened rows (B, K)"""


def arrange_pairs(rows: "Rows", pairs: SegmentPairs, destinations_BK: Int64s, swapped_BK: Bools) -> SegmentPairBatch:
    """Move second segments to other pairs, and swap the segments of some pairs.

    Special tokens replace the first two tokens and the last one of each pair, so that no row gets longer.
    """
    vocabulary, texts = rows.vocabulary, pairs.texts
    positions_T = np.arange(rows.tokens.shape[1])
    offsets, pair_indices, in_pair = positions_T - texts.starts, texts.indices.clip(0), texts.indices != NO_TEXT
    is_start, is_separator, is_end = (
        in_pair & (offsets == offset) for offset in (0, 1, measure_units(texts.starts) - 1)
    )
    # Number of the text or of the rest in between: every start of a unit has offset 0.
    units = np.cumsum(offsets == 0, axis=1)
    destination_units = np.take_along_axis(np.take_along_axis(units, pairs.starts, axis=1), destinations_BK, axis=1)
    # The last position stays, for it becomes the pair's own <sep>.
    new_units = np.where(pairs.in_second & ~is_end, np.take_along_axis(destination_units, pair_indices, axis=1), units)
    # Sort by pair, and within a pair by rank: 0 <cls>, 1 first segment, 2 <sep>, 3 second segment, 4 <sep>.
    segment_rank = np.where(pairs.in_second ^ np.take_along_axis(swapped_BK, pair_indices, axis=1), 3, 1)
    rank = np.select([is_start | ~in_pair, is_separator, is_end], [0, 2, 4], segment_rank)
    # Five ranks a unit. A stable sort keeps the tokens of a segment in order.
    order = np.argsort(new_units * 5 + rank, axis=1, kind="stable")
    tokens = np.select([is_start, is_separator | is_end], [vocabulary.start or 0, vocabulary.end or 0], rows.tokens)
    tokens, rank, documents = (
        np.take_along_axis(array, order, axis=1)
        for array in (tokens, rank, np.where(rows.documents < 0, NO_TEXT, new_units))
    )
    # each pair is now a document: positions start again from 0
    borders = np.ones(documents.shape, dtype=bool)
    borders[:, 1:] = documents[:, 1:] != documents[:, :-1]
    positions = np.where(documents == NO_TEXT, 0, positions_T - find_unit_starts(borders))
    # argsort of the order is its inverse: the new position of each old one
    cls_indices = np.take_along_axis(np.argsort(order, axis=1), pairs.starts, axis=1)
    cls_indices += np.arange(len(cls_indices))[:, None] * len(positions_T)
    arranged_rows = replace(rows, tokens=tokens, positions=positions, documents=documents, sentences=None)
    return SegmentPairBatch(arranged_rows, (rank >= 3).astype(np.int64), cls_indices)


def check_pair_tokens(vocabulary: Vocabulary) -> None:
    """Raise StageFailure when there is no token to begin a pair with or to end a segment."""
    if vocabulary.start is None or vocabulary.end is None:
        raise StageFailure(
            "pairs of segments need a start and an end token, and the tokenizer lacks one",
            "Add <bos> or <cls> and <eos> or <sep> to its special tokens",
        )
