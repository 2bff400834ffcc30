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

PRETRAIN: Mapping[str, str] = {}

EVALUATE: Mapping[str, str] = {
    # fine-tuning
    "evaluate.recipe": "finetuning",
    "evaluate.recipe.adapt": "method",
    "evaluate.recipe.adapt.adapter.width": "bottleneck_size",
    "evaluate.recipe.adapt.adapter.after": "sublayers",
    "evaluate.recipe.adapt.last_layers.layers": "num_layers",
    "evaluate.recipe.adapt.prefix.tokens": "num_virtual_tokens",
    "evaluate.recipe.adapt.prompt.tokens": "num_virtual_tokens",
    "evaluate.recipe.unlabelled.way": "method",
    "evaluate.recipe.unlabelled.most": "max_texts",
    "evaluate.recipe.unlabelled.confidence": "min_confidence",
    "evaluate.recipe.unlabelled.weight": "loss_weight",
    "evaluate.recipe.unlabelled.word_drop": "token_dropout",
    "evaluate.recipe.augmentation.way": "method",
    "evaluate.recipe.augmentation.copies": "max_copies",
    "evaluate.recipe.augmentation.share": "word_fraction",
    "evaluate.recipe.augmentation.synonyms": "synonyms_file",
    "evaluate.recipe.augmentation.there": "forward_model",
    "evaluate.recipe.augmentation.back": "backward_model",
    "evaluate.recipe.augmentation.beams": "num_beams",
    "evaluate.recipe.continued": "continued_pretraining",
    "evaluate.recipe.continued.most": "max_texts",
    "evaluate.recipe.continued.batch": "batch_size",
    "evaluate.recipe.continued.rate": "mask_rate",
    "evaluate.recipe.fewest_steps": "min_steps",
    "evaluate.recipe.batch": "batch_size",
    "evaluate.recipe.max_target": "max_target_length",
    "evaluate.recipe.beams": "num_beams",
    "evaluate.recipe.pairs": "pair_encoding",
    "evaluate.recipe.warmup": "warmup_fraction",
    "evaluate.recipe.clip": "max_grad_norm",
    "evaluate.recipe.evaluations": "num_evaluations",
    "evaluate.recipe.by_length": "group_by_length",
}

RENAMED_VALUES: Mapping[str, Mapping[Any, Any]] = {
    # old path → {old value: new value}
    # crawl
    # clean
    # dedup
    # tokenize
    # pretrain
    # evaluate
    # fine-tuning
    "evaluate.recipe.pairs": {"apart": "separate", "together": "joint"},
    "evaluate.recipe.adapt.adapter.after": {"both sublayers": "both"},
}
