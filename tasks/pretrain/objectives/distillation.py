"""Learn from a teacher's guesses and hidden states: DistilBERT, arXiv:1910.01108 section 2.

Without a teacher, from the model's own moving average: Tarvainen and Valpola 2017, arXiv:1703.01780.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

from pydantic import Field

from tasks.model.architecture import Reads
from tasks.model.folder_digest import content_digest
from tasks.model.vocabulary import Vocabulary
from tasks.pretrain.data.arrays import Arrays
from tasks.pretrain.objectives import Objective
from tasks.pretrain.objectives.causal import Causal
from tasks.pretrain.objectives.masked import Masked

if TYPE_CHECKING:
    from torch import Tensor

    from tasks.model.packed import PackedModel
    from tasks.pretrain.data.randomness import Randomness
    from tasks.pretrain.data.rows import Rows
    from tasks.pretrain.learners.learner import Learner
    from tasks.pretrain.learners.teacher import Taught

CALLED = "pretrain.objective.distillation.teacher"


class Distillation(Objective):
    """Guess tokens, and be like a teacher in what is guessed and in the last hidden states."""

    loss_is: ClassVar[str] = "weighted sum of a guessed token's cross entropy and of its distances from the teacher"
    perplexity: ClassVar[bool] = False

    teacher: str = ""
    """a transformers folder with the same tokenizer, whose model is not trained; empty: the moving average of the model
    itself"""
    task: Literal["masked", "causal"] = "masked"
    """what both guess"""
    masked: Masked = Masked()
    causal: Causal = Causal()
    temperature: float = Field(default=2.0, gt=0, description="of the guesses: higher shows more of the unlikely ones")
    soft: float = Field(default=5.0, ge=0, description="weight of the likeness to the teacher's guesses")
    hard: float = Field(default=2.0, gt=0, description="weight of the tokens themselves")
    hidden: float = Field(default=1.0, ge=0, description="weight of the likeness of the last hidden states")
    momentum: float = Field(default=0.999, ge=0, lt=1, description="of the moving average: near 1 moves little a step")

    def semantic(self) -> dict[str, Any]:
        """It matters what the teacher is, not where it stands; of the tasks only the chosen one counts."""
        other = "causal" if self.task == "masked" else "masked"
        chosen = {name: value for name, value in super().semantic().items() if name != other}
        return {**chosen, "teacher": content_digest(self.teacher, CALLED) if self.teacher else ""}

    @property
    def chosen(self) -> Masked | Causal:
        """The task that teacher and student do."""
        return self.masked if self.task == "masked" else self.causal

    @property
    def reads(self) -> Reads:  # type: ignore[override]
        """What the task's model reads."""
        return self.chosen.reads

    def needs(self, vocabulary: Vocabulary) -> None:
        """What the task needs."""
        self.chosen.needs(vocabulary)

    def make(self, rows: "Rows", random: "Randomness") -> Arrays:
        """The task's batch."""
        return self.chosen.make(rows, random)

    def learner(self, model: "PackedModel", vocabulary: Vocabulary, seed: int) -> "Learner":
        """The model and its teacher."""
        from tasks.pretrain.learners.teacher import Taught, read_teacher  # noqa: PLC0415 - torch takes seconds to import

        folder = Path(self.teacher).expanduser()
        return Taught(model, read_teacher(folder, model, vocabulary) if self.teacher else None, seed)

    def loss(self, learner: "Learner", batch: Mapping[str, "Tensor"]) -> tuple["Tensor", "Tensor"]:
        """The weighted sum of the three losses over the predicted places."""
        guessed, soft, apart = cast("Taught", learner).losses(batch, self.temperature)
        return self.hard * guessed + self.soft * soft + self.hidden * apart, (batch["targets"] >= 0).sum()

    def stepped(self, learner: "Learner") -> None:
        """A teacher that is the model's own average follows."""
        from tasks.pretrain.learners.momentum_encoder import follow  # noqa: PLC0415 - torch takes seconds to import

        if (slow := cast("Taught", learner).slow) is not None:
            follow(slow, learner.module, self.momentum)
