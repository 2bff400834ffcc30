"""Tell which tokens a small generator put in: ELECTRA, arXiv:2003.10555."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, cast

from pydantic import Field

from tasks.model.vocabulary import Vocabulary
from tasks.pretrain.data.arrays import Arrays
from tasks.pretrain.objectives.masked import Masked

if TYPE_CHECKING:
    from torch import Tensor

    from tasks.model.packed import PackedModel
    from tasks.pretrain.data.randomness import Randomness
    from tasks.pretrain.data.rows import Rows
    from tasks.pretrain.learners.electra_generator import Generated
    from tasks.pretrain.learners.learner import Learner


class ReplacedTokenDetection(Masked):
    """Hide some tokens, let a generator guess them, and tell for every token whether it is the original."""

    loss_is: ClassVar[str] = (
        "cross entropy of the generator's guesses, and `weight` times that of the detection, in nats"
    )
    perplexity: ClassVar[bool] = False

    masked: float = Field(default=1.0, ge=0, le=1, description="share of the predicted that become the mask token")
    swapped: float = Field(default=0.0, ge=0, le=1, description="share that become a random token; the rest stays")
    generator: float = Field(default=0.25, gt=0, le=1, description="width of the generator, as a share of the model's")
    weight: float = Field(default=50.0, gt=0, description="of the detection's loss beside the generator's")

    def make(self, rows: "Rows", random: "Randomness") -> Arrays:
        """What the generator reads and must guess; lots for what it puts in; the original tokens."""
        batch = super().make(rows, random)
        lots = random.uniform("sample", len(batch["places"]) // len(rows.tokens))
        return {**batch, "lots": lots.ravel(), "originals": rows.tokens}

    def learner(self, model: "PackedModel", vocabulary: Vocabulary, seed: int) -> "Learner":  # noqa: ARG002 - Objective's
        """The model is the discriminator; the generator is thrown away in the end."""
        from tasks.pretrain.learners.electra_generator import Generated  # noqa: PLC0415 - torch takes seconds to import

        return Generated(model, self.generator, seed)

    def loss(self, learner: "Learner", batch: Mapping[str, "Tensor"]) -> tuple["Tensor", "Tensor"]:
        """The mean of the generator's cross entropy, and `weight` times that of the detection."""
        guessed, detected = cast("Generated", learner).losses(batch)
        # a constant, so that the sum over micro-batches is that of the whole
        places = len(batch["places"]) / batch["tokens"].numel()
        return guessed + self.weight * places * detected, (batch["targets"] >= 0).sum()
