"""Prompt and prefix tuning by the package peft."""

import warnings
from typing import Any

import torch

from tasks.downstream.adaptation import import_peft
from tasks.downstream.models.backbone import Backbone


def wrap_with_peft(model: Backbone, config_name: str, **settings: Any) -> bool:
    """Wrap the model's body by a peft configuration; return whether the body's output depends on the prompt."""
    library = import_peft()
    config = getattr(library, config_name)(task_type=model.task_type, **settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft 0.21 asks for a name that transformers 6 will not have
        model.body = library.get_peft_model(model.body, config)
    # some families ignore the keys or embeddings that peft passes to them, without an error
    # peft freezes the body, so an output that requires a gradient depends on the prompt.
    return bool(_run_body(model)[0].requires_grad)


@torch.no_grad()
def find_key_shape(model: Backbone) -> dict[str, int] | None:
    """Return the shape of a generator's cached keys of a token as peft's settings; None when it caches none.

    For an encoder return no settings: peft takes its shape from the configuration, which describes the encoder of two
    stacks.
    """
    if model.task_type == "FEATURE_EXTRACTION":
        return {}
    cache = getattr(_run_body(model), "past_key_values", None)
    # An encoder–decoder's cache has two parts; the prefix stands in that of the decoder's self-attention.
    own_cache = getattr(cache, "self_attention_cache", cache)
    if own_cache is None:
        return None
    _, heads, _, width = own_cache.layers[0].keys.shape
    return {"num_layers": len(own_cache.layers), "num_attention_heads": heads, "token_dim": heads * width}


def _run_body(model: Backbone) -> Any:
    """Return the body's output for a text of two tokens."""
    ones = torch.ones(1, 2, dtype=torch.long)
    decoder_inputs = {"decoder_input_ids": ones} if model.task_type == "SEQ_2_SEQ_LM" else {}
    return model.body(input_ids=ones, attention_mask=ones, **decoder_inputs)
