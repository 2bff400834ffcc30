"""One model with what several objectives add to it."""

from torch import nn

from tasks.model.packed import PackedModel
from tasks.pretrain.learners.learner import Learner


class Several(Learner):
    """A learner for each part of a mixture; all hold the same model."""

    def __init__(self, model: PackedModel, parts: dict[str, Learner]) -> None:
        super().__init__(model)
        self.parts = nn.ModuleDict(parts)

    def folder_with(self, name: str) -> Learner:
        """The learner of one part."""
        found = self.parts[name]
        assert isinstance(found, Learner)
        return found
