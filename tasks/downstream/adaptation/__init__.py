"""Adaptation methods, full fine-tuning and parameter-efficient ones: one file each.

A method changes a model in place: an encoder before its head is added. Torch and peft are imported when a method runs,
so that settings load without them.
"""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from tasks.block import Block
from tasks.errors import StageFailure

if TYPE_CHECKING:  # settings load without torch
    from tasks.downstream.models.backbone import Backbone


class AdaptationMethod(Block, ABC):
    """The weights of the model that are trained; those of an added head always are."""

    freezes_encoder: ClassVar[bool] = False
    """whether all weights of an encoder are frozen, so that its features are computed once"""

    @property
    def reserved_positions(self) -> int:
        """The number of the model's token positions that the method takes for itself."""
        return 0

    @abstractmethod
    def apply(self, model: "Backbone") -> None:
        """Freeze weights and add the method's own, whose initial values are drawn from torch's random state."""


def import_peft() -> Any:
    """Import and return the package peft. Raises StageFailure where it is not installed."""
    try:
        import peft  # noqa: PLC0415 - an optional extra, and slow to import
    except ImportError as error:
        raise StageFailure(
            "LoRA, prefix and prompt tuning need the package peft, which is not installed",
            "pip install textmill[peft], or choose another evaluate.finetuning.method.kind",
        ) from error
    return peft
