"""Next sentence (BERT) and sentence order (ALBERT): pairs of segments in packed rows."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from tasks.errors import StageFailure
from tasks.model.vocabulary import Vocabulary, read_vocabulary
from tasks.pretrain.corruption.segment_pairs import sample_exchanges, sample_pairs
from tasks.pretrain.data.randomness import Randomness
from tasks.pretrain.data.rows import PackedDataset, Rows
from tasks.pretrain.objectives.next_sentence import NextSentence
from tasks.pretrain.objectives.sentence_order import SentenceOrder
from tasks.pretrain.training.loop import Training
from tests.pretrain.conftest import forty_steps, learnt

SAMPLES = np.arange(64)
START, END = 2, 3
# nothing hidden, so that the arranged tokens can be read
PLAIN = {"mask_token_fraction": 0.0, "random_token_fraction": 0.0, "max_pair_tokens": 32}


@pytest.fixture(scope="module")
def rows(tokens: Path) -> Rows:
    vocabulary = read_vocabulary(tokens / "tokenizer")
    return PackedDataset([tokens / "train"], vocabulary, 64, START, sentences=True).read_samples(SAMPLES, seed=0)


def read_pair(batch: dict[str, np.ndarray], number: int) -> tuple[list[int], list[int]]:
    """First and second segment of a pair, without the special tokens."""
    index = int(batch["pair_indices"][number])
    row, start = divmod(index, 64)
    inside = batch["documents"][row] == batch["documents"][row, start]
    tokens, types = batch["tokens"][row][inside].tolist(), batch["types"][row][inside].tolist()
    assert batch["positions"][row][inside].tolist() == list(range(len(tokens)))
    assert tokens[0] == START
    assert tokens[-1] == END
    cut = types.index(1)
    assert types == [0] * cut + [1] * (len(tokens) - cut)
    assert tokens[cut - 1] == END
    return tokens[1 : cut - 1], tokens[cut:-1]


def is_adjacent(rows: Rows, row: int, first: list[int], second: list[int]) -> bool:
    """Whether both stand side by side in the row's text."""
    text = " ".join(map(str, rows.tokens[row].tolist()))
    return f" {' '.join(map(str, first + second))} " in f" {text} "


def test_what_is_labelled_next_is_next_and_the_rest_is_from_another_pair(rows: Rows) -> None:
    batch = NextSentence(**PLAIN).make_batch(rows, Randomness(0, SAMPLES))
    labels = batch["relations"]
    seen = {0: 0, 1: 0}
    for number in np.flatnonzero(labels >= 0).tolist():
        first, second = read_pair(batch, number)
        if labels[number] == 0 or len(second) > 3:  # one short word may well stand there too
            assert is_adjacent(rows, number // 8, first, second) == (labels[number] == 0)
        seen[int(labels[number])] += 1
    assert min(seen.values()) > 20
    # a pair that is alone in its row stays
    assert 0.2 < seen[1] / sum(seen.values()) < 0.5


def test_in_the_order_task_the_two_are_of_one_pair_and_half_of_them_swapped(rows: Rows) -> None:
    batch = SentenceOrder(**PLAIN).make_batch(rows, Randomness(0, SAMPLES))
    labels = batch["relations"]
    for number in np.flatnonzero(labels >= 0).tolist():
        first, second = read_pair(batch, number)
        assert is_adjacent(rows, number // 8, *((second, first) if labels[number] else (first, second)))
    assert (labels[labels >= 0] == 1).mean() == pytest.approx(0.5, abs=0.12)


@pytest.mark.parametrize("objective", [NextSentence(**PLAIN), SentenceOrder(**PLAIN)])
def test_no_token_is_lost_but_those_that_make_room(rows: Rows, objective: NextSentence) -> None:
    batch = objective.make_batch(rows, Randomness(0, SAMPLES))
    for row in range(len(SAMPLES)):
        before, after = (np.bincount(tokens[row], minlength=500) for tokens in (rows.tokens, batch["tokens"]))
        pairs = int((batch["relations"].reshape(-1, 8)[row] >= 0).sum())
        ordinary = np.delete(before - after, [START, END])
        assert (ordinary >= 0).all()
        assert ordinary.sum() <= 3 * pairs
        assert (batch["documents"][row] >= 0).sum() == (rows.documents[row] >= 0).sum()


def test_segments_meet_where_a_sentence_begins(rows: Rows) -> None:
    assert rows.sentences is not None
    pairs = sample_pairs(rows, Randomness(0, SAMPLES), max_pair_tokens=32, max_pairs=8)
    cuts = pairs.in_second.copy()
    cuts[:, 1:] &= ~pairs.in_second[:, :-1]
    assert cuts.sum() == pairs.exists.sum() > 50
    assert rows.sentences[cuts].all()


@pytest.mark.parametrize("number", [1, 2, 3, 8])
def test_a_fraction_of_the_second_segments_is_exchanged_in_a_cycle(number: int) -> None:
    there = np.zeros((2000, 8), dtype=bool)
    there[:, :number] = True
    goes = sample_exchanges(there, Randomness(0, np.arange(2000)), 0.5)
    assert (np.sort(goes, axis=1) == np.arange(8)).all()
    moved = goes != np.arange(8)
    assert not (moved & ~there).any()
    assert moved[there].mean() == pytest.approx(0.5 if number > 1 else 0.0, abs=0.03)


def test_static_pairs_are_the_same_in_each_epoch(rows: Rows) -> None:
    one, two = (
        NextSentence(static_masking=True, max_pair_tokens=32).make_batch(rows, Randomness(0, SAMPLES + shift))
        for shift in (0, 1000)
    )
    assert all(np.array_equal(one[name], two[name]) for name in one)


def test_tokens_that_part_the_segments_are_needed() -> None:
    with pytest.raises(StageFailure, match="the tokenizer lacks one"):
        NextSentence().check_tokenizer(Vocabulary(size=10, pad=0, mask=4, start=2))


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "family"), [("next_sentence", "roberta"), ("sentence_order", "bert")])
def test_a_tiny_run_on_real_text_learns(training: Callable[..., Training], kind: str, family: str) -> None:
    settings = forty_steps(
        architecture={"family": family, "num_layers": 2, "hidden_size": 32, "num_heads": 2, "max_length": 64},
        objective={"kind": kind, kind: {"max_pair_tokens": 32}},
        optimizer={"learning_rate": 0.01},
    )
    run = training(settings)
    assert learnt(run) > 0.5
    assert all(parameter.isfinite().all() for parameter in run.learner.parameters())
    assert isinstance(run.learner.get_submodule("classifier"), torch.nn.Sequential)
