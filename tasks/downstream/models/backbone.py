"""What a way to adapt sees of a model, whether it reads only or writes too."""

from typing import Any, Literal

from torch import nn


class Backbone(nn.Module):
    """A transformers model in which something is frozen, added or wrapped."""

    body: Any
    """of transformers, or wrapped by peft"""

    def __init__(self, body: Any) -> None:
        super().__init__()
        self.body = body

    @property
    def model_type(self) -> str:
        """What transformers call the family of the body."""
        return str(self.body.config.model_type)

    @property
    def task_type(self) -> Literal["FEATURE_EXTRACTION", "CAUSAL_LM", "SEQ_2_SEQ_LM"]:
        """What peft calls that which the body does."""
        return "FEATURE_EXTRACTION"

    @property
    def projection(self) -> nn.Module | None:
        """The body's own layer onto the vocabulary, if it has one."""
        return None
