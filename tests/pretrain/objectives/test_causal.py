"""Next tokens (GPT-2), and documents reordered to fill in the middle (arXiv:2207.14255)."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tasks.errors import StageFailure
from tasks.model.vocabulary import Vocabulary, read_vocabulary
from tasks.pretrain.corruption.fill_in_middle import apply_fill_in_middle, read_fim_tokens
from tasks.pretrain.data.arrays import IGNORE_INDEX
from tasks.pretrain.data.randomness import Randomness
from tasks.pretrain.data.rows import PackedDataset, Rows
from tasks.pretrain.objectives.causal import Causal
from tasks.pretrain.training.loop import Training
from tests.pretrain.conftest import forty_steps, learnt

SAMPLES = np.arange(64)


@pytest.fixture(scope="module")
def rows(tokens: Path) -> Rows:
    return PackedDataset([tokens / "train"], read_vocabulary(tokens / "tokenizer"), 64, start=2).read_samples(
        SAMPLES, seed=0
    )


@pytest.mark.parametrize("fim_rate", [0.0, 1.0])
def test_targets_are_the_next_tokens_of_the_same_document(rows: Rows, fim_rate: float) -> None:
    batch = Causal(fim_rate=fim_rate).make_batch(rows, Randomness(0, SAMPLES))
    tokens, targets = batch["tokens"], batch["targets"]
    assert np.array_equal(tokens, rows.tokens) == (not fim_rate)
    for row, position in np.ndindex(tokens.shape):
        next_position = min(position + 1, 63)
        same = position < 63 and rows.documents[row, position] == rows.documents[row, next_position] != -1
        assert targets[row, position] == (tokens[row, next_position] if same else IGNORE_INDEX)


def read_documents(rows: Rows, tokens: np.ndarray) -> list[tuple[list[int], list[int]]]:
    """Each document before and after, without the start token."""
    pairs = []
    for row in range(len(tokens)):
        for number in range(rows.documents[row].max() + 1):
            in_document = rows.documents[row] == number
            before, after = rows.tokens[row][in_document].tolist(), tokens[row][in_document].tolist()
            assert before[0] == after[0] == rows.vocabulary.start
            pairs.append((before[1:], after[1:]))
    return pairs


@pytest.mark.parametrize("spm_rate", [0.0, 1.0])
def test_put_together_again_the_parts_are_the_document_without_its_last_tokens(rows: Rows, spm_rate: float) -> None:
    prefix, suffix, middle, end = read_fim_tokens(rows.vocabulary)
    turned = 0
    for before, after in read_documents(rows, apply_fill_in_middle(rows, Randomness(0, SAMPLES), 1.0, spm_rate)):
        if after == before:
            assert len(before) < 20, "only short ones are left as they are"
            continue
        turned += 1
        assert (after[0], after[-1]) == (prefix, end)
        at, here = after.index(suffix), after.index(middle)
        first, second, third = after[1:at], after[at + 1 : here], after[here + 1 : -1]
        assert not (first and spm_rate == 1)
        text = first + third + second
        assert text == before[: len(before) - 4]
    assert turned > 40


def test_cuts_fall_anywhere_and_shares_are_kept(rows: Rows) -> None:
    long = Rows(np.full((3000, 64), 99), np.tile(np.arange(64), (3000, 1)), np.zeros((3000, 64), int), rows.vocabulary)
    prefix, suffix, middle, _ = read_fim_tokens(rows.vocabulary)
    tokens = apply_fill_in_middle(long, Randomness(0, np.arange(3000)), 0.5, 0.5)
    turned = tokens[tokens[:, 0] == prefix]
    assert len(turned) / 3000 == pytest.approx(0.5, abs=0.03)
    at, here = np.argmax(turned == suffix, axis=1), np.argmax(turned == middle, axis=1)
    assert (at == 1).mean() == pytest.approx(0.5, abs=0.05)
    # with the prefix first, its end is the smaller of two uniform numbers: a third of the way on average
    assert (at[at > 1] - 1).mean() / 60 == pytest.approx(1 / 3, abs=0.03)
    assert (63 - here).min() == 1
    assert (here - at).min() == 1


def test_without_the_marks_it_is_refused() -> None:
    plain = Vocabulary(size=10, pad=0, start=2, end=3)
    Causal().check_tokenizer(plain)
    with pytest.raises(StageFailure, match=r"<fim_prefix>, <fim_suffix>, <fim_middle>.*fim_rate to 0"):
        Causal(fim_rate=0.5).check_tokenizer(plain)


@pytest.mark.slow
def test_a_tiny_run_on_real_text_learns(training: Callable[..., Training]) -> None:
    chosen = {"kind": "causal", "causal": {"fim_rate": 0.5}}
    assert learnt(training(forty_steps(objective=chosen))) > 1.0
