"""Full fine-tuning."""

from typing import TYPE_CHECKING

from tasks.downstream.adaptation import Way

if TYPE_CHECKING:
    from tasks.downstream.models.backbone import Backbone


class Full(Way):
    """All weights learn."""

    def apply(self, model: "Backbone") -> None:
        """Nothing is frozen."""
