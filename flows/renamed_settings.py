"""Settings that had another name in an earlier version: a recipe that uses the old one is told the new one.

Paths are those of the old names. `*` stands for one name, `[]` for the items of a list. The new name takes the place of
the last part of the path, or, when it has dots, of the whole path. `textmill upgrade` renames the settings that are
recorded in a store by the same tables.
"""

from collections.abc import Mapping
from typing import Any

CRAWL: Mapping[str, str] = {}

CLEAN: Mapping[str, str] = {}

DEDUP: Mapping[str, str] = {}

TOKENIZE: Mapping[str, str] = {}

PRETRAIN: Mapping[str, str] = {
    # objectives and architecture
    "pretrain.architecture.layers": "num_layers",
    "pretrain.architecture.width": "hidden_size",
    "pretrain.architecture.heads": "num_heads",
    "pretrain.architecture.context": "max_length",
    "pretrain.objective.causal.infill": "fim_rate",
    "pretrain.objective.causal.suffix_first": "fim_spm_rate",
    "pretrain.objective.masked.rate": "mask_rate",
    "pretrain.objective.masked.masked": "mask_token_fraction",
    "pretrain.objective.masked.swapped": "random_token_fraction",
    "pretrain.objective.masked.chance": "span_p",
    "pretrain.objective.masked.longest": "max_span_words",
    "pretrain.objective.masked.static": "static_masking",
    "pretrain.objective.next_sentence.rate": "mask_rate",
    "pretrain.objective.next_sentence.masked": "mask_token_fraction",
    "pretrain.objective.next_sentence.swapped": "random_token_fraction",
    "pretrain.objective.next_sentence.chance": "span_p",
    "pretrain.objective.next_sentence.longest": "max_span_words",
    "pretrain.objective.next_sentence.static": "static_masking",
    "pretrain.objective.next_sentence.pair": "max_pair_tokens",
    "pretrain.objective.next_sentence.pairs": "max_pairs",
    "pretrain.objective.next_sentence.share": "negative_fraction",
    "pretrain.objective.sentence_order.rate": "mask_rate",
    "pretrain.objective.sentence_order.masked": "mask_token_fraction",
    "pretrain.objective.sentence_order.swapped": "random_token_fraction",
    "pretrain.objective.sentence_order.chance": "span_p",
    "pretrain.objective.sentence_order.longest": "max_span_words",
    "pretrain.objective.sentence_order.static": "static_masking",
    "pretrain.objective.sentence_order.pair": "max_pair_tokens",
    "pretrain.objective.sentence_order.pairs": "max_pairs",
    "pretrain.objective.sentence_order.share": "negative_fraction",
    "pretrain.objective.replaced_token_detection.rate": "mask_rate",
    "pretrain.objective.replaced_token_detection.masked": "mask_token_fraction",
    "pretrain.objective.replaced_token_detection.swapped": "random_token_fraction",
    "pretrain.objective.replaced_token_detection.chance": "span_p",
    "pretrain.objective.replaced_token_detection.longest": "max_span_words",
    "pretrain.objective.replaced_token_detection.static": "static_masking",
    "pretrain.objective.replaced_token_detection.generator": "generator_hidden_fraction",
    "pretrain.objective.replaced_token_detection.weight": "discriminator_weight",
    "pretrain.objective.denoising.rate": "mask_rate",
    "pretrain.objective.denoising.mean_span": "mean_span_length",
    "pretrain.objective.denoising.deleted": "token_deletion",
    "pretrain.objective.denoising.permuted": "sentence_permutation",
    "pretrain.objective.denoising.rotated": "document_rotation",
    "pretrain.objective.span_corruption.rate": "corruption_rate",
    "pretrain.objective.span_corruption.mean_span": "mean_span_length",
    "pretrain.objective.distillation.soft": "alpha_kl",
    "pretrain.objective.distillation.hard": "alpha_lm",
    "pretrain.objective.distillation.hidden": "alpha_cos",
    "pretrain.objective.distillation.momentum": "ema_decay",
    "pretrain.objective.distillation.masked.rate": "mask_rate",
    "pretrain.objective.distillation.masked.masked": "mask_token_fraction",
    "pretrain.objective.distillation.masked.swapped": "random_token_fraction",
    "pretrain.objective.distillation.masked.chance": "span_p",
    "pretrain.objective.distillation.masked.longest": "max_span_words",
    "pretrain.objective.distillation.masked.static": "static_masking",
    "pretrain.objective.distillation.causal.infill": "fim_rate",
    "pretrain.objective.distillation.causal.suffix_first": "fim_spm_rate",
    "pretrain.objective.moco.text": "text_unit",
    "pretrain.objective.moco.texts": "max_texts",
    "pretrain.objective.moco.shortest": "min_tokens",
    "pretrain.objective.simclr.text": "text_unit",
    "pretrain.objective.simclr.texts": "max_texts",
    "pretrain.objective.simclr.shortest": "min_tokens",
    "pretrain.objective.simcse.text": "text_unit",
    "pretrain.objective.simcse.texts": "max_texts",
    "pretrain.objective.simcse.shortest": "min_tokens",
    "pretrain.objective.text_pairs.text": "text_unit",
    "pretrain.objective.text_pairs.texts": "max_texts",
    "pretrain.objective.text_pairs.shortest": "min_tokens",
    "pretrain.objective.moco.queue": "queue_size",
    "pretrain.objective.simclr.projection": "projection_dim",
    "pretrain.objective.moco.augment.crop": "min_crop_fraction",
    "pretrain.objective.moco.augment.deleted": "token_deletion",
    "pretrain.objective.simclr.augment.crop": "min_crop_fraction",
    "pretrain.objective.simclr.augment.deleted": "token_deletion",
    "pretrain.objective.mixture.turns": "weights",
    "pretrain.objective.mixture.infilling": "fill_in_middle",
    "pretrain.objective.mixture.turns.infilling": "fill_in_middle",
    "pretrain.objective.mixture.masked.rate": "mask_rate",
    "pretrain.objective.mixture.masked.masked": "mask_token_fraction",
    "pretrain.objective.mixture.masked.swapped": "random_token_fraction",
    "pretrain.objective.mixture.masked.chance": "span_p",
    "pretrain.objective.mixture.masked.longest": "max_span_words",
    "pretrain.objective.mixture.masked.static": "static_masking",
    "pretrain.objective.mixture.masked_spans.rate": "mask_rate",
    "pretrain.objective.mixture.masked_spans.masked": "mask_token_fraction",
    "pretrain.objective.mixture.masked_spans.swapped": "random_token_fraction",
    "pretrain.objective.mixture.masked_spans.chance": "span_p",
    "pretrain.objective.mixture.masked_spans.longest": "max_span_words",
    "pretrain.objective.mixture.masked_spans.static": "static_masking",
    "pretrain.objective.mixture.next_sentence.rate": "mask_rate",
    "pretrain.objective.mixture.next_sentence.masked": "mask_token_fraction",
    "pretrain.objective.mixture.next_sentence.swapped": "random_token_fraction",
    "pretrain.objective.mixture.next_sentence.chance": "span_p",
    "pretrain.objective.mixture.next_sentence.longest": "max_span_words",
    "pretrain.objective.mixture.next_sentence.static": "static_masking",
    "pretrain.objective.mixture.next_sentence.pair": "max_pair_tokens",
    "pretrain.objective.mixture.next_sentence.pairs": "max_pairs",
    "pretrain.objective.mixture.next_sentence.share": "negative_fraction",
    "pretrain.objective.mixture.sentence_order.rate": "mask_rate",
    "pretrain.objective.mixture.sentence_order.masked": "mask_token_fraction",
    "pretrain.objective.mixture.sentence_order.swapped": "random_token_fraction",
    "pretrain.objective.mixture.sentence_order.chance": "span_p",
    "pretrain.objective.mixture.sentence_order.longest": "max_span_words",
    "pretrain.objective.mixture.sentence_order.static": "static_masking",
    "pretrain.objective.mixture.sentence_order.pair": "max_pair_tokens",
    "pretrain.objective.mixture.sentence_order.pairs": "max_pairs",
    "pretrain.objective.mixture.sentence_order.share": "negative_fraction",
    "pretrain.objective.mixture.causal.infill": "fim_rate",
    "pretrain.objective.mixture.causal.suffix_first": "fim_spm_rate",
    "pretrain.objective.mixture.infilling.infill": "fim_rate",
    "pretrain.objective.mixture.infilling.suffix_first": "fim_spm_rate",
    "pretrain.objective.mixture.span_corruption.rate": "corruption_rate",
    "pretrain.objective.mixture.span_corruption.mean_span": "mean_span_length",
    "pretrain.objective.mixture.extreme_corruption.rate": "corruption_rate",
    "pretrain.objective.mixture.extreme_corruption.mean_span": "mean_span_length",
    "pretrain.objective.mixture.denoising.rate": "mask_rate",
    "pretrain.objective.mixture.denoising.mean_span": "mean_span_length",
    "pretrain.objective.mixture.denoising.deleted": "token_deletion",
    "pretrain.objective.mixture.denoising.permuted": "sentence_permutation",
    "pretrain.objective.mixture.denoising.rotated": "document_rotation",
}

EVALUATE: Mapping[str, str] = {}

RENAMED_VALUES: Mapping[str, Mapping[Any, Any]] = {
    # old path → {old value: new value}
    # crawl
    # clean
    # dedup
    # tokenize
    # pretrain
    # evaluate
}
