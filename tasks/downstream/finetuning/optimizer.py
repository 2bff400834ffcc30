"""The optimizer of a fit: AdamW, with a learning rate for each layer where the recipe asks for it."""

import torch
from torch import nn

from tasks.downstream.heads import TaskModel
from tasks.downstream.models.layers import assign_weights_to_layers
from tasks.downstream.settings.finetuning import FineTuning


def make_optimizer(head: TaskModel, recipe: FineTuning, rate: float) -> torch.optim.Optimizer:
    """AdamW over the weights that learn, its decay on matrices only. Every group has `share`, of the learning rate."""
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for weight, share in compute_rate_factors(head, recipe.layer_decay):
        if weight.requires_grad:
            groups.setdefault((share, weight.ndim > 1), []).append(weight)
    return torch.optim.AdamW(
        [
            {"params": weights, "share": share, "weight_decay": recipe.weight_decay if matrix else 0.0}
            for (share, matrix), weights in groups.items()
        ],
        lr=rate,
        betas=(0.9, 0.98),
        fused=True,
    )


def compute_rate_factors(head: TaskModel, decay: float) -> list[tuple[nn.Parameter, float]]:
    """Every weight and its share of the learning rate: all of it in the head, less with every layer below."""
    if decay == 1:
        return [(weight, 1.0) for weight in head.parameters()]
    placed = list(assign_weights_to_layers(head.backbone.body))
    top = max(height for _, height in placed)
    lower = {weight: decay ** (top - height) for weight, height in placed}
    return [(weight, lower.get(weight, 1.0)) for weight in head.parameters()]


def compute_schedule_factor(step: int, steps: int, warmup: float) -> float:
    """The learning rate's factor at a step, counted from 1: up in a straight line, then down to zero after the last."""
    rising = warmup * steps
    return step / rising if step < rising else (steps - step + 1) / max(1.0, steps - rising + 1)
