"""The learner of a mixture: one model with what several objectives add to it."""

from torch import nn

from tasks.model.packed import PackedModel
from tasks.pretrain.learners.learner import Learner


class MixtureLearner(Learner):
    """Holds a learner for each part of a mixture; all share the same model."""

    def __init__(self, model: PackedModel, parts: dict[str, Learner]) -> None:
        super().__init__(model)
        self.parts = nn.ModuleDict(parts)

    def get_part(self, name: str) -> Learner:
        """Return the learner of one part."""
        learner = self.parts[name]
        assert isinstance(learner, Learner)
        return learner
