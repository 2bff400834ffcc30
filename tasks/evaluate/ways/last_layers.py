"""The upper layers only."""

from typing import TYPE_CHECKING

from pydantic import Field

from tasks.evaluate.ways import Way
from tasks.failure import StageFailure

if TYPE_CHECKING:
    from tasks.evaluate.encoder import Encoder


class LastLayers(Way):
    """The last layers learn, with the norm above them; embeddings and lower layers stay."""

    layers: int = Field(1, ge=1)
    """how many"""

    def apply(self, encoder: "Encoder") -> None:
        """Raises StageFailure for a model of fewer layers."""
        from tasks.evaluate.fitting.layers import heights, layers_of  # noqa: PLC0415 - torch

        count = len(layers_of(encoder.body))
        if self.layers > count:
            raise StageFailure(
                f"the model has {count} layers, and the last {self.layers} were asked for",
                "Lower evaluate.recipe.adapt.last_layers.layers",
            )
        for weight, height in heights(encoder.body):
            weight.requires_grad_(height > count - self.layers)
