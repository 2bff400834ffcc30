"""Muon, batched by shape, beside fused AdamW.

Muon: Jordan et al. 2024, kellerjordan.github.io/posts/muon. Each matrix's momentum is replaced by the nearest matrix
whose singular values are about 1, so that rare directions are learnt as fast as common ones.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from transformers import PreTrainedModel

from tasks.pretrain.distributed.ranks import spread
from tasks.pretrain.distributed.sharding import own_part, whole
from tasks.pretrain.settings import Optimizer

# quintic polynomial that lifts every singular value in (0, 1] to 0.7 … 1.2 in five turns (Jordan et al. 2024)
QUINTIC = (3.4445, -4.7750, 2.0315)
TURNS = 5
# several maps in one matrix: query, key and value, or ModernBERT's input and gate. Orthogonalised apart, those of an
# attention also have the output projection's shape
FUSED = {"c_attn.weight": 3, "Wqkv.weight": 3, "mlp.Wi.weight": 2}

# a head of a few classes has no rare directions that Muon could lift
NARROW = 8
# a matrix, how many parts it has, and the number of one of them
Piece = tuple[nn.Parameter, int, int]


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
        shapes: dict[tuple[int, ...], list[Piece]] = defaultdict(list)
        for matrix, parts in pairs:
            for part in range(parts):
                shapes[_split(matrix, parts)[part].shape].append((matrix, parts, part))
            self.state[matrix] = {"momentum": torch.zeros_like(matrix)}
        self._shapes = list(shapes.values())

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """One step: Newton–Schulz runs once for all matrices of a shape. Matrices without a gradient stay."""
        assert closure is None
        (group,) = self.param_groups
        rate, momentum = group["lr"], group["momentum"]
        matrices = [matrix for matrix in group["params"] if matrix.grad is not None]
        memories = [self.state[matrix]["momentum"] for matrix in matrices]
        torch._foreach_lerp_(memories, [matrix.grad for matrix in matrices], 1 - momentum)
        if group["weight_decay"]:
            torch._foreach_mul_(matrices, 1 - rate * group["weight_decay"])
        for shape in self._shapes:
            pieces = [piece for piece in shape if piece[0].grad is not None]
            if pieces:
                self._move(pieces, rate, momentum)

    def _move(self, pieces: list[Piece], rate: float, momentum: float) -> None:
        # Nesterov: look ahead along the momentum
        ahead = {
            matrix: whole(matrix.grad.lerp(self.state[matrix]["momentum"], momentum))
            for matrix, _, _ in pieces
            if matrix.grad is not None
        }
        stack = torch.stack([_split(ahead[matrix], parts)[part] for matrix, parts, part in pieces])
        rows, columns = stack.shape[1:]
        update = spread(orthogonalised, stack.bfloat16() if stack.is_cuda else stack)
        # a step moves a hidden state by the same amount whatever the shape
        size = rate * (max(rows, columns) / min(rows, columns)) ** 0.5
        for (matrix, parts, part), change in zip(pieces, update, strict=True):
            _add(matrix, parts, part, change, -size)


def _split(matrix: Tensor, parts: int) -> tuple[Tensor, ...]:
    return matrix.chunk(parts, dim=0 if matrix.size(0) > matrix.size(1) else 1) if parts > 1 else (matrix,)


def _add(matrix: Tensor, parts: int, part: int, change: Tensor, alpha: float) -> None:
    if isinstance(matrix, DTensor):  # of which this rank has some rows
        full = torch.zeros(matrix.shape, device=change.device)
        _split(full, parts)[part].copy_(change)
        matrix.add_(own_part(full, matrix), alpha=alpha)
    else:
        _split(matrix, parts)[part].add_(change, alpha=alpha)


class Optimizers:
    """The optimizers of a model as one: a learning rate factor, a step, and the state by the parameters' names.

    Parameters that require no gradient belong to none. `rates` multiplies the learning rates of single parameters.
    """

    def __init__(self, settings: Optimizer, model: nn.Module, rates: Mapping[Tensor, float] | None = None) -> None:
        parameters = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
        self.names: dict[Tensor, str] = {parameter: name for name, parameter in parameters.items()}
        outside = {id(weight) for weight in _embeddings(model)}
        rate_of = {name: (rates or {}).get(parameter, 1.0) for name, parameter in parameters.items()}
        self.parts: list[torch.optim.Optimizer] = []
        for rate in sorted(set(rate_of.values())):
            alike = {name: parameter for name, parameter in parameters.items() if rate_of[name] == rate}
            self.parts += _parts(settings, alike, outside, rate)
        self._rates = [[group["lr"] for group in part.param_groups] for part in self.parts]

    def step(self, factor: float) -> None:
        """One step with every learning rate times `factor`; the gradients are dropped."""
        for part, rates in zip(self.parts, self._rates, strict=True):
            for group, rate in zip(part.param_groups, rates, strict=True):
                group["lr"] = rate * factor
            part.step()
        self.forget()

    def forget(self) -> None:
        """Drop the gradients."""
        for part in self.parts:
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
                    # beside what is kept of each weight there are numbers, such as that of the steps
                    what: own_part(tensor, parameter)
                    if tensor.shape == parameter.shape
                    else tensor.to(parameter.device)
                    for what, tensor in kept[self.names[parameter]].items()
                }


def _embeddings(model: nn.Module) -> Iterator[Tensor]:
    """What stands for tokens or places: embeddings and vocabulary projections."""
    for part in model.modules():
        if isinstance(part, nn.Embedding):
            yield part.weight
        elif isinstance(part, PreTrainedModel) and (head := part.get_output_embeddings()) is not None:  # type: ignore[no-untyped-call]
            yield head.weight


def _parts(
    settings: Optimizer, parameters: dict[str, nn.Parameter], outside: set[int], rate: float
) -> list[torch.optim.Optimizer]:
    """What moves parameters whose learning rates are multiplied with `rate`."""
    muon = settings.kind == "muon"
    inside = {
        name: p
        for name, p in parameters.items()
        if muon and p.ndim == 2 and min(p.shape) >= NARROW and id(p) not in outside
    }
    rest = [parameter for name, parameter in parameters.items() if name not in inside]
    parts: list[torch.optim.Optimizer] = [_adamw(settings, rest, rate)]
    if inside:
        matrices = [(matrix, _num_maps(name)) for name, matrix in inside.items()]
        matrix_rate = rate * settings.matrix_learning_rate
        parts.append(Muon(matrices, matrix_rate, settings.momentum, settings.weight_decay))
    return parts


def _num_maps(name: str) -> int:
    return next((count for ending, count in FUSED.items() if name.endswith(ending)), 1)


def _adamw(settings: Optimizer, parameters: list[nn.Parameter], rate: float) -> torch.optim.Optimizer:
    decaying = [p for p in parameters if p.ndim >= 2]
    others = [p for p in parameters if p.ndim < 2]
    return torch.optim.AdamW(
        [{"params": decaying, "weight_decay": settings.weight_decay}, {"params": others, "weight_decay": 0.0}],
        lr=rate * settings.learning_rate,
        betas=(settings.beta1, settings.beta2),
        fused=True,
    )
