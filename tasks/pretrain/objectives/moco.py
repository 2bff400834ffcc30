"""Two crops of a text are alike: momentum contrast, arXiv:1911.05722; for text as in Contriever, arXiv:2112.09118."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal, cast

from pydantic import Field

from tasks.model.vocabulary import Vocabulary
from tasks.pretrain.corruption.text_spans import view
from tasks.pretrain.corruption.views import Augment
from tasks.pretrain.data.arrays import Arrays
from tasks.pretrain.objectives._contrastive import Contrastive

if TYPE_CHECKING:
    from torch import Tensor

    from tasks.model.packed import PackedModel
    from tasks.pretrain.data.randomness import Randomness
    from tasks.pretrain.data.rows import Rows
    from tasks.pretrain.learners.learner import Learner
    from tasks.pretrain.learners.momentum_encoder import Queued


class Moco(Contrastive):
    """Tell a text's other crop, as a slowly moving encoder sees it, from a queue of the texts of earlier steps.

    The queue holds all negatives, so a step is the same however it is split into micro-batches.
    """

    compares: ClassVar[bool] = False

    text: Literal["sentence", "document"] = "document"
    """what an embedding stands for"""
    augment: Augment = Augment()
    queue: int = Field(default=4096, ge=1, description="texts that are remembered as negatives")
    momentum: float = Field(default=0.99, ge=0, lt=1, description="of the slow encoder: near 1 moves little a step")

    def make(self, rows: "Rows", random: "Randomness") -> Arrays:
        """Two crops of each text."""
        texts = self.chosen(rows)
        query, key = (view(rows, texts, self.augment.kept(texts, random, name)) for name in ("query", "key"))
        return {**query, **{f"key_{name}": array for name, array in key.items() if name != "tokens"}}

    def learner(self, model: "PackedModel", vocabulary: Vocabulary, seed: int) -> "Learner":  # noqa: ARG002 - Objective's
        """The model, a copy that follows it, and a queue of random directions."""
        from tasks.pretrain.learners.momentum_encoder import Queued  # noqa: PLC0415 - torch takes seconds to import

        return Queued(model, self.queue, seed)

    def loss(self, learner: "Learner", batch: Mapping[str, "Tensor"]) -> tuple["Tensor", "Tensor"]:
        """Cross entropy of each text's key among it and the queue."""
        queued = cast("Queued", learner)
        others = {"tokens": batch["tokens"], "positions": batch["key_positions"], "documents": batch["key_documents"]}
        keys = queued.keys(others, self.texts)
        return queued.distinguished(queued.embedded(batch, self.texts), keys, self.temperature)

    def stepped(self, learner: "Learner") -> None:
        """The queue takes the new keys, and the slow encoder follows."""
        cast("Queued", learner).move(self.momentum)

    def undone(self, learner: "Learner") -> None:
        """The keys of a batch that is left out are dropped."""
        cast("Queued", learner).fresh.clear()
