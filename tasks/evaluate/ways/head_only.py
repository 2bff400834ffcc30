"""A linear probe."""

from typing import TYPE_CHECKING, ClassVar

from tasks.evaluate.ways import Way

if TYPE_CHECKING:
    from tasks.evaluate.encoder import Encoder


class HeadOnly(Way):
    """Only the head learns: texts go through the encoder once, for all learning rates, seeds and label counts."""

    frozen: ClassVar[bool] = True

    def apply(self, encoder: "Encoder") -> None:
        """Freeze all."""
        encoder.requires_grad_(False)
