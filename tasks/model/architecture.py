"""Settings of a model's architecture: the family of transformers, the size, the maximum length."""

from typing import Literal, Self

from pydantic import Field, model_validator

from tasks.block import Block

Family = Literal["bert", "roberta", "modernbert", "electra", "gpt2", "llama", "t5", "bart"]
ModelKind = Literal["encoder", "decoder", "encoder_decoder"]
Size = Literal["tiny", "mini", "small", "medium", "base"]

# Called a kind and not a type: `config.model_type` of transformers is what is called the family here.
MODEL_KINDS: dict[Family, ModelKind] = {
    "bert": "encoder",
    "roberta": "encoder",
    "modernbert": "encoder",
    "electra": "encoder",
    "gpt2": "decoder",
    "llama": "decoder",
    "t5": "encoder_decoder",
    "bart": "encoder_decoder",
}

# (num_layers, hidden_size, num_heads): the BERT miniatures of arXiv:1908.08962; "base" is also GPT-2's 124M
SIZES: dict[Size, tuple[int, int, int]] = {
    "tiny": (2, 128, 2),
    "mini": (4, 256, 4),
    "small": (4, 512, 8),
    "medium": (8, 512, 8),
    "base": (12, 768, 12),
}


class Architecture(Block):
    """The transformers model that is trained, and its size."""

    family: Family = "gpt2"
    """gpt2 and llama are decoders (causal), bert, roberta, modernbert and electra encoders (masked), t5 and bart
    encoder–decoders (span corruption, denoising)"""
    size: Size = "mini"
    """num_layers/hidden_size/num_heads by name: tiny 2/128/2, mini 4/256/4, small 4/512/8, medium 8/512/8,
    base 12/768/12; an encoder–decoder has as many layers in each half"""
    num_layers: int | None = Field(default=None, ge=1, description="layers, if not those of the size")
    hidden_size: int | None = Field(
        default=None, ge=8, description="width of the hidden states, if not that of the size"
    )
    num_heads: int | None = Field(default=None, ge=1, description="attention heads, if not those of the size")
    max_length: int = Field(default=256, ge=8, description="maximum number of tokens that the model reads at once")

    @property
    def shape(self) -> tuple[int, int, int]:
        """(num_layers, hidden_size, num_heads): those of the size, unless they are set one by one."""
        num_layers, hidden_size, num_heads = SIZES[self.size]
        # `or` is safe: the fields' lower bounds exclude 0.
        return self.num_layers or num_layers, self.hidden_size or hidden_size, self.num_heads or num_heads

    @property
    def model_kind(self) -> ModelKind:
        """The kind of model of this family."""
        return MODEL_KINDS[self.family]

    @model_validator(mode="after")
    def _check_head_size(self) -> Self:
        _, hidden_size, num_heads = self.shape
        if hidden_size % num_heads:
            raise ValueError(f"num_heads must divide hidden_size: {hidden_size} is not a multiple of {num_heads}")
        return self
