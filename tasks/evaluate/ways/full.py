"""Full fine-tuning."""

from typing import TYPE_CHECKING

from tasks.evaluate.ways import Way

if TYPE_CHECKING:
    from tasks.evaluate.encoder import Encoder


class Full(Way):
    """All weights learn."""

    def apply(self, encoder: "Encoder") -> None:
        """Nothing is frozen."""
