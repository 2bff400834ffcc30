"""An existing model to go on from, checked against the settings before anything is trained."""

from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, PreTrainedConfig, PreTrainedModel
from transformers.utils import logging

from tasks.errors import StageFailure
from tasks.model.architecture import Architecture
from tasks.model.families import FAMILIES, seeded
from tasks.model.vocabulary import Vocabulary
from tasks.model.vocabulary_transfer import Parts, parts_of, revocabulary

# what stands behind the last hidden states: it begins at random when the folder has none
HEADS = ("cls.", "lm_head.", "head.", "decoder.bias", "discriminator_predictions.", "final_logits_bias")


def load(folder: Path, settings: Architecture, tokenizer: Path, vocabulary: Vocabulary, seed: int) -> PreTrainedModel:
    """The model of a transformers folder with the vocabulary of `tokenizer`, in float32 on the CPU, without dropout.

    Raises StageFailure when it is not the model that the settings describe.
    """
    config = _config(folder)
    _check(folder, config, settings)
    parts = _parts(folder, config, tokenizer, vocabulary)
    for name, value in config.to_dict().items():
        if "drop" in name and isinstance(value, float):
            setattr(config, name, 0.0)
    module = _weights(folder, config, settings, seed)
    revocabulary(module, parts)
    _rename(folder, module, parts, vocabulary)
    return module


def _config(folder: Path) -> PreTrainedConfig:
    try:
        config: PreTrainedConfig = AutoConfig.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError) as error:
        raise _unfit(folder, f"cannot be read: {error}", "Give a folder that save_pretrained wrote") from error
    return config


def _unfit(folder: Path, why: str, mend: str) -> StageFailure:
    return StageFailure(f"pretrain.start_from.folder {folder} {why}", mend)


def _check(folder: Path, config: Any, settings: Architecture) -> None:
    if config.model_type != settings.family:
        mend = f"Set pretrain.architecture.family to {config.model_type}"
        if config.model_type not in FAMILIES:
            mend = f"Give a model of one of {', '.join(FAMILIES)}"
        raise _unfit(folder, f"is a {config.model_type}, and not a {settings.family}", mend)
    names = ("layers", "width", "heads")
    found = (config.num_hidden_layers, config.hidden_size, config.num_attention_heads)
    for name, has, asked in zip(names, found, settings.shape, strict=True):
        if has != asked:
            raise _unfit(folder, f"has {has} {name}, and not {asked}", f"Set pretrain.architecture.{name} to {has}")
    most = getattr(config, "max_position_embeddings", settings.context)
    most -= config.pad_token_id + 1 if settings.family == "roberta" else 0
    if most < settings.context:
        mend = f"Lower pretrain.architecture.context to {most} or less"
        raise _unfit(folder, f"can read {most} tokens at once, and not {settings.context}", mend)


def _parts(folder: Path, config: Any, tokenizer: Path, vocabulary: Vocabulary) -> Parts:
    if (folder / "tokenizer.json").exists():
        parts = parts_of(folder, tokenizer)
    else:
        parts = [[number] for number in range(vocabulary.size)]
        if vocabulary.size != config.vocab_size:
            sizes = f"{config.vocab_size} embeddings, and the tokens have {vocabulary.size}"
            raise _unfit(folder, f"has {sizes}", "Put its tokenizer.json and tokenizer_config.json into the folder")
    if max(number for each in parts for number in each) >= config.vocab_size:
        raise _unfit(
            folder, f"has {config.vocab_size} embeddings, fewer than its tokenizer has tokens", "Export it anew"
        )
    if config.model_type == "roberta" and vocabulary.pad != config.pad_token_id:
        raise _unfit(
            folder,
            f"counts its places from the padding token's number {config.pad_token_id} on, and that of the tokens is "
            f"{vocabulary.pad}",
            "Set tokenize.tokenizer to the same folder",
        )
    return parts


def _weights(folder: Path, config: PreTrainedConfig, settings: Architecture, seed: int) -> PreTrainedModel:
    model: Any = FAMILIES[settings.family][0]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # it would fill the log of the run
    try:
        with seeded(seed):
            module, told = model.from_pretrained(
                folder,
                config=config,
                dtype=torch.float32,
                attn_implementation="sdpa",
                output_loading_info=True,
                local_files_only=True,
                use_safetensors=True,
            )
    except (OSError, ValueError, RuntimeError) as error:
        raise _unfit(folder, f"cannot be loaded: {error}", "Give a folder that save_pretrained wrote") from error
    missing = sorted(name for name in told["missing_keys"] if not name.startswith(HEADS))
    if missing:
        raise _unfit(folder, f"lacks {len(missing)} weights, the first is {missing[0]}", "Give a whole model")
    loaded: PreTrainedModel = module
    return loaded


def _rename(folder: Path, module: PreTrainedModel, parts: Parts, vocabulary: Vocabulary) -> None:
    """The special tokens have new numbers."""
    config: Any = module.config
    start = getattr(config, "decoder_start_token_id", None)
    config.pad_token_id, config.bos_token_id, config.eos_token_id = vocabulary.pad, vocabulary.start, vocabulary.end
    if start is not None:
        if [start] not in parts:
            raise _unfit(folder, f"begins to write with token {start}, which the tokens lack", "Add it to them")
        config.decoder_start_token_id = parts.index([start])
