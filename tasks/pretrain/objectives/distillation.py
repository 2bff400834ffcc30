"""Learn from a teacher's predictions and hidden states: DistilBERT, arXiv:1910.01108 section 2.

Without a teacher, from the model's own moving average (mean teacher): Tarvainen and Valpola 2017, arXiv:1703.01780.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

from pydantic import Field

from tasks.model.architecture import ModelKind
from tasks.model.folder_digest import hash_model_folder
from tasks.model.vocabulary import Vocabulary
from tasks.pretrain.data.arrays import Arrays
from tasks.pretrain.data.randomness import Randomness
from tasks.pretrain.objectives import Objective
from tasks.pretrain.objectives.causal import Causal
from tasks.pretrain.objectives.masked import Masked

if TYPE_CHECKING:  # settings load without torch
    from torch import Tensor

    from tasks.model.packed import PackedModel
    from tasks.pretrain.data.rows import Rows
    from tasks.pretrain.learners.learner import Learner
    from tasks.pretrain.learners.teacher import DistillationLearner

TEACHER_SETTING = "pretrain.objective.distillation.teacher"


class Distillation(Objective):
    """Predict tokens, and match a teacher's predictions and last hidden states."""

    loss_description: ClassVar[str] = (
        "weighted sum of a predicted token's cross entropy and of its distances from the teacher"
    )
    has_perplexity: ClassVar[bool] = False

    teacher: str = ""
    """a transformers folder with the same tokenizer, whose model stays frozen; empty: the moving average of the model
    itself"""
    task: Literal["masked", "causal"] = "masked"
    """the language modelling task of teacher and student"""
    masked: Masked = Masked()
    causal: Causal = Causal()
    temperature: float = Field(
        default=2.0, gt=0, description="divisor of the logits: higher values show more of the unlikely predictions"
    )
    alpha_kl: float = Field(default=5.0, ge=0, description="weight of the divergence from the teacher's predictions")
    alpha_lm: float = Field(default=2.0, gt=0, description="weight of the cross entropy of the tokens themselves")
    alpha_cos: float = Field(
        default=1.0, ge=0, description="weight of the cosine distance between the last hidden states"
    )
    ema_decay: float = Field(
        default=0.999, ge=0, lt=1, description="decay a step of the moving average that is the teacher"
    )

    def semantic(self) -> dict[str, Any]:
        """Return the settings for a key: the teacher's content instead of its path, and only the chosen task's."""
        # a moved teacher must not change the key, and a retrained one must
        other_task = "causal" if self.task == "masked" else "masked"
        fields = {name: value for name, value in super().semantic().items() if name != other_task}
        return {**fields, "teacher": hash_model_folder(self.teacher, TEACHER_SETTING) if self.teacher else ""}

    @property
    def chosen_task(self) -> Masked | Causal:
        """The settings of the task that teacher and student perform."""
        return self.masked if self.task == "masked" else self.causal

    @property
    def model_kind(self) -> ModelKind:  # type: ignore[override]
        """The kind of model that the task needs."""
        return self.chosen_task.model_kind

    def check_tokenizer(self, vocabulary: Vocabulary) -> None:
        """Raise StageFailure when the tokenizer lacks a special token that the task needs."""
        self.chosen_task.check_tokenizer(vocabulary)

    def make_batch(self, rows: "Rows", random: Randomness) -> Arrays:
        """Make the task's batch."""
        return self.chosen_task.make_batch(rows, random)

    def build_learner(self, model: "PackedModel", vocabulary: Vocabulary, seed: int) -> "Learner":
        """Build the student with its teacher. Raises StageFailure when the teacher does not fit."""
        from tasks.pretrain.learners.teacher import DistillationLearner, load_teacher  # noqa: PLC0415 - torch takes seconds to import

        folder = Path(self.teacher).expanduser()
        return DistillationLearner(model, load_teacher(folder, model, vocabulary) if self.teacher else None, seed)

    def compute_loss(self, learner: "Learner", batch: Mapping[str, "Tensor"]) -> tuple["Tensor", "Tensor"]:
        """Return the weighted sum of the three losses over the predicted positions."""
        token_loss, divergence, distance = cast("DistillationLearner", learner).compute_losses(batch, self.temperature)
        total = self.alpha_lm * token_loss + self.alpha_kl * divergence + self.alpha_cos * distance
        return total, (batch["targets"] >= 0).sum()

    def after_step(self, learner: "Learner") -> None:
        """Update a teacher that is the model's own moving average."""
        from tasks.pretrain.learners.momentum_encoder import update_ema  # noqa: PLC0415 - torch takes seconds to import

        if (slow := cast("DistillationLearner", learner).slow) is not None:
            update_ema(slow, learner.module, self.ema_decay)
