"""Settings that had another name in an earlier version: a recipe that uses the old one is told the new one.

Paths are those of the old names. `*` stands for one name, `[]` for the items of a list. The new name takes the place of
the last part of the path, or, when it has dots, of the whole path. `textmill upgrade` renames the settings that are
recorded in a store by the same tables.
"""

from collections.abc import Mapping
from typing import Any

CRAWL: Mapping[str, str] = {}

CLEAN: Mapping[str, str] = {}

DEDUP: Mapping[str, str] = {
    "dedup.shingle": "ngram_size",
    "dedup.near": "near_duplicates",
    "dedup.parts": "repeated_passages",
    "dedup.part_words": "min_passage_words",
    "dedup.decontaminate.window": "ngram_size",
    "dedup.decontaminate.around": "context_chars",
    "dedup.decontaminate.fewest_characters": "min_fragment_chars",
    "dedup.decontaminate.most_pieces": "max_fragments",
    "dedup.decontaminate.most_documents": "max_documents",
}

TOKENIZE: Mapping[str, str] = {
    "tokenize.vocabulary": "vocab_size",
    "tokenize.smoothing": "language_alpha",
    "tokenize.validation": "validation_fraction",
    "tokenize.heldout": "heldout_fraction",
}

PRETRAIN: Mapping[str, str] = {}

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
