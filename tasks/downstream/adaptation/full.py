"""Full fine-tuning."""

from typing import TYPE_CHECKING

from tasks.downstream.adaptation import AdaptationMethod

if TYPE_CHECKING:  # settings load without torch
    from tasks.downstream.models.backbone import Backbone


class Full(AdaptationMethod):
    """Train all weights."""

    def apply(self, model: "Backbone") -> None:
        """Freeze nothing."""
