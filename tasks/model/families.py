"""Build a transformers model of any family from its settings: one function per family's configuration.

No family has dropout: a single pass over the text cannot be memorised, so dropout only slows training down.
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
def fork_seeded_rng(seed: int) -> Iterator[None]:
    """Seed torch's CPU generator within the block, and restore its state afterwards.

    Weights made inside depend on `seed` only, whatever was drawn before.
    """
    # No devices: models are built on the CPU, and the state of a GPU's generator is none of our business.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def _token_arguments(vocabulary: Vocabulary) -> dict[str, Any]:
    return {
        "vocab_size": vocabulary.size,
        "pad_token_id": vocabulary.pad,
        "bos_token_id": vocabulary.start,
        "eos_token_id": vocabulary.end,
        "attn_implementation": "sdpa",
    }


def _common_arguments(settings: Architecture, vocabulary: Vocabulary) -> dict[str, Any]:
    """Arguments under the names that all families share but GPT-2 and the encoder–decoders."""
    num_layers, hidden_size, num_heads = settings.shape
    return {
        "num_hidden_layers": num_layers,
        "hidden_size": hidden_size,
        "num_attention_heads": num_heads,
        "max_position_embeddings": settings.max_length,
        **_token_arguments(vocabulary),
    }


def _bert_arguments(settings: Architecture, vocabulary: Vocabulary) -> dict[str, Any]:
    return {
        "intermediate_size": 4 * settings.shape[1],
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        **_common_arguments(settings, vocabulary),
    }


def _gated_ffn_size(hidden_size: int) -> int:
    """Width of a gated feed-forward layer, a multiple of 32.

    Two thirds of 4 × hidden_size, so that its three matrices have as many weights as the two of a plain layer.
    """
    # Negated floor divisions round up, first to 8/3 of the size, then to the multiple of 32.
    return -(-8 * hidden_size // 3 // 32) * 32


def _bert_config(settings: Architecture, vocabulary: Vocabulary) -> PreTrainedConfig:
    return BertConfig(**_bert_arguments(settings, vocabulary))


def _roberta_config(settings: Architecture, vocabulary: Vocabulary) -> PreTrainedConfig:
    arguments = _bert_arguments(settings, vocabulary)
    # RoBERTa counts positions from the padding token's id + 1 on.
    arguments["max_position_embeddings"] = settings.max_length + vocabulary.pad + 1
    return RobertaConfig(type_vocab_size=1, layer_norm_eps=1e-5, **arguments)


def _electra_config(settings: Architecture, vocabulary: Vocabulary) -> PreTrainedConfig:
    """Configuration of the discriminator; `build_electra_generator` derives the generator's from it."""
    return ElectraConfig(embedding_size=settings.shape[1], **_bert_arguments(settings, vocabulary))


def build_electra_generator(discriminator: Any, hidden_fraction: float, seed: int) -> PreTrainedModel:
    """Build ELECTRA's small masked language model, which shares the discriminator's embeddings.

    Its hidden size is about `hidden_fraction` of the discriminator's, rounded to whole heads. arXiv:2003.10555,
    section 3.2: a quarter to a half works best, and tied embeddings help.
    """
    # A deep copy: the discriminator goes on using its own configuration. `embedding_size` stays the discriminator's,
    # so that the embeddings can be shared.
    config = copy.deepcopy(discriminator.config)
    head_size = config.hidden_size // config.num_attention_heads
    config.num_attention_heads = max(1, round(hidden_fraction * config.num_attention_heads))
    config.hidden_size = config.num_attention_heads * head_size
    config.intermediate_size = 4 * config.hidden_size
    with fork_seeded_rng(seed):
        generator = ElectraForMaskedLM(config)
    # The same module object, not a copy: both models' gradients add up in it.
    generator.electra.embeddings = discriminator.electra.embeddings
    generator.generator_lm_head.weight = discriminator.electra.embeddings.word_embeddings.weight
    return generator


def _modernbert_config(settings: Architecture, vocabulary: Vocabulary) -> PreTrainedConfig:
    """ModernBERT, arXiv:2412.13663: rotary positions, gated layers without biases, every third layer global."""
    return ModernBertConfig(
        # 1152 at a hidden size of 768, as in the released ModernBERT-base.
        intermediate_size=3 * settings.shape[1] // 2,
        cls_token_id=vocabulary.start,
        sep_token_id=vocabulary.end,
        **_common_arguments(settings, vocabulary),
    )


def _gpt2_config(settings: Architecture, vocabulary: Vocabulary) -> PreTrainedConfig:
    num_layers, hidden_size, num_heads = settings.shape
    return GPT2Config(
        n_layer=num_layers,
        n_embd=hidden_size,
        n_head=num_heads,
        n_positions=settings.max_length,
        # The same function as GPT-2's "gelu_new", as one fused kernel instead of seven.
        activation_function="gelu_pytorch_tanh",
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        resid_pdrop=0.0,
        summary_first_dropout=0.0,
        **_token_arguments(vocabulary),
    )


def _llama_config(settings: Architecture, vocabulary: Vocabulary) -> PreTrainedConfig:
    """LLaMA, arXiv:2302.13971: rotary positions, root mean square norms, gated layers without biases."""
    _, hidden_size, num_heads = settings.shape
    return LlamaConfig(
        num_key_value_heads=num_heads,
        intermediate_size=_gated_ffn_size(hidden_size),
        # At these sizes an untied vocabulary projection would be most of the model.
        tie_word_embeddings=True,
        **_common_arguments(settings, vocabulary),
    )


def _t5_config(settings: Architecture, vocabulary: Vocabulary) -> PreTrainedConfig:
    """T5, arXiv:1910.10683, with the gated layers of version 1.1 (arXiv:2002.05202)."""
    num_layers, hidden_size, num_heads = settings.shape
    extra_arguments: dict[str, Any] = {"decoder_start_token_id": vocabulary.pad, "n_positions": settings.max_length}
    return T5Config(
        num_layers=num_layers,
        d_model=hidden_size,
        num_heads=num_heads,
        d_kv=hidden_size // num_heads,
        d_ff=_gated_ffn_size(hidden_size),
        feed_forward_proj="gated-gelu",
        dropout_rate=0.0,
        **_token_arguments(vocabulary),
        **extra_arguments,
    )


def _bart_config(settings: Architecture, vocabulary: Vocabulary) -> PreTrainedConfig:
    """BART, arXiv:1910.13461."""
    num_layers, hidden_size, num_heads = settings.shape
    return BartConfig(
        encoder_layers=num_layers,
        decoder_layers=num_layers,
        d_model=hidden_size,
        encoder_attention_heads=num_heads,
        decoder_attention_heads=num_heads,
        encoder_ffn_dim=4 * hidden_size,
        decoder_ffn_dim=4 * hidden_size,
        max_position_embeddings=settings.max_length,
        dropout=0.0,
        # BART begins its targets with </s>, as the released models do.
        decoder_start_token_id=vocabulary.end if vocabulary.end is not None else vocabulary.pad,
        forced_eos_token_id=vocabulary.end,
        **_token_arguments(vocabulary),
    )


FAMILIES: dict[Family, tuple[type[PreTrainedModel], Callable[[Architecture, Vocabulary], PreTrainedConfig]]] = {
    "bert": (BertForMaskedLM, _bert_config),
    "roberta": (RobertaForMaskedLM, _roberta_config),
    "modernbert": (ModernBertForMaskedLM, _modernbert_config),
    "electra": (ElectraForPreTraining, _electra_config),
    "gpt2": (GPT2LMHeadModel, _gpt2_config),
    "llama": (LlamaForCausalLM, _llama_config),
    "t5": (T5ForConditionalGeneration, _t5_config),
    "bart": (BartForConditionalGeneration, _bart_config),
}


def build_model(settings: Architecture, vocabulary: Vocabulary, seed: int) -> PreTrainedModel:
    """Build a model with random weights that depend on `seed` only."""
    model_class, build_config = FAMILIES[settings.family]
    with fork_seeded_rng(seed):
        return model_class(build_config(settings, vocabulary))
