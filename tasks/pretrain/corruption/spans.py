"""Random spans of tokens that are taken out of packed rows.

Shape suffixes: B rows, T positions in a row, S spans, N random numbers.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tasks.pretrain.data.randomness import Randomness

Bools = npt.NDArray[np.bool_]
Int64s = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class SpanLengths(NamedTuple):
    """Lengths of each row's spans: of `lengths` (B, S) the first `counts` (B,) are valid."""

    lengths: Int64s
    counts: Int64s


class HiddenSpans(NamedTuple):
    """Flags (B, T) of the positions of packed rows."""

    hidden: Bools
    """the position is in a span"""
    starts: Bools
    """the position is the first one of a span"""
    inserted: Bools
    """a span of no tokens is in front of the position"""

    def index_in_document(self, positions: Int64s) -> Int64s:
        """Return for each position the index, within its document, of the last span that started up to it."""
        spans_so_far = np.cumsum(self.starts, axis=1)
        # The count in front of a document is known at its first position (0 elsewhere); the running maximum carries it
        # on, since counts never fall.
        spans_before_document = np.maximum.accumulate(np.where(positions == 0, spans_so_far - self.starts, 0), axis=1)
        indices: Int64s = np.maximum(spans_so_far - spans_before_document - 1, 0)
        return indices

    def find_last_hidden(self, documents: Int64s) -> Bools:
        """Return flags (B, T) of the last hidden position of each document."""
        length = documents.shape[1]
        next_hidden = np.where(self.hidden, np.arange(length), length)
        # From right to left: the nearest hidden position at or after each one; `length` where there is none.
        next_hidden = np.minimum.accumulate(next_hidden[:, ::-1], axis=1)[:, ::-1]
        following = np.column_stack([next_hidden[:, 1:], np.full(len(next_hidden), length)])
        # The extra column, -2, belongs to no document: a position without a successor is the last of its own.
        padded_documents = np.column_stack([documents, np.full(len(documents), -2)])
        is_last: Bools = self.hidden & (np.take_along_axis(padded_documents, following, axis=1) != documents)
        return is_last


def sample_distinct(uniform_BN: Floats, available_B: Int64s, counts_B: Int64s, num_columns: int) -> Int64s:
    """Draw for each row `counts` distinct integers below `available`, ascending, into `num_columns` columns.

    Unused columns hold `available`. The integers are those with the smallest random numbers.
    """
    # Numbers below 1 sort first, in random order; 2.0 marks integers that are not available.
    sort_keys = np.where(np.arange(uniform_BN.shape[1]) < available_B[:, None], uniform_BN, 2.0)
    chosen = np.argsort(sort_keys, axis=1, kind="stable")[:, :num_columns]
    unused = np.arange(chosen.shape[1]) >= counts_B[:, None]
    return np.sort(np.where(unused, available_B[:, None], chosen), axis=1)


def sample_span_lengths(usable_BT: Bools, rate: float, mean_length: float, random: Randomness) -> SpanLengths:
    """Split a fraction `rate` of the usable positions into spans of `mean_length` on average.

    The number of positions and of spans is exact; every composition into lengths of at least 1 has the same
    probability. As in T5: arXiv:1910.10683, section 3.1.4, and `random_spans_noise_mask` of its code.
    """
    # Sizes of arrays come from the length of the row alone, so that shapes do not depend on the text.
    max_tokens, max_spans = compute_span_budget(usable_BT.shape[1], rate, mean_length)
    available = usable_BT.sum(axis=1)
    totals = np.minimum(np.rint(rate * available).astype(np.int64), max_tokens)
    # At least one span where there is a token to hide, and no more spans than hidden tokens.
    counts = np.minimum(np.clip(np.rint(totals / mean_length).astype(np.int64), 1, max_spans), totals)
    # `counts` parts of at least 1 that sum to `totals`: choose counts - 1 of the totals - 1 borders between tokens.
    uniform = random.uniform("cuts", max_tokens - 1)
    split_points = 1 + sample_distinct(uniform, np.maximum(totals - 1, 0), np.maximum(counts - 1, 0), max_spans - 1)
    # Unused borders stand at `totals`, so the spans behind the last valid one have length 0.
    bounds = np.column_stack([np.zeros_like(totals), np.minimum(split_points, totals[:, None]), totals])
    return SpanLengths(np.diff(bounds, axis=1), counts)


def compute_span_budget(length: int, rate: float, mean_length: float) -> tuple[int, int]:
    """Return the maximum number of tokens and of spans that a row of this length can lose."""
    max_tokens = max(1, round(rate * length))
    return max_tokens, max(1, round(max_tokens / mean_length))


def sample_poisson_lengths(usable_BT: Bools, rate: float, mean_length: float, random: Randomness) -> SpanLengths:
    """Split a fraction `rate` of the usable positions into spans with Poisson-distributed lengths, 0 included.

    Text infilling of BART: arXiv:1910.13461, section 2.2.
    """
    max_tokens, _ = compute_span_budget(usable_BT.shape[1], rate, mean_length)
    totals = np.minimum(np.rint(rate * usable_BT.sum(axis=1)).astype(np.int64), max_tokens)
    counts = np.arange(1, max_tokens + 1)
    # The Poisson probabilities by recurrence: P(k) = P(k - 1) × mean / k.
    cumulative = np.cumsum(np.exp(-mean_length) * np.cumprod(np.r_[1.0, mean_length / counts]))
    # the inverse of the distribution function, up to the largest length that could fit
    lengths = np.searchsorted(cumulative, random.uniform("lengths", max_tokens), side="right")
    used_before = np.cumsum(lengths, axis=1) - lengths
    remaining = totals[:, None] - used_before  # the last span is truncated to what remains
    return SpanLengths(np.clip(remaining, 0, lengths), (remaining > 0).sum(axis=1))


def place_spans(span_lengths: SpanLengths, usable_BT: Bools, documents_BT: Int64s, random: Randomness) -> HiddenSpans:
    """Place spans of these lengths at random, at least one usable position apart, each within one document.

    A span ends early at the end of its document, and in front of a position that is not usable.
    """
    num_rows, length = usable_BT.shape
    row = np.arange(num_rows)[:, None]
    # Positions with the usable ones in front. Spans are placed among these as if they were adjacent: each gets one of
    # the gaps between the positions that are not hidden.
    usable_order = np.argsort(~usable_BT, axis=1, kind="stable")
    available = usable_BT.sum(axis=1)
    # k positions that are not hidden leave k + 1 gaps. Distinct gaps keep spans at least one position apart.
    gaps = available - span_lengths.lengths.sum(axis=1) + 1
    counts, max_spans = np.minimum(span_lengths.counts, gaps), span_lengths.lengths.shape[1]
    uniform = random.uniform("gaps", length + 1)
    # A gap counts positions that are not hidden; the hidden ones of the spans before it come on top.
    hidden_before = np.cumsum(span_lengths.lengths, axis=1) - span_lengths.lengths
    starts = sample_distinct(uniform, gaps, counts, max_spans) + hidden_before
    is_used = (np.arange(max_spans) < counts[:, None]) & (starts < available[:, None])

    # Column `length` is a bin for spans that are not used; it is cut off.
    is_first, inserted = np.zeros((2, num_rows, length + 1), dtype=bool)
    is_first[row, np.where(is_used & (span_lengths.lengths > 0), starts, length)] = True
    inserted[row, np.where(is_used & (span_lengths.lengths == 0), starts, length)] = True
    is_first, inserted = is_first[:, :-1], inserted[:, :-1]

    # `index` counts usable positions from here on, and not positions of the row.
    index = np.arange(length)
    span_start = np.maximum.accumulate(np.where(is_first, index, -1), axis=1)
    sizes = np.zeros((num_rows, length + 1), dtype=np.int64)
    sizes[row, np.where(is_used & (span_lengths.lengths > 0), starts, length)] = span_lengths.lengths
    inside = (span_start >= 0) & (index - span_start < sizes[row, span_start])
    # back to positions: a span goes on only while its positions are adjacent and of one document
    start_position = usable_order[row, span_start]
    # Between two neighbours in `usable_order` there may be special tokens, which end a span.
    is_adjacent = usable_order - start_position == index - span_start
    inside &= is_adjacent & (documents_BT[row, usable_order] == documents_BT[row, start_position])
    result = np.zeros((3, num_rows, length), dtype=bool)
    for out, flags in zip(result, (inside, is_first, inserted), strict=True):
        out[row, usable_order] = flags
    return HiddenSpans(*result)
