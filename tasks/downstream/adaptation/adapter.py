"""Houlsby et al., "Parameter-efficient transfer learning for NLP", 2019; Pfeiffer et al., "AdapterFusion", 2021."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from tasks.downstream.adaptation import AdaptationMethod

if TYPE_CHECKING:
    from tasks.downstream.models.backbone import Backbone


class Adapter(AdaptationMethod):
    """Bottlenecks behind the sublayers learn, and the norms, as the first paper has it; all else stays."""

    width: int = Field(16, ge=1)
    """of a bottleneck"""
    after: Literal["both sublayers", "feed-forward"] = "both sublayers"
    """attention and feed-forward as Houlsby et al., or only the latter as Pfeiffer et al."""

    def apply(self, model: "Backbone") -> None:
        """Raises StageFailure for a model whose sublayers cannot be told apart."""
        from tasks.downstream.adaptation._bottleneck import insert_bottlenecks  # noqa: PLC0415 - torch

        insert_bottlenecks(model.body, self.width, attention=self.after == "both sublayers")
