"""How many floating-point operations training needs, and how many a second a device can do.

Model FLOPs utilisation: PaLM, arXiv:2204.02311 appendix B, with the vocabulary projection counted where tokens are
guessed only.
"""

import time

import torch
from torch import nn

from tasks.model.packed import PackedModel

# dense bf16 products a second by what the GPU is called, from the makers' data sheets; longer names first
PEAKS = {
    "B200": 2250e12,
    "H200": 989e12,
    "H100 PCIe": 756e12,
    "H100": 989e12,
    "A100": 312e12,
    "L40S": 362e12,
    "4090": 165e12,
    "L4": 121e12,
}
# of a matrix that is multiplied to see what a device can do
SIDE, TRIES = {"cpu": 512, "cuda": 8192}, 5


class Flops:
    """What one pass of a model over some tokens needs, forward and backward."""

    def __init__(self, model: PackedModel, length: int) -> None:
        config = model.module.config
        trunk, head = model.trunk, model.head
        self.encoder = _matrices(trunk.get_encoder()) if model.reads == "pairs" else 0
        self.decoder = _matrices(trunk.get_decoder()) if model.reads == "pairs" else _matrices(trunk)
        self.head = 0 if head is None else head.weight.numel()
        self.attention = 12 * int(config.num_hidden_layers) * int(config.hidden_size) * length
        self.pairs = model.reads == "pairs"

    def of(self, tokens: int, guessed: float) -> float:
        """Of a step over so many tokens, at so many of which a token is guessed.

        What an objective does beside the one pass (a generator, a momentum encoder, a twin) is not counted.
        """
        if self.pairs:  # the decoder reads what it guesses
            return 6 * (self.encoder * tokens + (self.decoder + self.head) * guessed) + self.attention * tokens
        return (6 * self.decoder + self.attention) * tokens + 6 * self.head * guessed


def _matrices(module: nn.Module) -> int:
    """Weights that every token is multiplied with."""
    tables = {id(part.weight) for part in module.modules() if isinstance(part, nn.Embedding)}
    return sum(each.numel() for each in module.parameters() if each.ndim == 2 and id(each) not in tables)


def peak(device: str, precision: str) -> float:
    """Operations a second: the maker's for a known GPU in bf16, else those of a large product of matrices, measured."""
    if device.startswith("cuda") and precision == "bf16":
        name = torch.cuda.get_device_name(device)
        known = next((number for part, number in PEAKS.items() if part in name), None)
        if known is not None:
            return known
    kind = torch.device(device).type
    side = SIDE.get(kind, SIDE["cpu"])
    matrix = torch.ones(side, side, device=device, dtype=torch.bfloat16 if precision == "bf16" else torch.float32)
    return max(2 * side**3 / _seconds(matrix) for _ in range(TRIES))


def _seconds(matrix: torch.Tensor) -> float:
    began = time.perf_counter()
    (matrix @ matrix)[0, 0].item()  # waits for it
    return time.perf_counter() - began
