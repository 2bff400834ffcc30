import numpy as np
import pytest

from tasks.downstream.finetuning.batches import iterate_step_rows, sample_batches_by_length


def lengths(many: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.random.default_rng(1).geometric(0.05, many)


def padded(batches: list[np.ndarray], sizes: np.ndarray) -> int:
    return sum(len(rows) * int(sizes[rows].max()) for rows in batches)


@pytest.mark.parametrize("many", [1, 64, 1003])
def test_an_epoch_is_a_permutation(many: int) -> None:
    batches = sample_batches_by_length(lengths(many), 8, 50, np.random.default_rng(0))
    assert sorted(np.concatenate(batches).tolist()) == list(range(many))
    assert max(map(len, batches)) <= 8


def test_little_is_padding_and_epochs_differ() -> None:
    sizes = lengths(4000)
    rng = np.random.default_rng(0)
    steps = list(iterate_step_rows(4000, 8, 1000, rng, sizes))
    first, second = steps[:500], steps[500:]
    assert sorted(np.concatenate(first).tolist()) == sorted(np.concatenate(second).tolist()) == list(range(4000))
    plain = list(iterate_step_rows(4000, 8, 500, np.random.default_rng(0)))
    assert padded(first, sizes) < 1.1 * sizes.sum() < 0.6 * padded(plain, sizes)
    assert not any(np.array_equal(one, other) for one, other in zip(first, second, strict=True))
    again = iterate_step_rows(4000, 8, 1000, np.random.default_rng(0), sizes)
    assert all(np.array_equal(one, other) for one, other in zip(steps, again, strict=True))


def test_few_texts_are_not_sorted() -> None:
    plain, with_lengths = (
        list(iterate_step_rows(20, 8, 5, np.random.default_rng(0), sizes)) for sizes in (None, lengths(20))
    )
    assert [rows.tolist() for rows in plain] == [rows.tolist() for rows in with_lengths]
