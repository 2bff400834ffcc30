"""A transformers model of each family from its settings. One function, one family."""

from collections.abc import Callable

import torch
from transformers import BertConfig, BertForMaskedLM, GPT2Config, GPT2LMHeadModel, PreTrainedModel

from tasks.model.architecture import Architecture, Family
from tasks.model.vocabulary import Vocabulary


def _bert(settings: Architecture, vocabulary: Vocabulary) -> PreTrainedModel:
    layers, width, heads = settings.shape
    config = BertConfig(  # type: ignore[call-arg]
        vocab_size=vocabulary.size,
        num_hidden_layers=layers,
        hidden_size=width,
        num_attention_heads=heads,
        intermediate_size=4 * width,
        max_position_embeddings=settings.context,
        pad_token_id=vocabulary.pad,
        bos_token_id=vocabulary.start,
        eos_token_id=vocabulary.end,
        # a single pass over the text cannot be learnt by heart, so dropout only slows it down
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        attn_implementation="sdpa",
    )
    return BertForMaskedLM(config)


def _gpt2(settings: Architecture, vocabulary: Vocabulary) -> PreTrainedModel:
    layers, width, heads = settings.shape
    config = GPT2Config(  # type: ignore[call-arg]
        vocab_size=vocabulary.size,
        n_layer=layers,
        n_embd=width,
        n_head=heads,
        n_positions=settings.context,
        # the same curve as GPT-2's "gelu_new", as one fused kernel instead of seven
        activation_function="gelu_pytorch_tanh",
        pad_token_id=vocabulary.pad,
        bos_token_id=vocabulary.start,
        eos_token_id=vocabulary.end,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        resid_pdrop=0.0,
        summary_first_dropout=0.0,
        attn_implementation="sdpa",
    )
    return GPT2LMHeadModel(config)


FAMILIES: dict[Family, Callable[[Architecture, Vocabulary], PreTrainedModel]] = {"bert": _bert, "gpt2": _gpt2}


def build(settings: Architecture, vocabulary: Vocabulary, seed: int) -> PreTrainedModel:
    """Random weights that depend on `seed` only, whatever was drawn before; leaves torch's own randomness alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return FAMILIES[settings.family](settings, vocabulary)
