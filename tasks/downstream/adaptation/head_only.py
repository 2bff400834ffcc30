"""A linear probe."""

from typing import TYPE_CHECKING, ClassVar

from tasks.downstream.adaptation import AdaptationMethod
from tasks.errors import StageFailure

if TYPE_CHECKING:  # settings load without torch
    from tasks.downstream.models.backbone import Backbone


class HeadOnly(AdaptationMethod):
    """Train only the head: the encoder reads each text once, for all learning rates, seeds and label counts.

    The head of a model that generates text is its projection onto the vocabulary, and every step reads the texts again.
    """

    freezes_encoder: ClassVar[bool] = True

    def apply(self, model: "Backbone") -> None:
        """Freeze all but a projection. Raises StageFailure where it shares its weights with the token embedding."""
        model.requires_grad_(False)
        if model.projection is None:
            return
        # Tied weights: training the projection would also change the embeddings, below all frozen layers.
        if model.projection.weight is model.body.get_input_embeddings().weight:
            raise StageFailure(
                f"the {model.model_type} projects onto its vocabulary by its embedding, so it has no head that could "
                "be trained alone",
                "Choose another evaluate.finetuning.method.kind than head_only, or switch off "
                "evaluate.benchmarks.text_to_text",
            )
        model.projection.requires_grad_(True)
