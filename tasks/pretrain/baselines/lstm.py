"""An LSTM language model as a baseline: trained on the same rows in as many steps, to compare perplexities with.

Hochreiter and Schmidhuber 1997; two layers with tied embeddings, as in arXiv:1608.05859.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_sequence

from tasks.model.families import fork_seeded_rng
from tasks.model.hardware import Hardware
from tasks.model.projection import linear_cross_entropy
from tasks.pretrain.data.rows import Rows
from tasks.pretrain.settings import Pretrain
from tasks.pretrain.training.training_data import TrainingData
from tasks.pretrain.watchdog import reset_watchdog

LEARNING_RATE = 1e-2
MAX_GRADIENT_NORM = 1.0


class LstmModel(nn.Module):
    """Reads each document from left to right, and predicts every next token."""

    def __init__(self, vocab_size: int, hidden_size: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, hidden_size)
        nn.init.normal_(self.embedding.weight, std=0.02)
        self.layers = nn.LSTM(hidden_size, hidden_size, num_layers=2)

    def compute_loss(self, rows: Rows) -> tuple[Tensor, int]:
        """Return the sum of the cross entropies of all predicted tokens, and their number.

        Predicted are all tokens that have one before them in their document.
        """
        device = self.embedding.weight.device
        documents = [
            torch.from_numpy(document).to(device) for document in split_into_documents(rows) if len(document) > 1
        ]
        # torch's own packing: the states of an LSTM must not flow from one document into the next
        inputs = pack_sequence([document[:-1] for document in documents], enforce_sorted=False)
        targets = pack_sequence([document[1:] for document in documents], enforce_sorted=False).data
        # The packed batch with embeddings in the place of ids.
        hidden, _ = self.layers(inputs._replace(data=self.embedding(inputs.data)))
        return linear_cross_entropy(hidden.data, self.embedding.weight, None, targets), len(targets)


def split_into_documents(rows: Rows) -> list["np.ndarray[tuple[int], np.dtype[np.int64]]"]:
    """Return the tokens of each document, or piece of one, in some rows."""
    is_text = rows.documents >= 0
    # Indices among the text positions of all rows, in which each document begins with position 0.
    starts = np.flatnonzero((rows.positions == 0)[is_text])
    return np.split(rows.tokens[is_text], starts[1:])


def compute_lstm_loss(
    settings: Pretrain, corpus: TrainingData, hardware: Hardware, on_step: Callable[[], None] = reset_watchdog
) -> float | None:
    """Train an LSTM of the model's hidden size for the run's steps, and return its validation loss in nats.

    None without validation rows. `on_step` is called before each step; by default it keeps the watchdog quiet.
    """
    if not corpus.num_validation:
        return None
    with fork_seeded_rng(settings.seed):
        model = LstmModel(corpus.vocabulary.size, settings.architecture.shape[1])
    model.to(hardware.device)
    optimizer = torch.optim.AdamW(model.parameters(), LEARNING_RATE)
    batch_size = settings.batch.batch_size
    for step in range(settings.num_steps):
        on_step()
        loss, count = model.compute_loss(corpus.load_rows(np.arange(step * batch_size, (step + 1) * batch_size)))
        optimizer.zero_grad()
        (loss / count).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), MAX_GRADIENT_NORM)
        optimizer.param_groups[0]["lr"] = LEARNING_RATE * settings.schedule.lr_factor(step, settings.num_steps)
        optimizer.step()
    return _validation_loss(model, corpus, batch_size)


@torch.no_grad()
def _validation_loss(model: LstmModel, corpus: TrainingData, batch_size: int) -> float:
    sums = [
        model.compute_loss(
            corpus.validation.read_samples(np.arange(start, min(start + batch_size, corpus.num_validation)), seed=0)
        )
        for start in range(0, corpus.num_validation, batch_size)
    ]
    return sum(loss.item() for loss, _ in sums) / sum(count for _, count in sums)
