"""Muon, batched by shape, beside fused AdamW.

Muon: Jordan et al. 2024, kellerjordan.github.io/posts/muon. Each matrix's momentum is replaced by the nearest matrix
whose singular values are about 1, so that rare directions are learnt as fast as common ones.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from tasks.pretrain.settings import Optimizer

# quintic polynomial that lifts every singular value in (0, 1] to 0.7 … 1.2 in five turns (Jordan et al. 2024)
QUINTIC = (3.4445, -4.7750, 2.0315)
TURNS = 5
# query, key and value in one matrix are three maps; orthogonalised apart they also have the output projection's shape
FUSED = ("c_attn.weight", "Wqkv.weight", "qkv_proj.weight")


def orthogonalised(matrices_NRC: Tensor) -> Tensor:
    """For each of N matrices U S V': about U V', by Newton–Schulz iteration in the dtype given."""
    tall = matrices_NRC.size(1) > matrices_NRC.size(2)
    turned = matrices_NRC.mT if tall else matrices_NRC
    result = turned / (turned.norm(dim=(1, 2), keepdim=True) + 1e-7)
    a, b, c = QUINTIC
    for _ in range(TURNS):
        gram = result @ result.mT
        result = torch.baddbmm(result, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), result, beta=a)
    found: Tensor = result.mT if tall else result
    return found


class Muon(torch.optim.Optimizer):
    """Takes (matrix, parts) pairs: a matrix of several parts is split along its longer side."""

    def __init__(
        self, matrices: Iterable[tuple[nn.Parameter, int]], lr: float, momentum: float, weight_decay: float
    ) -> None:
        pairs = list(matrices)
        super().__init__(
            [matrix for matrix, _ in pairs], {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
        )
        shapes: dict[tuple[int, ...], list[tuple[nn.Parameter, int, int]]] = defaultdict(list)
        for matrix, parts in pairs:
            for part in range(parts):
                shapes[_split(matrix, parts)[part].shape].append((matrix, parts, part))
            self.state[matrix] = {"momentum": torch.zeros_like(matrix)}
        self._shapes = list(shapes.values())

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """One step: Newton–Schulz runs once for all matrices of a shape."""
        assert closure is None
        (group,) = self.param_groups
        rate, momentum = group["lr"], group["momentum"]
        matrices = group["params"]
        gradients = [matrix.grad for matrix in matrices]
        memories = [self.state[matrix]["momentum"] for matrix in matrices]
        torch._foreach_lerp_(memories, gradients, 1 - momentum)
        if group["weight_decay"]:
            torch._foreach_mul_(matrices, 1 - rate * group["weight_decay"])
        for pieces in self._shapes:
            stack = torch.stack(
                [
                    # Nesterov: look ahead along the momentum
                    _split(matrix.grad, parts)[part].lerp(_split(self.state[matrix]["momentum"], parts)[part], momentum)
                    for matrix, parts, part in pieces
                    if matrix.grad is not None
                ]
            )
            rows, columns = stack.shape[1:]
            update = orthogonalised(stack.bfloat16() if stack.is_cuda else stack)
            # a step moves a hidden state by the same amount whatever the shape
            size = rate * (max(rows, columns) / min(rows, columns)) ** 0.5
            for (matrix, parts, part), change in zip(pieces, update, strict=True):
                _split(matrix, parts)[part].add_(change, alpha=-size)


def _split(matrix: Tensor, parts: int) -> tuple[Tensor, ...]:
    return matrix.chunk(parts, dim=0 if matrix.size(0) > matrix.size(1) else 1) if parts > 1 else (matrix,)


class Optimizers:
    """The optimizers of a model as one: a learning rate factor, a step, and the state by the parameters' names."""

    def __init__(self, settings: Optimizer, model: nn.Module, head: nn.Module) -> None:
        parameters = dict(model.named_parameters())
        self.names: dict[Tensor, str] = {parameter: name for name, parameter in parameters.items()}
        outside = {id(head.weight)} | {id(part.weight) for part in model.modules() if isinstance(part, nn.Embedding)}
        muon = settings.kind == "muon"
        inside = {name: p for name, p in parameters.items() if muon and p.ndim == 2 and id(p) not in outside}
        rest = [parameter for name, parameter in parameters.items() if name not in inside]
        self.parts: list[torch.optim.Optimizer] = [_adamw(settings, rest)]
        if inside:
            matrices = [(matrix, 3 if name.endswith(FUSED) else 1) for name, matrix in inside.items()]
            self.parts.append(Muon(matrices, settings.matrix_learning_rate, settings.momentum, settings.weight_decay))
        self._rates = [[group["lr"] for group in part.param_groups] for part in self.parts]

    def step(self, factor: float) -> None:
        """One step with every learning rate times `factor`; the gradients are dropped."""
        for part, rates in zip(self.parts, self._rates, strict=True):
            for group, rate in zip(part.param_groups, rates, strict=True):
                group["lr"] = rate * factor
            part.step()
            part.zero_grad(set_to_none=True)

    def state(self) -> dict[str, Tensor]:
        """Every tensor of the state, named `parameter:what`."""
        return {
            f"{self.names[parameter]}:{what}": tensor
            for part in self.parts
            for parameter, kept in part.state.items()
            for what, tensor in kept.items()
        }

    def load(self, state: dict[str, Tensor]) -> None:
        """Take back what `state` gave."""
        kept: dict[str, dict[str, Tensor]] = defaultdict(dict)
        for key, tensor in state.items():
            name, _, what = key.rpartition(":")
            kept[name][what] = tensor
        for part in self.parts:
            for parameter in (each for group in part.param_groups for each in group["params"]):
                part.state[parameter] = {
                    what: tensor.to(parameter.device) for what, tensor in kept[self.names[parameter]].items()
                }


def _adamw(settings: Optimizer, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    decaying = [p for p in parameters if p.ndim >= 2]
    others = [p for p in parameters if p.ndim < 2]
    return torch.optim.AdamW(
        [{"params": decaying, "weight_decay": settings.weight_decay}, {"params": others, "weight_decay": 0.0}],
        lr=settings.learning_rate,
        betas=(settings.beta1, settings.beta2),
        fused=True,
    )
