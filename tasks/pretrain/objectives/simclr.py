"""Two views of a text are alike: SimCLR, arXiv:2002.05709; of text, as stretches of it with tokens left out."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, cast

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
    from tasks.pretrain.learners.embedder import Projected
    from tasks.pretrain.learners.learner import Learner


class Simclr(Contrastive):
    """Tell a text's other view from all views of all texts."""

    text: Literal["sentence", "document"] = "document"
    """what an embedding stands for"""
    augment: Augment = Augment()
    projection: int = Field(default=128, ge=1, description="width of what is compared; the projection is thrown away")

    def make(self, rows: "Rows", random: "Randomness") -> Arrays:
        """Two views of each text."""
        texts = self.chosen(rows)
        one, two = (view(rows, texts, self.augment.kept(texts, random, name)) for name in ("first", "second"))
        return {**one, **{f"second_{name}": array for name, array in two.items() if name != "tokens"}}

    def learner(self, model: "PackedModel", vocabulary: Vocabulary, seed: int) -> "Learner":  # noqa: ARG002 - Objective's
        """The model with a projection."""
        from tasks.pretrain.learners.embedder import Projected  # noqa: PLC0415 - torch takes seconds to import

        return Projected(model, self.projection, seed)

    def loss(self, learner: "Learner", batch: Mapping[str, "Tensor"]) -> tuple["Tensor", "Tensor"]:
        """Cross entropy of the other view, in both directions."""
        import torch  # noqa: PLC0415 - takes seconds to import

        both = {"tokens": torch.cat([batch["tokens"], batch["tokens"]])}
        both |= {name: torch.cat([batch[name], batch[f"second_{name}"]]) for name in ("positions", "documents")}
        return cast("Projected", learner).agreement(both, self.texts, self.temperature)
