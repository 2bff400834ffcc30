"""Spans of tagged words: precision, recall and F1 of whole entities, as conlleval counts them."""

from collections.abc import Sequence

import numpy as np

from tasks.downstream.metrics import Floats, Score, ratio
from tasks.downstream.metrics.classes import macro_f1, thirds

Span = tuple[str, int, int]
"""Type, first word, last word"""
OTHER_LETTERS = {"M": "I", "L": "E", "U": "S"}
"""BMES and BILOU say the same with other letters"""


def spans(tags: Sequence[str]) -> list[Span]:
    """The entities of one sentence in BIO, BIOES, BMES or BILOU.

    Tags that break the scheme are read as conlleval reads them (Tjong Kim Sang, Buchholz, CoNLL-2000): an entity also
    begins where the type changes or where an inside tag follows an outside one.
    """
    found: list[Span] = []
    begun = None
    before, kind_before = "O", ""
    for place, tag in enumerate([*tags, "O"]):
        letter, _, kind = tag.partition("-")
        letter = OTHER_LETTERS.get(letter, letter)
        if begun is not None and ends(before, letter, kind_before, kind):
            found.append((kind_before, begun, place - 1))
            begun = None
        if begins(before, letter, kind_before, kind):
            begun = place
        before, kind_before = letter, kind
    return found


def ends(before: str, letter: str, kind_before: str, kind: str) -> bool:
    """Whether the entity of the word before does not go on."""
    return before in "ES" or letter in "BSO" or kind_before != kind


def begins(before: str, letter: str, kind_before: str, kind: str) -> bool:
    """Whether an entity begins with this word."""
    return letter in "BS" or (letter in "IE" and (before in "ESO" or kind_before != kind))


def entity_scores(truth: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> dict[str, Score]:
    """Scores of N tagged sentences. An entity is right when its type and both its ends are."""
    pairs = [(set(spans(one)), set(spans(other))) for one, other in zip(truth, predicted, strict=True)]
    kinds = sorted({kind for pair in pairs for side in pair for kind, _, _ in side})
    by_type = np.array([counts(*pair, kinds) for pair in pairs], np.float64).reshape(len(pairs), 3, len(kinds))
    together = by_type.sum(2)  # as wide for every model, whichever types it names
    micro = {
        name: Score(together, function) for name, function in (("f1", f1), ("precision", precision), ("recall", recall))
    }
    return micro | {"macro_f1": Score(by_type.reshape(len(pairs), -1), macro_f1)}


def counts(truth: set[Span], predicted: set[Span], kinds: list[str]) -> list[int]:
    """Entities found, predicted and there, of each type."""
    sides = (truth & predicted, predicted, truth)
    return [sum(kind == each for each, _, _ in side) for side in sides for kind in kinds]


def f1(sums: Floats) -> Floats:
    """F1 of all types' entities together."""
    found, predicted, there = (each.sum(-1) for each in thirds(sums))
    return ratio(2 * found, predicted + there)


def precision(sums: Floats) -> Floats:
    """Share of the predicted entities that are right."""
    found, predicted, _ = (each.sum(-1) for each in thirds(sums))
    return ratio(found, predicted)


def recall(sums: Floats) -> Floats:
    """Share of the entities that were found."""
    found, _, there = (each.sum(-1) for each in thirds(sums))
    return ratio(found, there)
