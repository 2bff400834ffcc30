"""A transformers model of each family from its settings. One function, one family's configuration.

None has dropout: a single pass over the text cannot be learnt by heart, so dropout only slows it down.
"""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    BertConfig,
    BertForMaskedLM,
    ElectraConfig,
    ElectraForMaskedLM,
    ElectraForPreTraining,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    ModernBertConfig,
    ModernBertForMaskedLM,
    PreTrainedConfig,
    PreTrainedModel,
    RobertaConfig,
    RobertaForMaskedLM,
    T5Config,
    T5ForConditionalGeneration,
)

from tasks.model.architecture import Architecture, Family
from tasks.model.vocabulary import Vocabulary


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Random weights that depend on `seed` only, whatever was drawn before; leaves torch's own randomness alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def _tokens(vocabulary: Vocabulary) -> dict[str, Any]:
    return {
        "vocab_size": vocabulary.size,
        "pad_token_id": vocabulary.pad,
        "bos_token_id": vocabulary.start,
        "eos_token_id": vocabulary.end,
        "attn_implementation": "sdpa",
    }


def _stack(settings: Architecture, vocabulary: Vocabulary) -> dict[str, Any]:
    """The names that all families use but GPT-2 and the encoder–decoders."""
    layers, width, heads = settings.shape
    return {
        "num_hidden_layers": layers,
        "hidden_size": width,
        "num_attention_heads": heads,
        "max_position_embeddings": settings.context,
        **_tokens(vocabulary),
    }


def _bert_like(settings: Architecture, vocabulary: Vocabulary) -> dict[str, Any]:
    return {
        "intermediate_size": 4 * settings.shape[1],
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        **_stack(settings, vocabulary),
    }


def _gated_width(width: int) -> int:
    """Of a feed-forward layer with a gate: two thirds, so that its three matrices weigh as much as two of 4 × width."""
    return -(-8 * width // 3 // 32) * 32


def _bert(settings: Architecture, vocabulary: Vocabulary) -> PreTrainedConfig:
    return BertConfig(**_bert_like(settings, vocabulary))


def _roberta(settings: Architecture, vocabulary: Vocabulary) -> PreTrainedConfig:
    given = _bert_like(settings, vocabulary)
    # its first place has the number behind the padding token's
    given["max_position_embeddings"] = settings.context + vocabulary.pad + 1
    return RobertaConfig(type_vocab_size=1, layer_norm_eps=1e-5, **given)


def _electra(settings: Architecture, vocabulary: Vocabulary) -> PreTrainedConfig:
    """The discriminator's. The generator is made from it by `electra_generator`."""
    return ElectraConfig(embedding_size=settings.shape[1], **_bert_like(settings, vocabulary))


def electra_generator(discriminator: Any, share: float, seed: int) -> PreTrainedModel:
    """ELECTRA's small masked language model, with `share` of the discriminator's width and its very embeddings.

    arXiv:2003.10555, section 3.2: a quarter to a half of the width works best, and tied embeddings help.
    """
    config = copy.deepcopy(discriminator.config)
    width_of_head = config.hidden_size // config.num_attention_heads
    config.num_attention_heads = max(1, round(share * config.num_attention_heads))
    config.hidden_size = config.num_attention_heads * width_of_head
    config.intermediate_size = 4 * config.hidden_size
    with seeded(seed):
        generator = ElectraForMaskedLM(config)
    generator.electra.embeddings = discriminator.electra.embeddings
    generator.generator_lm_head.weight = discriminator.electra.embeddings.word_embeddings.weight
    return generator


def _modernbert(settings: Architecture, vocabulary: Vocabulary) -> PreTrainedConfig:
    """arXiv:2412.13663: rotary positions, gated layers without biases, global attention in every third layer only."""
    return ModernBertConfig(
        intermediate_size=3 * settings.shape[1] // 2,
        cls_token_id=vocabulary.start,
        sep_token_id=vocabulary.end,
        **_stack(settings, vocabulary),
    )


def _gpt2(settings: Architecture, vocabulary: Vocabulary) -> PreTrainedConfig:
    layers, width, heads = settings.shape
    return GPT2Config(
        n_layer=layers,
        n_embd=width,
        n_head=heads,
        n_positions=settings.context,
        # the same curve as GPT-2's "gelu_new", as one fused kernel instead of seven
        activation_function="gelu_pytorch_tanh",
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        resid_pdrop=0.0,
        summary_first_dropout=0.0,
        **_tokens(vocabulary),
    )


def _llama(settings: Architecture, vocabulary: Vocabulary) -> PreTrainedConfig:
    """arXiv:2302.13971: rotary positions, root mean square norms, gated layers without biases."""
    _, width, heads = settings.shape
    return LlamaConfig(
        num_key_value_heads=heads,
        intermediate_size=_gated_width(width),
        # at these sizes a projection of its own would be most of the model
        tie_word_embeddings=True,
        **_stack(settings, vocabulary),
    )


def _t5(settings: Architecture, vocabulary: Vocabulary) -> PreTrainedConfig:
    """arXiv:1910.10683, with the gated layers of version 1.1 (arXiv:2002.05202)."""
    layers, width, heads = settings.shape
    further: dict[str, Any] = {"decoder_start_token_id": vocabulary.pad, "n_positions": settings.context}
    return T5Config(
        num_layers=layers,
        d_model=width,
        num_heads=heads,
        d_kv=width // heads,
        d_ff=_gated_width(width),
        feed_forward_proj="gated-gelu",
        dropout_rate=0.0,
        **_tokens(vocabulary),
        **further,
    )


def _bart(settings: Architecture, vocabulary: Vocabulary) -> PreTrainedConfig:
    """arXiv:1910.13461."""
    layers, width, heads = settings.shape
    return BartConfig(
        encoder_layers=layers,
        decoder_layers=layers,
        d_model=width,
        encoder_attention_heads=heads,
        decoder_attention_heads=heads,
        encoder_ffn_dim=4 * width,
        decoder_ffn_dim=4 * width,
        max_position_embeddings=settings.context,
        dropout=0.0,
        decoder_start_token_id=vocabulary.end if vocabulary.end is not None else vocabulary.pad,
        forced_eos_token_id=vocabulary.end,
        **_tokens(vocabulary),
    )


FAMILIES: dict[Family, tuple[type[PreTrainedModel], Callable[[Architecture, Vocabulary], PreTrainedConfig]]] = {
    "bert": (BertForMaskedLM, _bert),
    "roberta": (RobertaForMaskedLM, _roberta),
    "modernbert": (ModernBertForMaskedLM, _modernbert),
    "electra": (ElectraForPreTraining, _electra),
    "gpt2": (GPT2LMHeadModel, _gpt2),
    "llama": (LlamaForCausalLM, _llama),
    "t5": (T5ForConditionalGeneration, _t5),
    "bart": (BartForConditionalGeneration, _bart),
}


def build_model(settings: Architecture, vocabulary: Vocabulary, seed: int) -> PreTrainedModel:
    """A model with random weights that depend on `seed` only."""
    model, config = FAMILIES[settings.family]
    with seeded(seed):
        return model(config(settings, vocabulary))
