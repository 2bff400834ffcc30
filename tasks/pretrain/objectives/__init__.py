"""What to hide, and how to score the guess: one file, one objective."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from tasks.block import Block
from tasks.model.architecture import Reads
from tasks.model.vocabulary import Vocabulary
from tasks.pretrain.data.arrays import Arrays

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

    from tasks.model.packed import PackedModel
    from tasks.pretrain.data.randomness import Randomness
    from tasks.pretrain.data.rows import Rows
    from tasks.pretrain.learners.learner import Learner


class Objective(Block, ABC):
    """What the model learns to guess."""

    reads: ClassVar[Reads]
    """the kind of model it needs"""
    sentences: ClassVar[bool] = False
    """whether `make` asks where sentences begin: `Rows.sentences`"""
    loss_is: ClassVar[str] = "mean cross entropy of a guessed token, in nats"
    """what the number is that `loss` gives, for those who read it"""
    perplexity: ClassVar[bool] = True
    """whether the loss is the cross entropy of tokens alone, so that its exponential is a perplexity"""
    compares: ClassVar[bool] = False
    """whether `loss` compares the rows of a micro-batch, so that fewer rows at once are another task"""

    def needs(self, vocabulary: Vocabulary) -> None:
        """Raise StageFailure when the tokenizer lacks a special token that the objective cannot do without."""

    @abstractmethod
    def make(self, rows: "Rows", random: "Randomness") -> Arrays:
        """The batch for some packed rows: a pure function of both. Shapes must not depend on the content."""

    def learner(self, model: "PackedModel", vocabulary: Vocabulary, seed: int) -> "Learner":  # noqa: ARG002 - for objectives that add to it
        """What is trained: the model, and what the objective adds to it with random weights that depend on `seed`."""
        from tasks.pretrain.learners.learner import Learner  # noqa: PLC0415 - torch takes seconds to import

        return Learner(model)

    @abstractmethod
    def loss(self, learner: "Learner", batch: Mapping[str, "Tensor"]) -> tuple["Tensor", "Tensor"]:
        """Sum of the losses and the number of predictions; the loop divides by the number in the whole step.

        The whole step is all micro-batches of all ranks: the sum of their losses is what an undivided batch would give.
        """

    def stepped(self, learner: "Learner") -> None:
        """Called after each step of the optimizer: move a momentum encoder, fill a queue."""

    def undone(self, learner: "Learner") -> None:
        """Called instead of `stepped` when a step diverged and is left out: forget what its losses left."""

    def exported(self, learner: "Learner") -> "PreTrainedModel":
        """The model that is saved in the end."""
        return learner.module
