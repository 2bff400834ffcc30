"""Two segments of text side by side, as BERT reads them: <cls> first <sep> second <sep>.

Shape suffixes: B rows, T places in a row, K pairs in a row.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from tasks.errors import StageFailure
from tasks.model.vocabulary import Vocabulary
from tasks.pretrain.corruption.masking_units import Bools, Int64s, first_places, sizes
from tasks.pretrain.corruption.text_spans import NONE, Texts, texts_of

if TYPE_CHECKING:
    from tasks.pretrain.data.randomness import Randomness
    from tasks.pretrain.data.rows import Rows

# <cls>, a token, <sep> and a token, <sep>: a segment has a token of its own
FEWEST = 3
NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Pairs:
    """Stretches of documents, each to be read as two segments."""

    texts: Texts
    first: Int64s
    """first place of each pair (B, K); of a pair that is not there, of the row"""
    there: Bools
    """(B, K)"""
    second: Bools
    """whether the place (B, T) is of the second segment"""


def pairs_of(rows: "Rows", random: "Randomness", length: int, most: int) -> Pairs:
    """Up to `most` stretches of `length` tokens a row, each cut in two at the sentence nearest to a random place."""
    assert rows.sentences is not None, "the objective's `sentences` is true"
    places_T = np.arange(rows.tokens.shape[1])
    borders = np.ones(rows.tokens.shape, dtype=bool)
    borders[:, 1:] = rows.documents[:, 1:] != rows.documents[:, :-1]
    texts = texts_of(rows, (places_T - first_places(borders)) % length == 0, most, 2 * FEWEST)
    size, lots = sizes(texts.firsts), texts.lots(random, "cut")
    within = places_T - texts.firsts
    fits = rows.sentences & (within >= FEWEST) & (within <= size - FEWEST + 1) & (texts.numbers != NONE)
    # the distance in the high digits, the place in the low ones: their minimum is the nearest place
    far = np.abs(within - lots * size).astype(np.int64) * len(places_T) + places_T
    row, place = np.nonzero(texts.numbers != NONE)
    nearest = np.full((len(borders), most), NEVER)
    np.minimum.at(nearest, (row, texts.numbers[row, place]), np.where(fits, far, NEVER)[row, place])
    there = nearest < NEVER
    first = np.zeros_like(nearest)
    first[row, texts.numbers[row, place]] = texts.firsts[row, place]
    cut = np.where(there, nearest % len(places_T), len(places_T))
    numbers = np.where(np.take_along_axis(there, texts.numbers.clip(0), axis=1), texts.numbers, NONE)
    second = (numbers != NONE) & (places_T >= np.take_along_axis(cut, numbers.clip(0), axis=1))
    return Pairs(replace(texts, numbers=numbers), first, there, second)


def exchanged(there_BK: Bools, random: "Randomness", share: float) -> Int64s:
    """To which pair the second segment of each goes, (B, K): a `share` of those of a row go round among themselves.

    A pair that is alone in its row stays as it is.
    """
    num_pairs = there_BK.shape[1]
    order = np.argsort(np.where(there_BK, random.uniform("exchange", num_pairs), 2.0), axis=1, kind="stable")
    sums = there_BK.sum(axis=1, keepdims=True)
    lots = random.uniform("exchanges", 2)
    counts = np.minimum(np.floor(share * sums + lots[:, :1]).astype(np.int64), sums)
    # one alone has nowhere to go: as often two do, or none
    counts = np.where(counts == 1, np.where((lots[:, 1:] < 0.5) & (sums > 1), 2, 0), counts)
    ranks = np.broadcast_to(np.arange(num_pairs), order.shape)
    following = np.take_along_axis(order, np.where(ranks + 1 < counts, ranks + 1, 0), axis=1)
    goes = ranks.copy()
    np.put_along_axis(goes, order, np.where(ranks < counts, following, order), axis=1)
    return goes


@dataclass(frozen=True)
class Arranged:
    """Rows in which every pair is a document."""

    rows: "Rows"
    types: Int64s
    """0 in the first segment, 1 in the second (B, T)"""
    first: Int64s
    """where the <cls> of each pair is, over all rows (B, K)"""


def arranged(rows: "Rows", pairs: Pairs, goes_BK: Int64s, swapped_BK: Bools) -> Arranged:
    """Move second segments to other pairs, and swap the two of a pair.

    The special tokens stand where the first two tokens and the last one of each pair were: no row gets longer.
    """
    words, texts = rows.vocabulary, pairs.texts
    places_T = np.arange(rows.tokens.shape[1])
    within, number, paired = places_T - texts.firsts, texts.numbers.clip(0), texts.numbers != NONE
    begins, separates, ends = (paired & (within == place) for place in (0, 1, sizes(texts.firsts) - 1))
    units = np.cumsum(within == 0, axis=1)
    target = np.take_along_axis(np.take_along_axis(units, pairs.first, axis=1), goes_BK, axis=1)
    to = np.where(pairs.second & ~ends, np.take_along_axis(target, number, axis=1), units)
    segment = np.where(pairs.second ^ np.take_along_axis(swapped_BK, number, axis=1), 3, 1)
    part = np.select([begins | ~paired, separates, ends], [0, 2, 4], segment)
    order = np.argsort(to * 5 + part, axis=1, kind="stable")
    tokens = np.select([begins, separates | ends], [words.start or 0, words.end or 0], rows.tokens)
    tokens, part, documents = (
        np.take_along_axis(each, order, axis=1) for each in (tokens, part, np.where(rows.documents < 0, NONE, to))
    )
    borders = np.ones(documents.shape, dtype=bool)
    borders[:, 1:] = documents[:, 1:] != documents[:, :-1]
    positions = np.where(documents == NONE, 0, places_T - first_places(borders))
    first = np.take_along_axis(np.argsort(order, axis=1), pairs.first, axis=1)
    first += np.arange(len(first))[:, None] * len(places_T)
    moved = replace(rows, tokens=tokens, positions=positions, documents=documents, sentences=None)
    return Arranged(moved, (part >= 3).astype(np.int64), first)


def check(vocabulary: Vocabulary) -> None:
    """Raise StageFailure when there is no token to begin a pair with or to end a segment."""
    if vocabulary.start is None or vocabulary.end is None:
        raise StageFailure(
            "pairs of segments need a start and an end token, and the tokenizer lacks one",
            "Add <bos> or <cls> and <eos> or <sep> to its special tokens",
        )
