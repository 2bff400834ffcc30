"""Objectives of encoder–decoders: what the papers say of the source and the target, and that they learn."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from tasks.errors import StageFailure
from tasks.model.architecture import Architecture
from tasks.model.families import build_model
from tasks.model.packed import PackedModel
from tasks.model.vocabulary import Vocabulary, read_vocabulary
from tasks.pretrain.data.arrays import Arrays
from tasks.pretrain.data.randomness import Randomness
from tasks.pretrain.data.rows import PackedDataset, Rows
from tasks.pretrain.objectives import Objective
from tasks.pretrain.objectives.denoising import Denoising
from tasks.pretrain.objectives.span_corruption import SpanCorruption
from tasks.pretrain.training.loop import Training
from tests.pretrain.conftest import forty_steps, learnt

SAMPLES = np.arange(60)
WORDS = Vocabulary(size=1000, pad=0, start=2, end=3, mask=4, sentinels=tuple(range(900, 940)))


@pytest.fixture(scope="module")
def rows(tokens: Path) -> Rows:
    vocabulary = read_vocabulary(tokens / "tokenizer")
    return PackedDataset([tokens / "train"], vocabulary, 64, start=2, sentences=True).read_samples(SAMPLES, seed=0)


def make_batch(objective: Objective, rows: Rows, seed: int = 0) -> Arrays:
    return objective.make_batch(rows, Randomness(seed, SAMPLES[: len(rows.tokens)]))


def read_document(batch: Arrays, row: int, document: int) -> tuple[list[int], list[int]]:
    """Source and target of one document."""
    source = batch["tokens"][row][batch["documents"][row] == document].tolist()
    return source, batch["targets"][row][batch["decoder_documents"][row] == document].tolist()


def fill_sentinels(source: list[int], target: list[int], words: Vocabulary) -> list[int]:
    """A source whose sentinels are replaced by what the target says of them."""
    spans: dict[int, list[int]] = {}
    for token in target[:-1]:
        if token in words.sentinels:
            spans[token] = current = []
        else:
            current.append(token)
    return [each for token in source for each in spans.get(token, [token])]


def original_text(rows: Rows, row: int, document: int) -> list[int]:
    return rows.tokens[row][rows.documents[row] == document].tolist()


def test_spans_put_back_for_their_sentinels_give_the_text(rows: Rows) -> None:
    batch, words = make_batch(SpanCorruption(), rows), rows.vocabulary
    assert batch["tokens"].shape == (60, 64)
    assert batch["targets"].shape == (60, 10 + 2 * 3)  # 0.15 × 64 tokens, their sentinels, an end each
    hidden = 0
    for row in range(60):
        for document in range(rows.documents[row].max() + 1):
            source, target = read_document(batch, row, document)
            assert fill_sentinels(source, target, words) == original_text(rows, row, document)
            if target:
                named = [token for token in target if token in words.sentinels]
                assert named == list(words.sentinels[: len(named)]), "sentinels restart in each document"
                assert named == [token for token in source if token in words.sentinels]
                assert target[-1] == words.end
                hidden += len(target) - len(named) - 1
            else:
                assert not set(source) & set(words.sentinels)
    assert hidden / (~words.is_special[rows.tokens]).sum() == pytest.approx(0.15, abs=0.02)


@pytest.mark.parametrize(
    "objective", [SpanCorruption(), Denoising(), Denoising(token_deletion=0.2, document_rotation=0.5)]
)
def test_positions_restart_in_each_document_and_padding_has_none(objective: Objective, rows: Rows) -> None:
    batch = make_batch(objective, rows)
    for side in ("", "decoder_"):
        documents, positions = batch[f"{side}documents"], batch[f"{side}positions"]
        for row in range(60):
            for document in range(documents[row].max() + 1):
                columns = np.flatnonzero(documents[row] == document)
                assert (np.diff(columns) == 1).all()
                assert positions[row][columns].tolist() == list(range(len(columns)))
        assert (positions[documents < 0] == 0).all()
    assert (batch["tokens"][batch["documents"] < 0] == 0).all()
    assert ((batch["targets"] < 0) == (batch["decoder_documents"] < 0)).all()
    # what is written is read from a source
    for row in range(60):
        assert set(batch["decoder_documents"][row]) - {-1} <= set(batch["documents"][row])


def make_rows(length: int = 400, sentence: int = 20, num_rows: int = 60) -> Rows:
    """Rows of one document each: <bos>, numbers in order, <eos>."""
    tokens = np.concatenate([[2], np.arange(10, 8 + length), [3]])[None].repeat(num_rows, axis=0)
    positions = np.arange(length)[None].repeat(num_rows, axis=0)
    starts = (positions % sentence == 1) & (positions < length - 1)
    return Rows(tokens, positions, np.zeros_like(tokens), WORDS, starts)


def test_infilling_puts_one_mask_for_each_span_and_none_besides() -> None:
    rows = make_rows()
    batch = make_batch(Denoising(sentence_permutation=False), rows)
    assert np.array_equal(batch["targets"], rows.tokens)
    fractions, masks = [], []
    for row in range(60):
        source, _ = read_document(batch, row, 0)
        kept = [token for token in source if token != 4]
        assert kept == [token for token in rows.tokens[row].tolist() if token in set(kept)], "the order stays"
        fractions.append(1 - (len(kept) - 2) / 398)
        masks.append(source.count(4))
    assert np.mean(fractions) == pytest.approx(0.3, abs=0.005)
    assert np.mean(masks) == pytest.approx(0.3 * 398 / 3, rel=0.1)  # spans of no tokens have a mask too


def test_sentences_are_permuted_whole_and_the_ends_stay() -> None:
    rows = make_rows()
    batch = make_batch(Denoising(mask_rate=0.0, document_rotation=0.0), rows)
    orders = set()
    for row in range(60):
        source, _ = read_document(batch, row, 0)
        assert (source[0], source[-1]) == (2, 3)
        starts = list(range(1, 399, 20))
        sentences = [tuple(source[begin : begin + 20]) for begin in range(1, 399, 20)]
        assert sorted(source[1:-1]) == rows.tokens[row][1:-1].tolist()
        jumps = int((np.diff(source[1:-1]) != 1).sum())
        assert jumps < len(starts)
        orders.add(tuple(sentence[0] for sentence in sentences))
    assert len(orders) == 60


def test_rotated_documents_begin_in_their_middle() -> None:
    rows = make_rows()
    batch = make_batch(Denoising(mask_rate=0.0, sentence_permutation=False, document_rotation=0.5), rows)
    begins = [read_document(batch, row, 0)[0][1] for row in range(60)]
    for row, begin in enumerate(begins):
        source, target = read_document(batch, row, 0)
        assert source == [2, *range(begin, 408), *range(10, begin), 3]
        assert target == rows.tokens[row].tolist()
    rotated = [begin for begin in begins if begin != 10]
    assert 15 < len(rotated) < 45
    assert len(set(rotated)) > 0.8 * len(rotated)


def test_deletion_leaves_tokens_out_and_never_a_whole_source() -> None:
    batch = make_batch(Denoising(mask_rate=0.0, sentence_permutation=False, token_deletion=0.25), make_rows())
    kept = [len(read_document(batch, row, 0)[0]) for row in range(60)]
    assert np.mean(kept) == pytest.approx(2 + 0.75 * 398, rel=0.02)
    bare = Rows(np.full((60, 4), 9), np.zeros((60, 4), int), np.arange(4)[None].repeat(60, axis=0), WORDS)
    assert (make_batch(Denoising(token_deletion=0.99), bare)["documents"] == np.arange(4)).all()


def test_a_source_never_gets_longer_than_its_row(rows: Rows) -> None:
    crowded = make_rows(length=12)
    for seed in range(30):
        assert make_batch(Denoising(mask_rate=0.5, mean_span_length=1.0), crowded, seed)["tokens"].shape == (60, 12)
    assert make_batch(Denoising(), rows)["tokens"].shape == rows.tokens.shape


@pytest.mark.parametrize("objective", [SpanCorruption(), Denoising(token_deletion=0.1, document_rotation=0.3)])
def test_one_seed_gives_one_batch(objective: Objective, rows: Rows) -> None:
    batch = make_batch(objective, rows)
    same_seed = make_batch(objective, rows)
    other_seed = make_batch(objective, rows, seed=1)

    for name, values in batch.items():
        np.testing.assert_array_equal(same_seed[name], values, name)
    assert not np.array_equal(other_seed["tokens"], batch["tokens"])


@pytest.mark.parametrize("objective", [SpanCorruption(), Denoising(token_deletion=0.1, document_rotation=0.3)])
def test_a_row_does_not_depend_on_others(objective: Objective, rows: Rows) -> None:
    second_half = Rows(rows.tokens[30:], rows.positions[30:], rows.documents[30:], rows.vocabulary, rows.sentences[30:])

    batch = make_batch(objective, rows)
    batch_of_half = objective.make_batch(second_half, Randomness(0, SAMPLES[30:]))

    for name, values in batch.items():
        np.testing.assert_array_equal(batch_of_half[name], values[30:], name)


@pytest.mark.parametrize(("family", "objective"), [("t5", SpanCorruption()), ("bart", Denoising(token_deletion=0.1))])
def test_changing_one_document_moves_no_others_loss_by_one_bit(family: str, objective: Objective, rows: Rows) -> None:
    settings = Architecture(family=family, num_layers=2, hidden_size=32, num_heads=2, max_length=64)
    learner = objective.build_learner(
        PackedModel(build_model(settings, rows.vocabulary, 0), "encoder_decoder"), rows.vocabulary, 0
    )
    ordinary = ~rows.vocabulary.is_special[rows.tokens] & (rows.documents == 0)
    other = np.where(
        ordinary, rows.vocabulary.ordinary_ids[rows.tokens % len(rows.vocabulary.ordinary_ids)], rows.tokens
    )
    changed = dataclasses.replace(rows, tokens=other)

    def losses(rows: Rows) -> list[float]:
        batch = {name: torch.from_numpy(array) for name, array in make_batch(objective, rows).items()}
        documents, found = batch["decoder_documents"], []
        for document in range(int(documents.max()) + 1):
            hidden = learner.model.compute_hidden(batch)[documents == document]
            found.append(learner.model.compute_token_loss(hidden, batch["targets"][documents == document]).item())
        return found

    before, after = losses(rows), losses(changed)
    assert len(before) > 2
    assert [one == two for one, two in zip(before, after, strict=True)] == [False] + [True] * (len(before) - 1)


def test_what_the_tokenizer_lacks_is_named() -> None:
    with pytest.raises(StageFailure, match="no sentinel <extra_id_0>"):
        SpanCorruption().check_tokenizer(Vocabulary(size=10, pad=0, end=1))
    with pytest.raises(StageFailure, match="no end token"):
        SpanCorruption().check_tokenizer(Vocabulary(size=10, pad=0, sentinels=(5,)))
    with pytest.raises(StageFailure, match="no mask token"):
        Denoising().check_tokenizer(Vocabulary(size=10, pad=0, end=1))
    few = Rows(*(np.zeros((2, 64), int) for _ in range(3)), Vocabulary(size=10, pad=0, end=1, sentinels=(5, 6)))
    with pytest.raises(StageFailure, match="3 spans in 64 tokens need as many sentinels, and the tokenizer has only 2"):
        make_batch(SpanCorruption(), few)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "kind", "margin"),
    [("t5", "span_corruption", 2.3), ("bart", "span_corruption", 1.7), ("bart", "denoising", 1.7)],
)
def test_it_learns_real_text(training: Callable[..., Training], family: str, kind: str, margin: float) -> None:
    shape = {
        "family": family,
        "num_layers": 1,
        "hidden_size": 64,
        "num_heads": 2,
        "max_length": 64,
    }
    assert learnt(training(forty_steps(architecture=shape, objective={"kind": kind}, eval_rows=64))) > margin
