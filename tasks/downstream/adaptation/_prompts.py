"""Prompt and prefix tuning by peft."""

import warnings
from typing import Any

import torch

from tasks.downstream.adaptation import import_peft
from tasks.downstream.models.backbone import Backbone


def wrap_with_peft(model: Backbone, kind: str, **settings: Any) -> bool:
    """Wrap the model's body by peft's configuration of that name; whether what it computes depends on the prompt."""
    library = import_peft()
    config = getattr(library, kind)(task_type=model.task_type, **settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft 0.21 asks for a name that transformers 6 will not have
        model.body = library.get_peft_model(model.body, config)
    return bool(_run_body(model)[0].requires_grad)


@torch.no_grad()
def find_key_shape(model: Backbone) -> dict[str, int] | None:
    """How many keys a model that writes keeps of a token, as peft's settings; None when it keeps none.

    Of an encoder nothing: there peft takes the shape from the configuration, which describes the encoder of two stacks.
    """
    if model.task_type == "FEATURE_EXTRACTION":
        return {}
    kept = getattr(_run_body(model), "past_key_values", None)
    own = getattr(kept, "self_attention_cache", kept)
    if own is None:
        return None
    _, heads, _, width = own.layers[0].keys.shape
    return {"num_layers": len(own.layers), "num_attention_heads": heads, "token_dim": heads * width}


def _run_body(model: Backbone) -> Any:
    """What the body makes of two tokens."""
    ones = torch.ones(1, 2, dtype=torch.long)
    written = {"decoder_input_ids": ones} if model.task_type == "SEQ_2_SEQ_LM" else {}
    return model.body(input_ids=ones, attention_mask=ones, **written)
