"""The upper layers only."""

from typing import TYPE_CHECKING

from pydantic import Field

from tasks.downstream.adaptation import AdaptationMethod
from tasks.errors import StageFailure

if TYPE_CHECKING:
    from tasks.downstream.models.backbone import Backbone


class LastLayers(AdaptationMethod):
    """The last layers learn, with what stands above them; embeddings and lower layers stay.

    The layers of a decoder stand above those of its encoder.
    """

    layers: int = Field(1, ge=1)
    """how many"""

    def apply(self, model: "Backbone") -> None:
        """Raises StageFailure for a model of fewer layers."""
        from tasks.downstream.models.layers import assign_weights_to_layers, find_layers  # noqa: PLC0415 - torch

        count = len(find_layers(model.body))
        if self.layers > count:
            raise StageFailure(
                f"the model has {count} layers, and the last {self.layers} were asked for",
                "Lower evaluate.recipe.adapt.last_layers.layers",
            )
        for weight, height in assign_weights_to_layers(model.body):
            weight.requires_grad_(height > count - self.layers)
