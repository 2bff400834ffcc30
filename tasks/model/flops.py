"""Floating-point operations that training needs, and the peak rate of a device.

For model FLOPs utilisation as in PaLM, arXiv:2204.02311 appendix B, with the vocabulary projection counted only at
positions where a token is predicted.
"""

import time

import torch
from torch import nn

from tasks.model.packed import PackedModel

# Dense bf16 operations a second by a part of the GPU's name, from the makers' data sheets; longer names first.
PEAK_FLOPS = {
    "B200": 2250e12,
    "H200": 989e12,
    "H100 PCIe": 756e12,
    "H100": 989e12,
    "A100": 312e12,
    "L40S": 362e12,
    "4090": 165e12,
    "L4": 121e12,
}
# Side of the square matrix whose product is timed, and how often it is.
MATRIX_SIZE, NUM_TRIES = {"cpu": 512, "cuda": 8192}, 5


class TrainingFlops:
    """Counts the operations of a model's forward and backward pass."""

    def __init__(self, model: PackedModel, length: int) -> None:
        config = model.module.config
        trunk, head = model.trunk, model.head
        self.encoder = _count_matrix_weights(trunk.get_encoder()) if model.model_kind == "encoder_decoder" else 0
        self.decoder = (
            _count_matrix_weights(trunk.get_decoder())
            if model.model_kind == "encoder_decoder"
            else _count_matrix_weights(trunk)
        )
        # The projection runs only at predicted positions, and may share its weight with the embeddings, which the
        # trunk's count leaves out.
        self.head = 0 if head is None else head.weight.numel()
        # queries × keys and weights × values: 2 products of 2 × hidden_size operations a token and position, times 3
        # for the forward and the backward pass
        self.attention = 12 * int(config.num_hidden_layers) * int(config.hidden_size) * length
        self.is_encoder_decoder = model.model_kind == "encoder_decoder"

    def count_step(self, tokens: int, num_predictions: float) -> float:
        """Count the operations of a step over `tokens` tokens with `num_predictions` predicted tokens.

        Further passes of an objective (a generator, a momentum encoder, a second view) are not counted.
        """
        # 6 operations a weight: 2 in the forward pass, 4 in the backward pass
        if self.is_encoder_decoder:  # the decoder reads the tokens that it predicts
            return 6 * (self.encoder * tokens + (self.decoder + self.head) * num_predictions) + self.attention * tokens
        return (6 * self.decoder + self.attention) * tokens + 6 * self.head * num_predictions


def _count_matrix_weights(module: nn.Module) -> int:
    """Count the weights that every token is multiplied with: all matrices but embedding tables."""
    embeddings = {id(layer.weight) for layer in module.modules() if isinstance(layer, nn.Embedding)}
    return sum(weight.numel() for weight in module.parameters() if weight.ndim == 2 and id(weight) not in embeddings)


def find_peak_flops(device: str, precision: str) -> float:
    """Return a device's operations a second: the data sheet's for a known GPU in bf16, else measured on a product."""
    if device.startswith("cuda") and precision == "bf16":
        name = torch.cuda.get_device_name(device)
        known = next((flops for part, flops in PEAK_FLOPS.items() if part in name), None)
        if known is not None:
            return known
    kind = torch.device(device).type
    side = MATRIX_SIZE.get(kind, MATRIX_SIZE["cpu"])
    matrix = torch.ones(side, side, device=device, dtype=torch.bfloat16 if precision == "bf16" else torch.float32)
    return max(2 * side**3 / _time_product(matrix) for _ in range(NUM_TRIES))


def _time_product(matrix: torch.Tensor) -> float:
    began = time.perf_counter()
    (matrix @ matrix)[0, 0].item()  # waits until the GPU is done
    return time.perf_counter() - began
