"""Fine-tuning of the upper layers only."""

from typing import TYPE_CHECKING

from pydantic import Field

from tasks.downstream.adaptation import AdaptationMethod
from tasks.errors import StageFailure

if TYPE_CHECKING:  # settings load without torch
    from tasks.downstream.models.backbone import Backbone


class LastLayers(AdaptationMethod):
    """Train the last layers and the modules above them; embeddings and lower layers are frozen.

    The layers of a decoder are above those of its encoder.
    """

    num_layers: int = Field(1, ge=1)
    """number of layers that are trained"""

    def apply(self, model: "Backbone") -> None:
        """Freeze the lower layers. Raises StageFailure for a model of fewer layers."""
        from tasks.downstream.models.layers import assign_weights_to_layers, find_layers  # noqa: PLC0415 - torch

        total = len(find_layers(model.body))
        if self.num_layers > total:
            raise StageFailure(
                f"the model has {total} layers, and the last {self.num_layers} were asked for",
                "Lower evaluate.finetuning.method.last_layers.num_layers",
            )
        # Numbers from 1; `total + 1` for what stands above the layers, which is trained too.
        for weight, layer in assign_weights_to_layers(model.body):
            weight.requires_grad_(layer > total - self.num_layers)
