"""Houlsby et al., "Parameter-efficient transfer learning for NLP", 2019; Pfeiffer et al., "AdapterFusion", 2021."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from tasks.downstream.adaptation import AdaptationMethod

if TYPE_CHECKING:  # settings load without torch
    from tasks.downstream.models.backbone import Backbone


class Adapter(AdaptationMethod):
    """Train bottleneck adapters after the sublayers, and the norms, as Houlsby et al.; all else is frozen."""

    bottleneck_size: int = Field(16, ge=1)
    """hidden units of a bottleneck"""
    sublayers: Literal["both", "feed-forward"] = "both"
    """the sublayers with an adapter after them: attention and feed-forward as Houlsby et al., or only feed-forward as
    Pfeiffer et al."""

    def apply(self, model: "Backbone") -> None:
        """Insert the adapters. Raises StageFailure for a model whose sublayers cannot be told apart."""
        from tasks.downstream.adaptation._bottleneck import insert_bottlenecks  # noqa: PLC0415 - torch

        insert_bottlenecks(model.body, self.bottleneck_size, after_attention=self.sublayers == "both")
