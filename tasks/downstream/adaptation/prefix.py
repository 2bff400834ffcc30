"""Li and Liang, "Prefix-tuning", 2021 (arXiv:2101.00190); of encoders Liu et al., "P-tuning v2", 2021."""

from typing import TYPE_CHECKING

from pydantic import Field

from tasks.downstream.adaptation import AdaptationMethod
from tasks.errors import StageFailure

if TYPE_CHECKING:  # settings load without torch
    from tasks.downstream.models.backbone import Backbone


class Prefix(AdaptationMethod):
    """Train keys and values before the text, in every layer; by the package peft.

    In an encoder–decoder they stand before the generated text.
    """

    num_virtual_tokens: int = Field(8, ge=1)
    """length of the prefix"""

    @property
    def reserved_positions(self) -> int:
        """The length of the prefix: the text's positions begin after it."""
        return self.num_virtual_tokens

    def apply(self, model: "Backbone") -> None:
        """Add the prefix. Raises StageFailure without peft, or for a model such as T5's encoder that takes no keys."""
        from tasks.downstream.adaptation._prompts import find_key_shape, wrap_with_peft  # noqa: PLC0415 - torch

        shape = find_key_shape(model)
        if shape is None or not wrap_with_peft(
            model, "PrefixTuningConfig", num_virtual_tokens=self.num_virtual_tokens, **shape
        ):
            raise StageFailure(
                f"a model of the type {model.model_type} takes no keys and values from outside",
                "Choose another evaluate.finetuning.method.kind, such as prompt",
            )
