"""A classifier of segment pairs by their <cls>: next sentence and sentence order prediction."""

from collections.abc import Mapping

from torch import Tensor, nn
from torch.nn import functional

from tasks.model.families import fork_seeded_rng
from tasks.model.packed import PackedModel
from tasks.pretrain.learners.learner import Learner


class PairLearner(Learner):
    """Holds the model, and BERT's pooler with a classifier of two classes."""

    def __init__(self, model: PackedModel, seed: int) -> None:
        super().__init__(model)
        hidden_size = model.module.config.hidden_size
        with fork_seeded_rng(seed):
            self.classifier = nn.Sequential(nn.Linear(hidden_size, hidden_size), nn.Tanh(), nn.Linear(hidden_size, 2))

    def compute_losses(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Return the sums of the cross entropies of the masked tokens, and of the pairs' relations."""
        inputs = dict(batch)
        if getattr(self.module.config, "type_vocab_size", 1) < 2:  # not every family has token types
            del inputs["types"]
        hidden = self.model.compute_hidden(inputs).flatten(0, 1)
        token_loss = self.model.compute_token_loss(hidden.index_select(0, batch["predicted_indices"]), batch["targets"])
        logits = self.classifier(hidden.index_select(0, batch["pair_indices"])).float()
        # -100 marks pairs that do not exist.
        return token_loss, functional.cross_entropy(logits, batch["relations"], reduction="sum", ignore_index=-100)
