"""Embeddings: SimCSE, MoCo, text pairs, and their common functions."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from tasks.model.families import build_model
from tasks.model.packed import PackedModel
from tasks.model.vocabulary import read_vocabulary
from tasks.pretrain.corruption.text_spans import build_view, find_texts
from tasks.pretrain.corruption.views import CropAndDelete
from tasks.pretrain.data.randomness import Randomness
from tasks.pretrain.data.rows import PackedDataset, Rows
from tasks.pretrain.learners.embedder import EmbeddingLearner, ProjectionLearner, match_texts, mean_pool
from tasks.pretrain.learners.momentum_encoder import MomentumLearner
from tasks.pretrain.objectives.moco import Moco
from tasks.pretrain.objectives.simclr import Simclr
from tasks.pretrain.objectives.simcse import Simcse
from tasks.pretrain.objectives.text_pairs import TextPairs
from tasks.pretrain.training.loop import Training
from tests.pretrain.conftest import CPU, SPECIAL, finish, small, write_shard

SAMPLES = np.arange(16)


@pytest.fixture(scope="module")
def rows(tokens: Path) -> Rows:
    vocabulary = read_vocabulary(tokens / "tokenizer")
    return PackedDataset([tokens / "train"], vocabulary, 32, 2, sentences=True).read_samples(SAMPLES, seed=0)


def build_packed_model(rows: Rows, family: str = "bert") -> PackedModel:
    settings = small(family=family).architecture
    return PackedModel(build_model(settings, rows.vocabulary, seed=0), settings.model_kind)


def as_tensors(arrays: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def test_texts_are_the_first_sentences_that_are_long_enough(rows: Rows) -> None:
    assert rows.sentences is not None
    texts = find_texts(rows, rows.sentences, max_texts=2, min_tokens=4)
    for row in range(len(SAMPLES)):
        kept = [np.flatnonzero(texts.indices[row] == number) for number in range(texts.indices[row].max() + 1)]
        assert len(kept) <= 2
        for positions in kept:
            assert len(positions) >= 4
            assert np.array_equal(positions, np.arange(positions[0], positions[-1] + 1))
            assert len(set(rows.documents[row, positions].tolist())) == 1
            assert not rows.sentences[row, positions[1:]].any() or rows.tokens[row, positions[0]] == 2
    assert (texts.indices == 1).any()


def test_an_embedding_is_the_mean_of_its_text_read_alone(rows: Rows) -> None:
    learner = EmbeddingLearner(build_packed_model(rows), dropout=0.0)
    batch = as_tensors(build_view(rows, Simcse().select_texts(rows), np.ones(rows.tokens.shape, bool)))
    with torch.no_grad():
        embeddings = learner.embed(batch, 8).view(16, 8, -1)
        positions = batch["documents"][3] == 0
        alone = learner.module(batch["tokens"][3:4, positions]).last_hidden_state.mean(1)[0]
    torch.testing.assert_close(embeddings[3, 0], alone, atol=1e-5, rtol=1e-5)
    assert not embeddings[3, int(batch["documents"][3].max()) + 1 :].any(), "texts that are not there are zeros"


def test_a_view_restarts_positions_and_keeps_something_of_each_text(rows: Rows) -> None:
    texts = Moco().select_texts(rows)
    random, augment = Randomness(0, SAMPLES), CropAndDelete(min_crop_fraction=0.3, token_deletion=0.4)
    one, two = (build_view(rows, texts, augment.sample_kept(texts, random, name)) for name in ("query", "key"))
    assert not np.array_equal(one["documents"], two["documents"])
    pairs = [(row, number) for row in range(16) for number in range(texts.indices[row].max() + 1)]
    for row, number in pairs:
        positions = np.flatnonzero(one["documents"][row] == number)
        assert len(positions)
        assert one["positions"][row, positions].tolist() == list(range(len(positions)))
        whole = np.flatnonzero(texts.indices[row] == number)
        assert set(positions.tolist()) <= set(whole.tolist())
    everything = CropAndDelete(min_crop_fraction=1.0, token_deletion=0.0).sample_kept(texts, random, "query")
    assert everything[texts.indices >= 0].all()


@pytest.mark.parametrize("family", ["bert", "roberta", "modernbert", "electra"])
def test_twins_differ_by_dropout_only_and_rows_do_not_share_it(rows: Rows, family: str) -> None:
    learner = Simcse().build_learner(build_packed_model(rows, family), rows.vocabulary, 0)
    assert isinstance(learner, EmbeddingLearner)
    batch = as_tensors(Simcse().make_batch(rows, Randomness(0, SAMPLES)))
    whole = learner.embed(batch, 8, batch["seeds"][:, 0])
    again = learner.embed(batch, 8, batch["seeds"][:, 0])
    assert torch.equal(whole, again), "one seed, one noise"
    twin = learner.embed(batch, 8, batch["seeds"][:, 1])
    there = whole.ne(0).any(-1)
    likeness = torch.cosine_similarity(whole[there], twin[there])
    assert 0.3 < likeness.min() < likeness.max() < 0.9999
    part = {name: tensor[4:] for name, tensor in batch.items()}
    torch.testing.assert_close(learner.embed(part, 8, part["seeds"][:, 0]), whole[4 * 8 :], atol=1e-5, rtol=1e-5)
    Simcse().after_step(learner)
    quiet = learner.embed(batch, 8)
    assert not torch.allclose(quiet, whole)
    assert torch.equal(quiet, learner.embed(batch, 8))


def test_the_contrast_is_the_cross_entropy_over_cosines() -> None:
    torch.manual_seed(0)
    anchors, keys = torch.randn(5, 8), torch.randn(5, 8)
    anchors[3] = 0  # a text that is not there
    keys[3] = 0
    total, count = match_texts(anchors, keys, 0.1)
    expected = 0.0
    there = [0, 1, 2, 4]
    for own in there:
        scores = np.array([torch.cosine_similarity(anchors[own], keys[other], dim=0).item() / 0.1 for other in there])
        expected -= scores[there.index(own)] - np.log(np.exp(scores).sum())
    assert count == 4
    assert total.item() == pytest.approx(expected, rel=1e-5)


def test_pooling_is_the_mean_of_each_text() -> None:
    states = torch.arange(8.0).view(1, 4, 2)
    pooled = mean_pool(states, torch.tensor([[0, 0, -1, 1]]), 3)
    assert pooled.tolist() == [[1.0, 2.0], [6.0, 7.0], [0.0, 0.0]]


def test_the_slow_encoder_follows_and_the_queue_forgets_the_oldest(rows: Rows) -> None:
    objective = Moco(queue_size=24, momentum=0.9)
    learner = objective.build_learner(build_packed_model(rows), rows.vocabulary, seed=0)
    assert isinstance(learner, MomentumLearner)
    before = learner.queue.clone()
    torch.testing.assert_close(before.norm(dim=-1), torch.ones(24))
    with torch.no_grad():
        for weight in learner.module.parameters():
            weight.add_(1.0)
    weight, slow = next(learner.module.parameters()), next(learner.slow.parameters())
    old = slow.clone()
    number = int(objective.compute_loss(learner, as_tensors(objective.make_batch(rows, Randomness(0, SAMPLES))))[1])
    objective.after_step(learner)
    torch.testing.assert_close(slow, old + 0.1 * (weight - old))
    assert 0 < number < 24
    assert int(learner.oldest) == number
    assert torch.equal(learner.queue[number:], before[number:])
    assert not learner.queue[:number].eq(before[:number]).any()
    objective.compute_loss(learner, as_tensors(objective.make_batch(rows, Randomness(0, SAMPLES))))
    objective.after_step(learner)
    assert int(learner.oldest) == 2 * number % 24
    assert {"queue", "oldest"} < learner.state_tensors().keys()
    assert not any(weight.requires_grad for weight in learner.slow.parameters())


def test_validation_and_skipped_steps_leave_the_queue_alone(rows: Rows) -> None:
    objective = Moco(queue_size=24)
    learner = objective.build_learner(build_packed_model(rows), rows.vocabulary, seed=0)
    assert isinstance(learner, MomentumLearner)
    batch = as_tensors(objective.make_batch(rows, Randomness(0, SAMPLES)))
    objective.compute_loss(learner.train(), batch)
    objective.after_skipped_step(learner)
    objective.compute_loss(learner.eval(), batch)
    assert learner.new_keys == []


def test_a_run_with_a_queue_goes_on_to_the_same_bits(training: Callable[..., Training]) -> None:
    settings = small(family="bert", objective={"kind": "moco", "moco": {"queue_size": 16}}, steps=6)
    whole = training(settings, "whole")
    finish(whole)
    finish(training(settings, "stopped"), until=3)
    resumed = training(settings, "stopped")
    assert resumed.resumed_at == 3
    finish(resumed)
    state = resumed.learner.state_tensors()
    assert all(torch.equal(tensor, state[name]) for name, tensor in whole.learner.state_tensors().items())


def test_a_pair_is_the_first_sentence_and_the_rest(rows: Rows) -> None:
    assert rows.sentences is not None
    objective = TextPairs()
    batch = objective.make_batch(rows, Randomness(0, SAMPLES))
    chosen, pairs = objective.select_texts(rows), 0
    for row in range(len(SAMPLES)):
        for number in range(chosen.indices[row].max() + 1):
            first, rest = (np.flatnonzero(batch["documents"][row] == 2 * number + half) for half in (0, 1))
            whole = np.flatnonzero(chosen.indices[row] == number)
            assert np.array_equal(np.concatenate([first, rest]), whole)
            assert rows.sentences[row, first].sum() == 1
            assert not len(rest) or rows.sentences[row, rest[0]]
            pairs += bool(len(rest))
    _, count = objective.compute_loss(EmbeddingLearner(build_packed_model(rows), 0.0), as_tensors(batch))
    assert count == pairs > 3


def test_each_view_is_told_from_all_others_but_not_from_itself(rows: Rows) -> None:
    learner = Simclr().build_learner(build_packed_model(rows), rows.vocabulary, seed=0)
    assert isinstance(learner, ProjectionLearner)
    batch = as_tensors(Simclr().make_batch(rows, Randomness(0, SAMPLES)))
    seen: list[torch.Tensor] = []
    learner.projection.register_forward_hook(lambda _m, _a, out: seen.append(out.detach()))
    total, count = Simclr().compute_loss(learner, batch)
    texts = Simclr().select_texts(rows).indices
    there = np.array([number <= texts[row].max() for row in range(16) for number in range(8)])
    views = torch.nn.functional.normalize(seen[0], dim=-1)[np.tile(there, 2)]
    scores = (views @ views.T / 0.05).double()
    scores.fill_diagonal_(-torch.inf)
    twins = torch.arange(len(views)).roll(len(views) // 2)
    assert count == len(views) == 2 * there.sum()
    assert total.item() == pytest.approx(-scores.log_softmax(-1)[range(len(views)), twins].sum().item(), rel=1e-4)
    assert "projection.0.weight" in learner.state_tensors()
    assert not any("projection" in name for name in Simclr().export_model(learner).state_dict())


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "margin"), [("simcse", 1.0), ("moco", None), ("simclr", 0.5), ("text_pairs", 0.5)])
def test_a_tiny_run_on_real_text_learns(training: Callable[..., Training], kind: str, margin: float | None) -> None:
    """MoCo's first loss is next to 0, as its two encoders are equal at first: from then on the queue has real texts."""
    settings = small(
        family="bert",
        objective={"kind": kind, "moco": {"queue_size": 128}},
        steps=60,
        eval_interval=20,
        batch={"batch_size": 16},
        optimizer={"learning_rate": 0.01},
    )
    run = training(settings)
    finish(run)
    lines = run.metrics.records
    judged = [line["validation_loss"] for line in lines if "validation_loss" in line]
    assert judged[-1] < (judged[0] - 0.4 if margin is None else lines[0]["loss"] - margin)


def read_sts(path: Path) -> list[tuple[float, str, str]]:
    lines = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
    return [(float(line[4]), line[5], line[6]) for line in lines]


def write_tokens(texts: list[str], folder: Path) -> Tokenizer:
    """A tokens artifact in which each text is a document."""
    table = Tokenizer(models.BPE(unk_token="<unk>"))
    table.normalizer, table.decoder = normalizers.Lowercase(), decoders.ByteLevel()
    table.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=4000, special_tokens=list(SPECIAL.values()), initial_alphabet=alphabet, show_progress=False
    )
    table.train_from_iterator(texts, trainer)
    PreTrainedTokenizerFast(tokenizer_object=table, **SPECIAL).save_pretrained(folder / "tokenizer")
    write_shard(folder / "train" / "00000.arrow", [[*each.ids, 3] for each in table.encode_batch(texts)])
    write_shard(folder / "validation" / "00000.arrow", [])
    return table


def correlation(model: torch.nn.Module, table: Tokenizer, pairs: list[tuple[float, str, str]]) -> float:
    """Spearman's, between the judges' scores and the cosines of mean-pooled embeddings."""
    from scipy.stats import spearmanr

    table.enable_padding(pad_id=0)
    table.enable_truncation(64)
    sides = []
    for side in (1, 2):
        read = table.encode_batch([pair[side] for pair in pairs])
        ids, mask = (torch.tensor([getattr(each, name) for each in read]) for name in ("ids", "attention_mask"))
        with torch.no_grad():
            states = model(input_ids=ids, attention_mask=mask).last_hidden_state
        sides.append((states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True))
    return float(spearmanr(torch.cosine_similarity(*sides), [score for score, _, _ in pairs]).statistic)


@pytest.mark.slow
def test_simcse_raises_the_correlation_of_sts_b_over_the_mean_pooled_start(
    shared: Callable[[str], Path], tmp_path: Path
) -> None:
    data = shared("stsb")
    texts = sorted({text for _, *both in read_sts(data / "sts-train.csv") for text in both})[::2]
    table = write_tokens(texts, tmp_path / "tokens")
    settings = small(
        architecture={"family": "bert", "num_layers": 2, "hidden_size": 64, "num_heads": 2, "max_length": 64},
        objective={"kind": "simcse", "simcse": {"text_unit": "document"}},
        batch={"batch_size": 32},
        steps=30,
        eval_interval=30,
        optimizer={"kind": "adamw", "learning_rate": 3e-3},
    )
    run = Training(settings, [tmp_path / "tokens"], tmp_path / "run", CPU)
    pairs = read_sts(data / "sts-dev.csv")[::2]
    start = correlation(run.learner.module, table, pairs)
    finish(run)
    assert start > 0.4
    assert correlation(run.learner.module, table, pairs) > start + 0.04
