"""The optimizer of a fit: AdamW, with a learning rate for each layer where the settings ask for it."""

import torch
from torch import nn

from tasks.downstream.heads import TaskModel
from tasks.downstream.models.layers import assign_weights_to_layers
from tasks.downstream.settings.finetuning import FineTuning


def make_optimizer(head: TaskModel, finetuning: FineTuning, rate: float) -> torch.optim.Optimizer:
    """Make AdamW over the trainable weights, with weight decay on matrices only.

    Every parameter group has a `rate_factor`, by which the caller multiplies the learning rate of each step.
    """
    # norms and biases are vectors: decaying them would pull scales towards zero
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for weight, factor in compute_rate_factors(head, finetuning.layer_decay):
        if weight.requires_grad:
            groups.setdefault((factor, weight.ndim > 1), []).append(weight)
    return torch.optim.AdamW(
        [
            {"params": weights, "rate_factor": factor, "weight_decay": finetuning.weight_decay if is_matrix else 0.0}
            for (factor, is_matrix), weights in groups.items()
        ],
        lr=rate,
        betas=(0.9, 0.98),
        fused=True,
    )


def compute_rate_factors(head: TaskModel, layer_decay: float) -> list[tuple[nn.Parameter, float]]:
    """Return every weight with its factor of the learning rate: 1 in the head, `layer_decay` less each layer below."""
    if layer_decay == 1:
        return [(weight, 1.0) for weight in head.parameters()]
    weight_layers = list(assign_weights_to_layers(head.backbone.body))
    top = max(layer for _, layer in weight_layers)
    # Weights of the head are not in it, and get 1.
    body_factors = {weight: layer_decay ** (top - layer) for weight, layer in weight_layers}
    return [(weight, body_factors.get(weight, 1.0)) for weight in head.parameters()]


def compute_schedule_factor(step: int, num_steps: int, warmup_fraction: float) -> float:
    """Return the learning rate's factor at a step from 1: linear warmup, then linear decay to zero after the last."""
    warmup_steps = warmup_fraction * num_steps
    if step < warmup_steps:
        return step / warmup_steps
    return (num_steps - step + 1) / max(1.0, num_steps - warmup_steps + 1)
