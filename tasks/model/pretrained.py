"""Load an existing model to continue from, checked against the settings before anything is trained."""

from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, PreTrainedConfig, PreTrainedModel
from transformers.utils import logging

from tasks.errors import StageFailure
from tasks.model.architecture import Architecture
from tasks.model.families import FAMILIES, fork_seeded_rng
from tasks.model.load_from_folder import load_from_folder, load_model_from_folder
from tasks.model.vocabulary import Vocabulary
from tasks.model.vocabulary_transfer import TokenParts, map_to_old_tokens, replace_vocabulary

# parameters behind the last hidden states: they begin at random when the folder has none
HEAD_PREFIXES = ("cls.", "lm_head.", "head.", "decoder.bias", "discriminator_predictions.", "final_logits_bias")


def load_pretrained(
    folder: Path, settings: Architecture, tokenizer: Path, vocabulary: Vocabulary, seed: int
) -> tuple[PreTrainedModel, list[str]]:
    """Load a transformers folder with the vocabulary of `tokenizer`, in float32 on the CPU, without dropout.

    Also returns the names of the weights of a head that the folder lacks, which begin at random.
    `vocabulary` is that of `tokenizer`; `seed` decides the weights of a missing head. Raises StageFailure when it is
    not the model that the settings describe.
    """
    # Everything cheap is checked before the weights are read.
    config = _read_config(folder)
    _check_architecture(folder, config, settings)
    parts = _match_tokens(folder, config, tokenizer, vocabulary)
    # dropout is off in all models here, whatever the folder's configuration says
    for name, value in config.to_dict().items():
        if "drop" in name and isinstance(value, float):
            setattr(config, name, 0.0)
    module, new_head = _load_weights(folder, config, settings, seed)
    replace_vocabulary(module, parts)
    _set_special_tokens(folder, module, parts, vocabulary)
    return module, new_head


def _read_config(folder: Path) -> PreTrainedConfig:
    try:
        config: PreTrainedConfig = load_from_folder(AutoConfig, folder)
    except (OSError, ValueError) as error:
        raise _folder_error(folder, f"cannot be read: {error}", "Give a folder that save_pretrained wrote") from error
    return config


def _folder_error(folder: Path, problem: str, hint: str) -> StageFailure:
    return StageFailure(f"pretrain.start_from.folder {folder} {problem}", hint)


def _check_architecture(folder: Path, config: Any, settings: Architecture) -> None:
    if config.model_type != settings.family:
        hint = f"Set pretrain.architecture.family to {config.model_type}"
        if config.model_type not in FAMILIES:
            hint = f"Give a model of one of {', '.join(FAMILIES)}"
        raise _folder_error(folder, f"is a {config.model_type}, and not a {settings.family}", hint)
    names = ("num_layers", "hidden_size", "num_heads")
    sizes = (config.num_hidden_layers, config.hidden_size, config.num_attention_heads)
    for name, value, expected in zip(names, sizes, settings.shape, strict=True):
        if value != expected:
            raise _folder_error(
                folder, f"has {name} {value}, and not {expected}", f"Set pretrain.architecture.{name} to {value}"
            )
    # T5 has relative positions and no table, and so no limit.
    max_length = getattr(config, "max_position_embeddings", settings.max_length)
    # RoBERTa's table has unused rows for the ids up to the padding token's
    max_length -= config.pad_token_id + 1 if settings.family == "roberta" else 0
    if max_length < settings.max_length:
        hint = f"Lower pretrain.architecture.max_length to {max_length} or less"
        raise _folder_error(folder, f"can read {max_length} tokens at once, and not {settings.max_length}", hint)


def _match_tokens(folder: Path, config: Any, tokenizer: Path, vocabulary: Vocabulary) -> TokenParts:
    if (folder / "tokenizer.json").exists():
        parts = map_to_old_tokens(folder, tokenizer)
    else:
        # Without a tokenizer in the folder the same size is taken to mean the same tokens.
        parts = [[token_id] for token_id in range(vocabulary.size)]
        if vocabulary.size != config.vocab_size:
            sizes = f"{config.vocab_size} embeddings, and the tokens have {vocabulary.size}"
            raise _folder_error(
                folder, f"has {sizes}", "Put its tokenizer.json and tokenizer_config.json into the folder"
            )
    # A tokenizer may have had tokens added after the model's embeddings were made.
    if max(old_id for old_ids in parts for old_id in old_ids) >= config.vocab_size:
        raise _folder_error(
            folder, f"has {config.vocab_size} embeddings, fewer than its tokenizer has tokens", "Export it again"
        )
    # RoBERTa's positions begin at the padding token's id + 1: another id would shift the whole position table.
    if config.model_type == "roberta" and vocabulary.pad != config.pad_token_id:
        raise _folder_error(
            folder,
            f"counts its positions from the padding token's id {config.pad_token_id} on, and that of the tokens is "
            f"{vocabulary.pad}",
            "Set tokenize.tokenizer to the same folder",
        )
    return parts


def _load_weights(
    folder: Path, config: PreTrainedConfig, settings: Architecture, seed: int
) -> tuple[PreTrainedModel, list[str]]:
    model_class: Any = FAMILIES[settings.family][0]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # it would fill the log of the run
    try:
        # A head that the folder lacks is drawn here.
        with fork_seeded_rng(seed):
            module, loading_info = load_model_from_folder(
                model_class,
                folder,
                config=config,
                dtype=torch.float32,
                attn_implementation="sdpa",
                output_loading_info=True,
            )
    except (OSError, ValueError, RuntimeError) as error:
        raise _folder_error(folder, f"cannot be loaded: {error}", "Give a folder that save_pretrained wrote") from error
    new_head = sorted(name for name in loading_info["missing_keys"] if name.startswith(HEAD_PREFIXES))
    missing = sorted({*loading_info["missing_keys"]} - {*new_head})
    if missing:
        raise _folder_error(folder, f"lacks {len(missing)} weights, the first is {missing[0]}", "Give a complete model")
    return module, new_head


def _set_special_tokens(folder: Path, module: PreTrainedModel, parts: TokenParts, vocabulary: Vocabulary) -> None:
    """Write the special tokens' new ids into the model's configuration."""
    config: Any = module.config
    start = getattr(config, "decoder_start_token_id", None)
    config.pad_token_id, config.bos_token_id, config.eos_token_id = vocabulary.pad, vocabulary.start, vocabulary.end
    # an encoder–decoder's start token must be one whose embedding was kept as it is
    if start is not None:
        if [start] not in parts:
            raise _folder_error(folder, f"begins to write with token {start}, which the tokens lack", "Add it to them")
        config.decoder_start_token_id = parts.index([start])
