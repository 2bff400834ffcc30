"""Transformers' own model classes, built from random weights."""

from typing import Literal, Self

from pydantic import Field, model_validator

from tasks.block import Block

Family = Literal["bert", "roberta", "modernbert", "electra", "gpt2", "llama", "t5", "bart"]
Reads = Literal["both", "left", "pairs"]
Size = Literal["tiny", "mini", "small", "medium", "base"]

# encoders read in both directions, decoders from left to right, encoder–decoders pairs of source and target
READS: dict[Family, Reads] = {
    "bert": "both",
    "roberta": "both",
    "modernbert": "both",
    "electra": "both",
    "gpt2": "left",
    "llama": "left",
    "t5": "pairs",
    "bart": "pairs",
}

# layers, width, heads: the BERT miniatures of arXiv:1908.08962; "base" is also GPT-2's 124M
SIZES: dict[Size, tuple[int, int, int]] = {
    "tiny": (2, 128, 2),
    "mini": (4, 256, 4),
    "small": (4, 512, 8),
    "medium": (8, 512, 8),
    "base": (12, 768, 12),
}


class Architecture(Block):
    """Which transformers model is trained from random weights, and how large it is."""

    family: Family = "gpt2"
    """gpt2 and llama read from left to right (causal), bert, roberta, modernbert and electra in both directions
    (masked), t5 and bart are encoder–decoders (span corruption, denoising)"""
    size: Size = "mini"
    """layers, width and heads by name: tiny 2/128/2, mini 4/256/4, small 4/512/8, medium 8/512/8, base 12/768/12;
    an encoder–decoder has as many layers in each half"""
    layers: int | None = Field(default=None, ge=1, description="layers, if not those of the size")
    width: int | None = Field(default=None, ge=8, description="width of the hidden states, if not that of the size")
    heads: int | None = Field(default=None, ge=1, description="attention heads, if not those of the size")
    context: int = Field(default=256, ge=8, description="the most tokens the model can read at once")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Layers, width and heads after the overrides."""
        layers, width, heads = SIZES[self.size]
        return self.layers or layers, self.width or width, self.heads or heads

    @property
    def reads(self) -> Reads:
        """Which kind of model the family is."""
        return READS[self.family]

    @model_validator(mode="after")
    def _heads_divide_width(self) -> Self:
        _, width, heads = self.shape
        if width % heads:
            raise ValueError(f"heads must divide the width: {width} is not a multiple of {heads}")
        return self
