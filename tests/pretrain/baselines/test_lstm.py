from pathlib import Path

import numpy as np
import pytest
import torch

from tasks.pretrain.baselines.kneser_ney import extract_ngrams
from tasks.pretrain.baselines.lstm import LstmModel, compute_lstm_loss, split_into_documents
from tasks.pretrain.training.training_data import TrainingData
from tests.pretrain.conftest import CPU, small


@pytest.fixture
def corpus(tokens: Path) -> TrainingData:
    return TrainingData(small(), [tokens])


def test_documents_are_taken_apart_and_each_is_read_alone(corpus: TrainingData) -> None:
    rows = corpus.load_rows(np.arange(40))
    documents = split_into_documents(rows)
    assert sum(map(len, documents)) == (rows.documents >= 0).sum()
    assert all(document[0] == corpus.start for document in documents)
    torch.manual_seed(0)
    model = LstmModel(500, 16)
    loss, count = model.compute_loss(rows)
    assert count == len(extract_ngrams(rows)), "the same tokens are predicted as by a causal model"
    assert loss.item() / count == pytest.approx(np.log(500), rel=0.02)
    alone = 0.0
    for document in map(torch.from_numpy, documents):
        hidden, _ = model.layers(model.embedding(document[:-1]))
        logits = hidden @ model.embedding.weight.T
        alone += torch.nn.functional.cross_entropy(logits, document[1:], reduction="sum").item()
    assert loss.item() == pytest.approx(alone, rel=1e-5)


@pytest.mark.slow
def test_it_learns_the_same_each_time(tokens: Path, corpus: TrainingData) -> None:
    settings = small(steps=30)
    loss = compute_lstm_loss(settings, corpus, CPU, on_step=lambda: None)
    assert loss == compute_lstm_loss(settings, corpus, CPU, on_step=lambda: None)
    assert loss < np.log(500) - 0.5
    corpus.num_validation = 0
    assert compute_lstm_loss(settings, corpus, CPU, on_step=lambda: None) is None
