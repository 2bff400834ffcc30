"""What a run trains and saves: the model, and whatever its objective adds to it."""

from torch import Tensor, nn

from tasks.model.packed import PackedModel
from tasks.pretrain.distributed.sharding import locate_storage


class Learner(nn.Module):
    """The model as `model`, and its transformers module as `module`.

    Objectives subclass it to add heads, a generator, a momentum encoder, a queue.
    All parameters and buffers are in the checkpoints. Parameters that require no gradient are state and not trained.
    """

    def __init__(self, model: PackedModel) -> None:
        super().__init__()
        self.model = model
        self.module = model.module

    def state(self) -> dict[str, Tensor]:
        """Every tensor of `state_dict` once: tied weights under their first name."""
        found: dict[str, Tensor] = {}
        seen: set[tuple[int, int]] = set()
        for name, tensor in self.state_dict().items():
            place = locate_storage(tensor)
            if place not in seen or not place[1]:
                found[name] = tensor
                seen.add(place)
        return found
