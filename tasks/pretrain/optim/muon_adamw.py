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

from tasks.pretrain.distributed.ranks import map_over_ranks
from tasks.pretrain.distributed.sharding import gather_full, take_own_shard
from tasks.pretrain.settings import Optimizer

# quintic polynomial that lifts every singular value in (0, 1] to 0.7 … 1.2 in five steps (Jordan et al. 2024)
NS_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
NS_STEPS = 5
# Several linear maps in one matrix: query, key and value, or ModernBERT's input and gate. Orthogonalised separately, as
# they would be in a model that keeps them apart; those of an attention also share the output projection's shape.
FUSED_PARTS = {"c_attn.weight": 3, "Wqkv.weight": 3, "mlp.Wi.weight": 2}
# a head of a few classes has no rare directions that Muon could lift
MIN_MUON_DIM = 8
# a matrix, into how many parts it is split, and the index of one of them
MatrixPart = tuple[nn.Parameter, int, int]


def newton_schulz(matrices_NRC: Tensor) -> Tensor:
    """Return about U V' for each of N matrices U S V', by Newton–Schulz iteration in the dtype given."""
    is_tall = matrices_NRC.size(1) > matrices_NRC.size(2)
    # wide: the Gram matrix has the smaller side
    wide = matrices_NRC.mT if is_tall else matrices_NRC
    # the Frobenius norm is at least the largest singular value, so all of them come into (0, 1]
    result = wide / (wide.norm(dim=(1, 2), keepdim=True) + 1e-7)
    # Each step applies the polynomial a x + b x³ + c x⁵ to every singular value x, without computing any of them.
    a, b, c = NS_COEFFICIENTS
    for _ in range(NS_STEPS):
        gram = result @ result.mT
        # With A = X X': X becomes a X + (b A + c A²) X, in two fused products beside the Gram matrix.
        result = torch.baddbmm(result, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), result, beta=a)
    orthogonalised: Tensor = result.mT if is_tall else result
    return orthogonalised


class Muon(torch.optim.Optimizer):
    """Orthogonalises momentum. Takes (matrix, parts) pairs: a fused matrix is split along its longer side."""

    def __init__(
        self, matrices: Iterable[tuple[nn.Parameter, int]], lr: float, momentum: float, weight_decay: float
    ) -> None:
        pairs = list(matrices)
        super().__init__(
            [matrix for matrix, _ in pairs], {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
        )
        # By shape, so that one batched iteration serves all parts of a shape.
        parts_by_shape: dict[tuple[int, ...], list[MatrixPart]] = defaultdict(list)
        for matrix, num_parts in pairs:
            for index in range(num_parts):
                parts_by_shape[_split_fused(matrix, num_parts)[index].shape].append((matrix, num_parts, index))
            # Made at once and not at the first step, so that checkpoints always have the same tensors.
            self.state[matrix] = {"momentum": torch.zeros_like(matrix)}
        self._parts_by_shape = list(parts_by_shape.values())

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Take one step: Newton–Schulz runs once for all matrices of a shape. Matrices without a gradient stay."""
        assert closure is None
        (group,) = self.param_groups
        rate, momentum = group["lr"], group["momentum"]
        matrices = [matrix for matrix in group["params"] if matrix.grad is not None]
        momenta = [self.state[matrix]["momentum"] for matrix in matrices]
        # An exponential moving average; its scale does not matter, as the update is normalised.
        torch._foreach_lerp_(momenta, [matrix.grad for matrix in matrices], 1 - momentum)
        if group["weight_decay"]:
            # Decoupled decay as in AdamW: on the weights, and not through the gradient.
            torch._foreach_mul_(matrices, 1 - rate * group["weight_decay"])
        for parts in self._parts_by_shape:
            moving = [part for part in parts if part[0].grad is not None]
            if moving:
                self._update_parts(moving, rate, momentum)

    def _update_parts(self, parts: list[MatrixPart], rate: float, momentum: float) -> None:
        """Move parts of one shape."""
        # Nesterov: look ahead along the momentum
        # A sharded matrix is gathered: the iteration needs all of its rows.
        lookahead = {
            matrix: gather_full(matrix.grad.lerp(self.state[matrix]["momentum"], momentum))
            for matrix, _, _ in parts
            if matrix.grad is not None
        }
        stack = torch.stack([_split_fused(lookahead[matrix], num_parts)[index] for matrix, num_parts, index in parts])
        rows, columns = stack.shape[1:]
        # bf16 on a GPU is precise enough, since the iteration only has to bring singular values near 1. Each rank
        # works on a share of the stack.
        updates = map_over_ranks(newton_schulz, stack.bfloat16() if stack.is_cuda else stack)
        # a step moves a hidden state by the same amount whatever the shape
        size = rate * (max(rows, columns) / min(rows, columns)) ** 0.5
        for (matrix, num_parts, index), update in zip(parts, updates, strict=True):
            _add_to_part(matrix, num_parts, index, update, -size)


def _split_fused(matrix: Tensor, num_parts: int) -> tuple[Tensor, ...]:
    # The fused dimension is the longer one: GPT-2 keeps matrices as (in, out), the others as (out, in).
    return matrix.chunk(num_parts, dim=0 if matrix.size(0) > matrix.size(1) else 1) if num_parts > 1 else (matrix,)


def _add_to_part(matrix: Tensor, num_parts: int, index: int, update: Tensor, alpha: float) -> None:
    if isinstance(matrix, DTensor):  # of which this rank has some rows, that may be of several parts
        full = torch.zeros(matrix.shape, device=update.device)
        _split_fused(full, num_parts)[index].copy_(update)
        matrix.add_(take_own_shard(full, matrix), alpha=alpha)
    else:
        _split_fused(matrix, num_parts)[index].add_(update, alpha=alpha)


class Optimizers:
    """The optimizers of a model as one: a learning rate factor, a step, and the state by the parameters' names.

    Parameters that require no gradient belong to none. `rates` multiplies the learning rates of single parameters.
    """

    def __init__(self, settings: Optimizer, model: nn.Module, rates: Mapping[Tensor, float] | None = None) -> None:
        parameters = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
        self.names: dict[Tensor, str] = {parameter: name for name, parameter in parameters.items()}
        # By identity, as a tensor's == compares elements.
        embeddings = {id(weight) for weight in _embedding_weights(model)}
        rate_of = {name: (rates or {}).get(parameter, 1.0) for name, parameter in parameters.items()}
        self.optimizers: list[torch.optim.Optimizer] = []
        # Sorted, so that the optimizers have the same order in every process.
        for rate in sorted(set(rate_of.values())):
            group = {name: parameter for name, parameter in parameters.items() if rate_of[name] == rate}
            self.optimizers += _build_optimizers(settings, group, embeddings, rate)
        # The base rates: each step writes rate × factor over "lr".
        self._rates = [[group["lr"] for group in optimizer.param_groups] for optimizer in self.optimizers]

    def step(self, factor: float) -> None:
        """Take one step with every learning rate times `factor`, and drop the gradients."""
        for optimizer, rates in zip(self.optimizers, self._rates, strict=True):
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * factor
            optimizer.step()
        self.zero_grad()

    def zero_grad(self) -> None:
        """Drop the gradients."""
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)

    def get_state(self) -> dict[str, Tensor]:
        """Return every tensor of the state, named `parameter:tensor`."""
        return {
            f"{self.names[parameter]}:{key}": tensor
            for optimizer in self.optimizers
            for parameter, state in optimizer.state.items()
            for key, tensor in state.items()
        }

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Take back what `get_state` returned."""
        by_name: dict[str, dict[str, Tensor]] = defaultdict(dict)
        for full_key, tensor in state.items():
            # From the right: the tensor's name, the part behind the last colon, has no colon itself.
            name, _, key = full_key.rpartition(":")
            by_name[name][key] = tensor
        for optimizer in self.optimizers:
            for parameter in (parameter for group in optimizer.param_groups for parameter in group["params"]):
                optimizer.state[parameter] = {
                    # beside tensors of the parameter's shape there are numbers, such as that of the steps
                    key: take_own_shard(tensor, parameter)
                    if tensor.shape == parameter.shape
                    else tensor.to(parameter.device)
                    for key, tensor in by_name[self.names[parameter]].items()
                }


def _embedding_weights(model: nn.Module) -> Iterator[Tensor]:
    """Yield the weights with a row a token or position: embeddings and vocabulary projections."""
    for part in model.modules():
        if isinstance(part, nn.Embedding):
            yield part.weight
        elif isinstance(part, PreTrainedModel) and (head := part.get_output_embeddings()) is not None:  # type: ignore[no-untyped-call]
            yield head.weight


def _build_optimizers(
    settings: Optimizer, parameters: dict[str, nn.Parameter], embeddings: set[int], rate: float
) -> list[torch.optim.Optimizer]:
    """Build AdamW, and Muon where it is asked for, over parameters whose learning rates are multiplied with `rate`."""
    uses_muon = settings.kind == "muon"
    matrices = {
        name: p
        for name, p in parameters.items()
        if uses_muon and p.ndim == 2 and min(p.shape) >= MIN_MUON_DIM and id(p) not in embeddings
    }
    others = [parameter for name, parameter in parameters.items() if name not in matrices]
    optimizers: list[torch.optim.Optimizer] = [_build_adamw(settings, others, rate)]
    if matrices:
        pairs = [(matrix, _num_fused_parts(name)) for name, matrix in matrices.items()]
        matrix_rate = rate * settings.matrix_learning_rate
        optimizers.append(Muon(pairs, matrix_rate, settings.momentum, settings.weight_decay))
    return optimizers


def _num_fused_parts(name: str) -> int:
    return next((count for ending, count in FUSED_PARTS.items() if name.endswith(ending)), 1)


def _build_adamw(settings: Optimizer, parameters: list[nn.Parameter], rate: float) -> torch.optim.Optimizer:
    matrices = [p for p in parameters if p.ndim >= 2]
    vectors = [p for p in parameters if p.ndim < 2]  # norms and biases, which do not decay
    return torch.optim.AdamW(
        [{"params": matrices, "weight_decay": settings.weight_decay}, {"params": vectors, "weight_decay": 0.0}],
        lr=rate * settings.learning_rate,
        betas=(settings.beta1, settings.beta2),
        # One pass over each parameter instead of one for each operation.
        fused=True,
    )
