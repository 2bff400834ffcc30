"""The settings of a search. Read by machines without optuna too."""

from collections.abc import Iterator
from typing import Any

from pydantic import Field, field_validator

from tasks.block import Block
from tasks.search.space import Dimension

FITS = "evaluate.finetuning."
OF_FURTHER_ROWS = tuple(f"{FITS}{name}." for name in ("unlabelled", "augmentation", "continued_pretraining"))


class Search(Block):
    """Try many settings for a while, and find the best on validation: of training by its loss, of fits by the score."""

    space: tuple[str, ...] = ()
    """the settings that may change: pretrain.optimizer.learning_rate=log:1e-4..1e-2 (also float: and int:), or
    pretrain.schedule.shape=choice:wsd,cosine; or only those of fine-tuning: evaluate.finetuning.epochs=float:1..8"""
    checkpoint: str = "newest"
    """what settings of fine-tuning are tried with: key of a pretrain artifact or its first digits, newest, or recipe:
    the model that the recipe gives, which is trained first where it is not there"""
    trials: int = Field(default=20, ge=1, description="trials in all; the first is the recipe as it is")
    seed: int = Field(default=0, ge=0, description="decides which settings are tried")
    prune: bool = True
    """end a trial when it does worse on validation than the median of those before it, after five whole ones"""

    @field_validator("space")
    @classmethod
    def _readable(cls, space: tuple[str, ...]) -> tuple[str, ...]:
        paths = [each.path for each in map(Dimension.parse, space)]
        twice = {path for path in paths if paths.count(path) > 1}
        if twice:
            raise ValueError(f"{', '.join(sorted(twice))} is given twice")
        return space

    @field_validator("space")
    @classmethod
    def _comparable(cls, space: tuple[str, ...]) -> tuple[str, ...]:
        paths = [each.path for each in map(Dimension.parse, space)]
        of_evaluation = [path for path in paths if path.startswith("evaluate.")]
        for path in of_evaluation:
            if not path.startswith(FITS) or path.startswith(OF_FURTHER_ROWS):
                raise ValueError(f"{path} does not change how the pretrained model is fitted: search below {FITS[:-1]}")
        if len(of_evaluation) not in (0, len(paths)):
            raise ValueError(
                f"{of_evaluation[0]} does not change the validation loss, which the others are compared by: "
                f"search below {FITS[:-1]} on its own, by the validation score"
            )
        return space

    def dimensions(self) -> Iterator[Dimension]:
        """The settings that may change."""
        return map(Dimension.parse, self.space)

    @property
    def is_of_fits(self) -> bool:
        """Whether settings of fine-tuning are tried, by a score that should be high; else by a loss."""
        return any(path.startswith(FITS) for path in self.space)

    @property
    def metric(self) -> str:
        """What trials are compared by."""
        return "validation score" if self.is_of_fits else "validation loss"

    def semantic(self) -> dict[str, Any]:
        """What decides a trial: not how many there are, so that a search can be made longer, nor a model's name."""
        return {name: value for name, value in super().semantic().items() if name not in ("trials", "checkpoint")}
