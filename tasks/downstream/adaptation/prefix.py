"""Li and Liang, "Prefix-tuning", 2021 (arXiv:2101.00190); of encoders Liu et al., "P-tuning v2", 2021."""

from typing import TYPE_CHECKING

from pydantic import Field

from tasks.downstream.adaptation import AdaptationMethod
from tasks.errors import StageFailure

if TYPE_CHECKING:
    from tasks.downstream.models.backbone import Backbone


class Prefix(AdaptationMethod):
    """Keys and values before the text learn, in every layer; by the package peft.

    Where an encoder reads and a decoder writes, they stand before the written text.
    """

    tokens: int = Field(8, ge=1)
    """how many"""

    @property
    def places(self) -> int:
        """The text's positions begin after the prefix."""
        return self.tokens

    def apply(self, model: "Backbone") -> None:
        """Raises StageFailure where peft is not installed, or the model takes no keys from outside, as T5's encoder."""
        from tasks.downstream.adaptation._prompts import find_key_shape, wrap_with_peft  # noqa: PLC0415 - torch

        shape = find_key_shape(model)
        if shape is None or not wrap_with_peft(model, "PrefixTuningConfig", num_virtual_tokens=self.tokens, **shape):
            raise StageFailure(
                f"a model of the type {model.model_type} takes no keys and values from outside",
                "Choose another evaluate.recipe.adapt.kind, as prompt",
            )
