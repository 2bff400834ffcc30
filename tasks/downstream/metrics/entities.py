"""Spans of tagged words: precision, recall and F1 of complete entities, as conlleval counts them.

The functions of sums take the counts of hits, of predictions and of true entities, (…, 3).
"""

from collections.abc import Sequence

import numpy as np

from tasks.downstream.metrics import Floats, Score, divide_or_zero
from tasks.downstream.metrics.classes import macro_f1, split_counts

TypedSpan = tuple[str, int, int]
"""Entity type, first word, last word"""
OTHER_LETTERS = {"M": "I", "L": "E", "U": "S"}
"""Letters of BMES and BILOU → the letters of BIOES that mean the same"""


def extract_entities(tags: Sequence[str]) -> list[TypedSpan]:
    """Return the entities of one sentence in BIO, BIOES, BMES or BILOU.

    Tags that break the scheme are read as conlleval reads them (Tjong Kim Sang, Buchholz, CoNLL-2000): an entity also
    begins where the type changes or where an inside tag follows an outside one.
    """
    entities: list[TypedSpan] = []
    start = None
    previous_letter, previous_type = "O", ""
    # the O at the end closes an entity that lasts to the end of the sentence
    for position, tag in enumerate([*tags, "O"]):
        letter, _, entity_type = tag.partition("-")
        letter = OTHER_LETTERS.get(letter, letter)
        if start is not None and is_entity_end(previous_letter, letter, previous_type, entity_type):
            entities.append((previous_type, start, position - 1))
            start = None
        if is_entity_start(previous_letter, letter, previous_type, entity_type):
            start = position
        previous_letter, previous_type = letter, entity_type
    return entities


def is_entity_end(previous_letter: str, letter: str, previous_type: str, entity_type: str) -> bool:
    """Return whether the entity of the previous word ends there."""
    return previous_letter in "ES" or letter in "BSO" or previous_type != entity_type


def is_entity_start(previous_letter: str, letter: str, previous_type: str, entity_type: str) -> bool:
    """Return whether an entity begins with this word."""
    return letter in "BS" or (letter in "IE" and (previous_letter in "ESO" or previous_type != entity_type))


def score_entities(truth: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> dict[str, Score]:
    """Return the scores of N tagged sentences. An entity is a hit when its type and both its ends are right."""
    pairs = [
        (set(extract_entities(true_tags)), set(extract_entities(predicted_tags)))
        for true_tags, predicted_tags in zip(truth, predicted, strict=True)
    ]
    # Also types that are only predicted: they count as classes without a hit.
    types = sorted({entity_type for pair in pairs for side in pair for entity_type, _, _ in side})
    # (N, 3, types); the reshape also gives an empty list its shape.
    by_type = np.array([count_entities(*pair, types) for pair in pairs], np.float64).reshape(len(pairs), 3, len(types))
    # the width of the micro scores must not depend on the types that a model predicts: models are compared by sums
    totals = by_type.sum(2)
    micro = {
        name: Score(totals, function) for name, function in (("f1", f1), ("precision", precision), ("recall", recall))
    }
    return micro | {"macro_f1": Score(by_type.reshape(len(pairs), -1), macro_f1)}


def count_entities(truth: set[TypedSpan], predicted: set[TypedSpan], types: list[str]) -> list[int]:
    """Return the number of hits for each type, then of predicted entities, then of true ones."""
    sides = (truth & predicted, predicted, truth)
    return [sum(entity_type == counted_type for entity_type, _, _ in side) for side in sides for counted_type in types]


def f1(sums: Floats) -> Floats:
    """Return the F1 of the entities of all types."""
    hits, predicted, true = (counts.sum(-1) for counts in split_counts(sums))
    return divide_or_zero(2 * hits, predicted + true)


def precision(sums: Floats) -> Floats:
    """Return the fraction of the predicted entities that are right."""
    hits, predicted, _ = (counts.sum(-1) for counts in split_counts(sums))
    return divide_or_zero(hits, predicted)


def recall(sums: Floats) -> Floats:
    """Return the fraction of the true entities that were predicted."""
    hits, _, true = (counts.sum(-1) for counts in split_counts(sums))
    return divide_or_zero(hits, true)
