import numpy as np
import pytest

from tasks.pretrain.data.packing import assign_rows, plan_rows, split_documents


def sample_lengths(seed: int, number: int = 400, most: int = 90) -> np.ndarray:
    return (1 + np.random.default_rng(seed).exponential(20, number).astype(np.int64)).clip(max=most)


def count_rows_one_by_one(lengths: np.ndarray, capacity: int) -> int:
    """Rows that best-fit decreasing needs, by its definition."""
    room: list[int] = []
    for length in sorted(lengths.tolist(), reverse=True):
        fits = [left for left in room if left >= length]
        if fits:
            room.remove(min(fits))
            room.append(min(fits) - length)
        else:
            room.append(capacity - length)
    return len(room)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("capacity", [32, 90])
def test_rows_are_as_few_as_best_fit_decreasing_makes_them_one_by_one(seed: int, capacity: int) -> None:
    lengths = sample_lengths(seed, most=capacity)
    row = assign_rows(lengths, capacity)
    assert np.bincount(row, weights=lengths).max() <= capacity
    assert row.max() + 1 == count_rows_one_by_one(lengths, capacity)


def test_documents_are_cut_into_pieces_without_loss() -> None:
    document, begin, length = split_documents(np.array([5, 0, 3, 7]), 3)
    assert list(zip(document.tolist(), begin.tolist(), length.tolist(), strict=True)) == [
        (0, 0, 3), (0, 3, 2), (2, 0, 3), (3, 0, 3), (3, 3, 3), (3, 6, 1),
    ]  # fmt: skip


@pytest.mark.parametrize("extra", [0, 1])
def test_every_token_stands_in_exactly_one_row(extra: int) -> None:
    lengths = sample_lengths(1)
    plan = plan_rows(lengths, 32, extra)
    times_seen = [np.zeros(length, dtype=int) for length in lengths]
    for document, begin, length in zip(plan.document, plan.start, plan.length, strict=True):
        times_seen[document][begin : begin + length] += 1
    assert all((each == 1).all() for each in times_seen)
    assert plan.row_starts[0] == 0
    assert plan.row_starts[-1] == len(plan.document)


def test_rows_are_nearly_full() -> None:
    lengths = sample_lengths(2, number=5000, most=10**6)
    assert lengths.sum() / (plan_rows(lengths, 128).num_rows * 128) > 0.99


def test_no_documents_make_no_rows() -> None:
    assert plan_rows(np.empty(0, dtype=np.int64), 32).num_rows == 0
