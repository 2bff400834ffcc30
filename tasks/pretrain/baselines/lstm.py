"""What came before transformers: an LSTM on the same rows in as many steps, to compare perplexities with.

Hochreiter and Schmidhuber 1997; two layers with tied embeddings, as in arXiv:1608.05859.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_sequence

from tasks.model.families import seeded
from tasks.model.hardware import Hardware
from tasks.model.projection import linear_cross_entropy
from tasks.pretrain.data.rows import Rows
from tasks.pretrain.settings import Pretrain
from tasks.pretrain.training.training_data import TrainingData
from tasks.pretrain.watchdog import reset_watchdog

LEARNING_RATE = 1e-2
CLIP = 1.0


class Recurrent(nn.Module):
    """Reads each document from left to right and guesses every next token."""

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(size, width)
        nn.init.normal_(self.embedding.weight, std=0.02)
        self.layers = nn.LSTM(width, width, num_layers=2)

    def loss(self, rows: Rows) -> tuple[Tensor, int]:
        """Sum of the cross entropies of all tokens that have one before them in their document, and their number."""
        device = self.embedding.weight.device
        documents = [torch.from_numpy(each).to(device) for each in documents_of(rows) if len(each) > 1]
        read = pack_sequence([each[:-1] for each in documents], enforce_sorted=False)
        targets = pack_sequence([each[1:] for each in documents], enforce_sorted=False).data
        hidden, _ = self.layers(read._replace(data=self.embedding(read.data)))
        return linear_cross_entropy(hidden.data, self.embedding.weight, None, targets), len(targets)


def documents_of(rows: Rows) -> list["np.ndarray[tuple[int], np.dtype[np.int64]]"]:
    """The pieces of documents in some rows."""
    text = rows.documents >= 0
    begins = np.flatnonzero((rows.positions == 0)[text])
    return np.split(rows.tokens[text], begins[1:])


def recurrent_loss(
    settings: Pretrain, corpus: TrainingData, hardware: Hardware, each_step: Callable[[], None] = reset_watchdog
) -> float | None:
    """Validation loss of an LSTM of the model's width after the run's steps; None without validation rows."""
    if not corpus.num_validation:
        return None
    with seeded(settings.seed):
        model = Recurrent(corpus.vocabulary.size, settings.architecture.shape[1])
    model.to(hardware.device)
    optimizer = torch.optim.AdamW(model.parameters(), LEARNING_RATE)
    size = settings.batch.batch_size
    for step in range(settings.num_steps):
        each_step()
        loss, count = model.loss(corpus.load_rows(np.arange(step * size, (step + 1) * size)))
        optimizer.zero_grad()
        (loss / count).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.param_groups[0]["lr"] = LEARNING_RATE * settings.schedule.lr_factor(step, settings.num_steps)
        optimizer.step()
    return _validated(model, corpus, size)


@torch.no_grad()
def _validated(model: Recurrent, corpus: TrainingData, size: int) -> float:
    sums = [
        model.loss(corpus.validation.at(np.arange(begin, min(begin + size, corpus.num_validation)), seed=0))
        for begin in range(0, corpus.num_validation, size)
    ]
    return sum(loss.item() for loss, _ in sums) / sum(count for _, count in sums)
