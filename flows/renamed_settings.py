"""Settings that had another name in an earlier version: a recipe that uses the old one is told the new one.

Paths are those of the old names. `*` stands for one name, `[]` for the items of a list. The new name takes the place of
the last part of the path, or, when it has dots, of the whole path. `textmill upgrade` renames the settings that are
recorded in a store by the same tables.
"""

from collections.abc import Mapping
from typing import Any

CRAWL: Mapping[str, str] = {}

CLEAN: Mapping[str, str] = {
    "clean.extract.image_texts": "alt_texts",
    "clean.extract.post_meta": "byline",
    "clean.extract.most_bytes": "max_bytes",
    "clean.extract.most_tags": "max_tags",
    "clean.extract.deepest": "max_depth",
    "clean.extract.most_seconds": "timeout_seconds",
    "clean.extract.recurring": "recurring_lines",
    "clean.extract.recurring.fewest_pages": "min_pages",
    "clean.extract.recurring.share": "min_fraction",
    "clean.filters.*.fewest": "min",
    "clean.filters.*.most": "max",
    "clean.filters.language.certainty": "min_confidence",
    "clean.filters.quality.good": "positive_examples",
    "clean.filters.quality.bad": "negative_examples",
}

DEDUP: Mapping[str, str] = {}

TOKENIZE: Mapping[str, str] = {}

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
