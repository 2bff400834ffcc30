"""The interface of a model to the adaptation methods, the same for encoders and for models that generate text."""

from typing import Any, Literal

from torch import nn


class Backbone(nn.Module):
    """A transformers model that an adaptation method freezes, extends or wraps."""

    body: Any
    """the model of transformers, or peft's wrapper of it"""

    def __init__(self, body: Any) -> None:
        super().__init__()
        self.body = body

    @property
    def model_type(self) -> str:
        """The family of the body, by transformers' name."""
        return str(self.body.config.model_type)

    @property
    def task_type(self) -> Literal["FEATURE_EXTRACTION", "CAUSAL_LM", "SEQ_2_SEQ_LM"]:
        """The task of the body, by peft's name."""
        return "FEATURE_EXTRACTION"

    @property
    def projection(self) -> nn.Module | None:
        """The body's projection onto the vocabulary, if it has one."""
        return None
