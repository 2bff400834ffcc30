import numpy as np
import pytest

from tasks.pretrain.corruption.source_target import build_encoder_decoder_batch, pack_left
from tasks.pretrain.corruption.spans import (
    HiddenSpans,
    SpanLengths,
    place_spans,
    sample_distinct,
    sample_poisson_lengths,
    sample_span_lengths,
)
from tasks.pretrain.data.randomness import Randomness

RANDOM = Randomness(0, np.arange(300))
# three documents of 30, 9 and 1 tokens between special ones, and padding
DOCUMENTS = np.array([[0] * 32 + [1] * 11 + [2] * 3 + [-1] * 2]).repeat(300, axis=0)
USABLE = (DOCUMENTS >= 0) & (np.diff(DOCUMENTS, prepend=-2) == 0) & (np.diff(DOCUMENTS, append=-2) == 0)


def find_runs(flags: np.ndarray) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.r_[0, flags.astype(int), 0]))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def test_drawn_numbers_are_different_and_in_range() -> None:
    available, counts = np.arange(300) % 20, np.arange(300) % 7
    counts = np.minimum(counts, available)
    drawn = sample_distinct(RANDOM.uniform("lots", 30), available, counts, 6)
    for row, (most, count) in enumerate(zip(available.tolist(), counts.tolist(), strict=True)):
        numbers = drawn[row][:count].tolist()
        assert numbers == sorted(set(numbers))
        assert all(0 <= number < most for number in numbers)
        assert (drawn[row][count:] == most).all()


@pytest.mark.parametrize(("rate", "mean"), [(0.15, 3.0), (0.5, 3.0), (0.15, 1.0), (0.3, 10.0)])
def test_composed_spans_hide_the_same_number_in_every_full_row(rate: float, mean: float) -> None:
    usable = np.ones((300, 64), dtype=bool)
    lengths = sample_span_lengths(usable, rate, mean, RANDOM)
    num_hidden = round(rate * 64)
    assert (lengths.lengths.sum(1) == num_hidden).all()
    assert (lengths.counts == round(num_hidden / mean)).all()
    assert ((lengths.lengths > 0).sum(1) == lengths.counts).all()
    spans = place_spans(lengths, usable, np.zeros((300, 64), dtype=np.int64), RANDOM)
    assert (spans.hidden.sum(1) == num_hidden).all()
    assert (spans.starts.sum(1) == lengths.counts).all()
    assert not spans.inserted.any()
    for row in range(20):
        found_runs = find_runs(spans.hidden[row])
        assert [begin for begin, _ in found_runs] == np.flatnonzero(spans.starts[row]).tolist(), "spans do not touch"
    # anywhere in the row alike, except near its ends, where fewer spans can stand
    assert spans.hidden.mean(0)[10:-10] == pytest.approx(np.full(44, num_hidden / 64), abs=0.12)


def test_poisson_spans_have_its_mean_and_its_share_of_empty_ones() -> None:
    usable = np.ones((300, 400), dtype=bool)
    lengths = sample_poisson_lengths(usable, 0.3, 3.0, RANDOM)
    assert (lengths.lengths.sum(1) == 120).all()
    used = np.arange(lengths.lengths.shape[1]) < lengths.counts[:, None]
    assert lengths.lengths[used].mean() == pytest.approx(3.0, abs=0.1)
    assert (lengths.lengths[used] == 0).mean() == pytest.approx(np.exp(-3), abs=0.01)
    spans = place_spans(lengths, usable, np.zeros((300, 400), dtype=np.int64), RANDOM)
    assert (spans.hidden.sum(1) == 120).all()
    assert spans.inserted.sum() == pytest.approx(((lengths.lengths == 0) & used).sum(), rel=0.02)
    assert not (spans.inserted & spans.hidden).any()


@pytest.mark.parametrize("kind", [sample_span_lengths, sample_poisson_lengths])
def test_a_span_stays_within_its_document_and_hides_nothing_special(kind: object) -> None:
    spans = place_spans(kind(USABLE, 0.5, 3.0, RANDOM), USABLE, DOCUMENTS, RANDOM)
    assert not (spans.hidden & ~USABLE).any()
    assert (spans.starts <= spans.hidden).all()
    for row in range(300):
        begins = {begin for begin, _ in find_runs(spans.hidden[row])}
        assert begins == set(np.flatnonzero(spans.starts[row]).tolist())
        assert all(len(set(DOCUMENTS[row, begin:end])) == 1 for begin, end in find_runs(spans.hidden[row]))
    assert spans.hidden.sum(1).mean() > 17  # of 20: what a border cuts off is small


def test_rows_without_text_have_no_spans() -> None:
    nothing = np.zeros((300, 48), dtype=bool)
    for kind in (sample_span_lengths, sample_poisson_lengths):
        spans = place_spans(kind(nothing, 0.15, 3.0, RANDOM), nothing, np.full((300, 48), -1), RANDOM)
        assert not any(flags.any() for flags in spans)


def test_sentinels_are_numbered_in_each_document_and_the_last_place_is_known() -> None:
    hidden = np.array([[0, 1, 1, 0, 1, 0, 0, 1, 1, 0]], dtype=bool)
    first = np.array([[0, 1, 0, 0, 1, 0, 0, 1, 0, 0]], dtype=bool)
    documents = np.array([[0, 0, 0, 0, 0, 0, 1, 1, 1, -1]])
    positions = np.array([[0, 1, 2, 3, 4, 5, 0, 1, 2, 0]])
    spans = HiddenSpans(hidden, first, np.zeros_like(first))
    assert spans.index_in_document(positions)[hidden].tolist() == [0, 0, 1, 0, 0]
    assert np.flatnonzero(spans.find_last_hidden(documents)).tolist() == [4, 8]


def test_packed_left_rows_keep_their_order_and_restart_positions() -> None:
    tokens = np.array([[5, 6, 7, 8, 9, 4]])
    documents = np.array([[0, 0, 0, 1, 1, -1]])
    kept = np.array([[False, True, True, False, True, False]])
    packed = pack_left(tokens, documents, kept, 4, pad=0)
    assert [each.tolist() for each in packed] == [[[6, 7, 9, 0]], [[0, 1, 0, 0]], [[0, 0, 1, -1]]]
    assert build_encoder_decoder_batch(packed, packed)["targets"].tolist() == [[6, 7, 9, -100]]


def test_spans_that_do_not_fit_are_not_placed_twice() -> None:
    usable = np.ones((300, 4), dtype=bool)
    lengths = SpanLengths(
        np.ones((300, 3), dtype=np.int64), np.full(300, 3)
    )  # three spans need five positions to be apart
    spans = place_spans(lengths, usable, np.zeros((300, 4), dtype=np.int64), RANDOM)
    assert (spans.starts.sum(1) == 2).all()
