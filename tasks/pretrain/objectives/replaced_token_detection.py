"""Detect the tokens that a small generator has replaced: ELECTRA, arXiv:2003.10555."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, cast

from pydantic import Field

from tasks.model.vocabulary import Vocabulary
from tasks.pretrain.data.arrays import Arrays
from tasks.pretrain.data.randomness import Randomness
from tasks.pretrain.objectives.masked import Masked

if TYPE_CHECKING:  # settings load without torch
    from torch import Tensor

    from tasks.model.packed import PackedModel
    from tasks.pretrain.data.rows import Rows
    from tasks.pretrain.learners.electra_generator import ElectraLearner
    from tasks.pretrain.learners.learner import Learner


class ReplacedTokenDetection(Masked):
    """Mask some tokens, let a generator fill them in, and detect for every token whether it is the original."""

    loss_description: ClassVar[str] = (
        "cross entropy of the generator's predictions, and `discriminator_weight` times that of the detection, in nats"
    )
    has_perplexity: ClassVar[bool] = False

    mask_token_fraction: float = Field(
        default=1.0, ge=0, le=1, description="fraction of the predicted tokens that are replaced by the mask token"
    )
    random_token_fraction: float = Field(
        default=0.0, ge=0, le=1, description="fraction that is replaced by a random token; the rest is kept"
    )
    generator_hidden_fraction: float = Field(
        default=0.25, gt=0, le=1, description="hidden size of the generator as a fraction of the model's"
    )
    discriminator_weight: float = Field(
        default=50.0, gt=0, description="weight of the detection's loss; the generator's has weight 1"
    )

    def make_batch(self, rows: "Rows", random: Randomness) -> Arrays:
        """Make the generator's batch, with random numbers by which its tokens are sampled, and the original tokens."""
        batch = super().make_batch(rows, random)
        # The same number of predictions in each row.
        uniform = random.uniform("sample", len(batch["predicted_indices"]) // len(rows.tokens))
        return {**batch, "uniform": uniform.ravel(), "originals": rows.tokens}

    def build_learner(self, model: "PackedModel", vocabulary: Vocabulary, seed: int) -> "Learner":  # noqa: ARG002 - Objective's
        """Build the model as the discriminator, with a generator that is not exported."""
        from tasks.pretrain.learners.electra_generator import ElectraLearner  # noqa: PLC0415 - torch takes seconds to import

        return ElectraLearner(model, self.generator_hidden_fraction, seed)

    def compute_loss(self, learner: "Learner", batch: Mapping[str, "Tensor"]) -> tuple["Tensor", "Tensor"]:
        """Return the generator's cross entropy, and `discriminator_weight` times that of the detection."""
        generator_loss, detection_loss = cast("ElectraLearner", learner).compute_losses(batch)
        # The loop divides by the number of predictions: this scales the detection's loss to a mean over all positions.
        # It is a constant, so that the sum over micro-batches is that of the whole step.
        prediction_fraction = len(batch["predicted_indices"]) / batch["tokens"].numel()
        total = generator_loss + self.discriminator_weight * prediction_fraction * detection_loss
        return total, (batch["targets"] >= 0).sum()
