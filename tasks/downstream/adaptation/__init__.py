"""Which of a model's weights learn: one file, one way to adapt a model to a task.

Every way changes a model in place, an encoder before its head is made. What it needs of torch or peft it imports when
it runs, so that settings load without them.
"""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from tasks.block import Block
from tasks.errors import StageFailure

if TYPE_CHECKING:
    from tasks.downstream.models.backbone import Backbone


class AdaptationMethod(Block, ABC):
    """Which of the model's weights learn; those of a head that is added always do."""

    frozen: ClassVar[bool] = False
    """whether no weight of an encoder learns, so that its features are computed once"""

    @property
    def places(self) -> int:
        """Of the places that the model has for tokens, how many the way itself takes."""
        return 0

    @abstractmethod
    def apply(self, model: "Backbone") -> None:
        """Freeze the weights that stay, and add those that the way brings, drawn from torch's random state."""


def import_peft() -> Any:
    """The library peft. Raises StageFailure where it is not installed."""
    try:
        import peft as found  # noqa: PLC0415 - an optional extra, and slow to import
    except ImportError as error:
        raise StageFailure(
            "LoRA, prefix and prompt tuning need the package peft, which is not installed",
            "pip install textmill[peft], or choose another evaluate.recipe.adapt.kind",
        ) from error
    return found
