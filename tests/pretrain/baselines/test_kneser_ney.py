from pathlib import Path

import numpy as np
import pytest

from tasks.model.vocabulary import Vocabulary, read_vocabulary
from tasks.pretrain.baselines.kneser_ney import KneserNeyModel, compute_trigram_loss, extract_ngrams
from tasks.pretrain.data.randomness import Randomness
from tasks.pretrain.data.rows import PackedDataset, Rows
from tasks.pretrain.objectives.causal import Causal
from tasks.pretrain.training.training_data import TrainingData
from tests.pretrain.conftest import small

WORDS = Vocabulary(size=6, pad=0)


def test_ngrams_end_in_the_tokens_that_a_causal_model_predicts(tokens: Path) -> None:
    packed = PackedDataset([tokens / "train"], read_vocabulary(tokens / "tokenizer"), 32, start=2)
    rows = packed.read_rows(np.arange(20))
    ngrams = extract_ngrams(rows)
    targets = Causal().make_batch(rows, Randomness(0, np.arange(20)))["targets"]
    assert ngrams[:, -1].tolist() == targets[targets >= 0].tolist()
    assert (ngrams[:, -2] < 500).all()
    bare = Rows(np.array([[1, 2, 3, 4, 5, 0]]), np.array([[0, 1, 2, 0, 1, 0]]), np.array([[0, 0, 0, 1, 1, -1]]), WORDS)
    assert extract_ngrams(bare).tolist() == [[6, 1, 2], [1, 2, 3], [6, 4, 5]]


def test_its_probabilities_sum_to_one_in_every_context() -> None:
    random = np.random.default_rng(0)
    training = random.integers(0, 4, (60, 3))
    model = KneserNeyModel(training, 6)
    for context in ([0, 1], [3, 3], [5, 1], [6, 2], [5, 5]):
        probabilities = [np.exp(-model.compute_loss(np.array([[*context, token]]))) for token in range(6)]
        assert sum(probabilities) == pytest.approx(1.0)
        assert min(probabilities) > 0


def test_a_hand_counted_text() -> None:
    # "a b" is followed by c twice and by d once, by nothing else
    training = np.array([[0, 1, 2], [0, 1, 2], [0, 1, 3]])
    model = KneserNeyModel(training, 6)
    discount = 1 / (1 + 2 * 1)
    # below, c and d follow b in one context each; so their probabilities are equal
    lower_discount = 1.0
    unigram = (1 - lower_discount) / 2 + lower_discount * 2 / 2 / 6
    bigram = (1 - lower_discount) / 2 + lower_discount * 2 / 2 * unigram
    trigram = (2 - discount) / 3 + discount * 2 / 3 * bigram
    assert model.compute_loss(np.array([[0, 1, 2]])) == pytest.approx(-np.log(trigram))
    assert model.compute_loss(np.array([[4, 4, 2]])) == pytest.approx(-np.log(unigram)), (
        "an unseen context says nothing"
    )


@pytest.mark.slow
def test_it_knows_more_of_real_text_than_frequencies_do(tokens: Path) -> None:
    vocabulary = read_vocabulary(tokens / "tokenizer")
    training, held = (PackedDataset([tokens / part], vocabulary, 64, start=2) for part in ("train", "validation"))
    seen, other = (extract_ngrams(rows.read_rows(np.arange(len(rows)))) for rows in (training, held))
    counts = np.bincount(seen[:, -1], minlength=500) + 1.0
    frequencies = -np.log(counts / counts.sum())[other[:, -1]].mean()
    assert KneserNeyModel(seen, 500).compute_loss(other) < frequencies - 1
    settings = small(batch={"batch_size": 4, "seq_length": 32}, eval_rows=1000)
    corpus = TrainingData(settings, [tokens])
    few, all_of_it, repeated = (compute_trigram_loss(corpus, rows) for rows in (50, len(corpus), 3 * len(corpus)))
    assert few > all_of_it == repeated, "a second epoch has nothing new to count"
    assert KneserNeyModel(seen, 500).compute_loss(seen) < KneserNeyModel(seen, 500).compute_loss(other)
