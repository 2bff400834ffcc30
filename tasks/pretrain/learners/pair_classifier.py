"""Two segments, and a guess from their <cls> of how they belong together."""

from collections.abc import Mapping

from torch import Tensor, nn
from torch.nn import functional

from tasks.model.families import seeded
from tasks.model.packed import PackedModel
from tasks.pretrain.learners.learner import Learner


class Related(Learner):
    """The model, and BERT's pooler with a classifier of two classes upon it."""

    def __init__(self, model: PackedModel, seed: int) -> None:
        super().__init__(model)
        width = model.module.config.hidden_size
        with seeded(seed):
            self.classifier = nn.Sequential(nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 2))

    def losses(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Sums of the cross entropies of the hidden tokens, and of the pairs' relations."""
        given = dict(batch)
        if getattr(self.module.config, "type_vocab_size", 1) < 2:  # not every family tells segments apart
            del given["types"]
        hidden = self.model.hidden(given).flatten(0, 1)
        guessed = self.model.token_loss(hidden.index_select(0, batch["places"]), batch["targets"])
        logits = self.classifier(hidden.index_select(0, batch["pair_places"])).float()
        return guessed, functional.cross_entropy(logits, batch["relations"], reduction="sum", ignore_index=-100)
