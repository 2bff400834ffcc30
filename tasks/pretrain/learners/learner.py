"""The modules that a run trains and saves: the model, and what its objective adds to it."""

from torch import Tensor, nn

from tasks.model.packed import PackedModel
from tasks.pretrain.distributed.sharding import locate_storage


class Learner(nn.Module):
    """Holds the packed model as `model`, and its transformers module as `module`.

    Objectives subclass it to add heads, a generator, a momentum encoder, a queue. All parameters and buffers are in the
    checkpoints, under the names of the attributes: renaming a submodule or buffer changes the files. Parameters that
    require no gradient are saved and not trained.
    """

    def __init__(self, model: PackedModel) -> None:
        super().__init__()
        self.model = model
        self.module = model.module

    def state_tensors(self) -> dict[str, Tensor]:
        """Return each tensor of `state_dict` once, tied weights under their first name."""
        tensors: dict[str, Tensor] = {}
        seen: set[tuple[int, int]] = set()
        for name, tensor in self.state_dict().items():
            storage = locate_storage(tensor)
            # an empty tensor has no storage of its own: with sharding a rank may hold none of a tensor's rows
            if storage not in seen or not storage[1]:
                tensors[name] = tensor
                seen.add(storage)
        return tensors
