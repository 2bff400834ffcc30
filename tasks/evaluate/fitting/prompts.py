"""Prompt and prefix tuning by peft on an encoder without a head."""

import warnings
from typing import Any

import torch

from tasks.evaluate.encoder import Encoder
from tasks.evaluate.ways import peft


def prompted(encoder: Encoder, kind: str, **settings: Any) -> bool:
    """Wrap the encoder's body by peft's configuration of that name; whether what it computes depends on the prompt."""
    library = peft()
    config = getattr(library, kind)(task_type="FEATURE_EXTRACTION", **settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft 0.21 asks for a name that transformers 6 will not have
        encoder.body = library.get_peft_model(encoder.body, config)
    ones = torch.ones(1, 2, dtype=torch.long)
    output = encoder.body(input_ids=ones, attention_mask=ones)
    return bool(output.last_hidden_state.requires_grad)
