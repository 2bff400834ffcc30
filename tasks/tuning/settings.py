"""The settings of tuning. Machines without optuna read them too."""

from collections.abc import Iterator
from typing import Any

from pydantic import Field, field_validator

from tasks.block import Block
from tasks.tuning.space import Dimension

FINETUNING = "evaluate.finetuning."
# groups below FINETUNING that do not decide how the pretrained model itself is fine-tuned
NOT_TUNABLE = tuple(f"{FINETUNING}{name}." for name in ("unlabelled", "augmentation", "continued_pretraining"))


class Tuning(Block):
    """Try many settings, and find the best on validation: of pretraining by the loss, of fine-tuning by the score."""

    space: tuple[str, ...] = ()
    """the settings to tune: pretrain.optimizer.learning_rate=log:1e-4..1e-2 (also float: and int:), or
    pretrain.schedule.shape=choice:wsd,cosine; or only those of fine-tuning: evaluate.finetuning.epochs=float:1..8"""
    checkpoint: str = "newest"
    """the model that settings of fine-tuning are tried with: key of a pretrain artifact or its first digits, newest,
    or recipe: the model that the recipe gives, which is trained first where it is not in the store"""
    trials: int = Field(default=20, ge=1, description="trials in all; the first is the recipe as it is")
    seed: int = Field(default=0, ge=0, description="decides which settings are tried")
    prune: bool = True
    """stop a trial early when it does worse on validation than the median of the trials before it, once five trials
    have run to their end"""

    @field_validator("space")
    @classmethod
    def _check_paths(cls, space: tuple[str, ...]) -> tuple[str, ...]:
        paths = [dimension.path for dimension in map(Dimension.parse, space)]
        repeated = {path for path in paths if paths.count(path) > 1}
        if repeated:
            raise ValueError(f"{', '.join(sorted(repeated))} is given twice")
        return space

    @field_validator("space")
    @classmethod
    def _check_comparable(cls, space: tuple[str, ...]) -> tuple[str, ...]:
        paths = [dimension.path for dimension in map(Dimension.parse, space)]
        evaluation_paths = [path for path in paths if path.startswith("evaluate.")]
        for path in evaluation_paths:
            if not path.startswith(FINETUNING) or path.startswith(NOT_TUNABLE):
                raise ValueError(
                    f"{path} does not change how the pretrained model is fine-tuned: tune settings of {FINETUNING[:-1]}"
                )
        # All or none: one study has one metric.
        if len(evaluation_paths) not in (0, len(paths)):
            raise ValueError(
                f"{evaluation_paths[0]} does not change the validation loss, which the others are compared by: "
                f"tune {FINETUNING[:-1]} on its own, by the validation score"
            )
        return space

    def dimensions(self) -> Iterator[Dimension]:
        """Parse the settings to tune."""
        return map(Dimension.parse, self.space)

    @property
    def is_finetuning(self) -> bool:
        """Tell whether settings of fine-tuning are tried, by a score that should be high; else it is a loss."""
        return any(path.startswith(FINETUNING) for path in self.space)

    @property
    def metric(self) -> str:
        """Name the metric that trials are compared by."""
        return "validation score" if self.is_finetuning else "validation loss"

    def semantic(self) -> dict[str, Any]:
        """Return what decides a trial: not their number, so that a study can be made longer, nor a model's name."""
        return {name: value for name, value in super().semantic().items() if name not in ("trials", "checkpoint")}
