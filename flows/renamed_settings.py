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
    # the evaluation
    "evaluate.labels": "labels_per_class",
    "evaluate.choice_seeds": "tuning_seeds",
}

RENAMED_VALUES: Mapping[str, Mapping[Any, Any]] = {
    # old path → {old value: new value}
    # crawl
    # clean
    # dedup
    # tokenize
    # pretrain
    # evaluate
}
