"""Parts of a data set by a hash of the text: no row moves when others are added, and equal texts stay together."""

from collections.abc import Sequence

import polars as pl

from tasks.downstream.data.task_data import hash_text


def rank_texts(texts: Sequence[str], labels: Sequence[object], salt: str) -> list[tuple[int, int]]:
    """Return for each row the rank of its text, by hash, among the texts of its class, and the number of these.

    A text belongs to the class that it has first, so that its copies are in one part whatever their labels.
    """
    class_of_text: dict[str, object] = {}
    for text, label in zip(texts, labels, strict=True):
        class_of_text.setdefault(text, label)
    texts_of_class: dict[object, list[str]] = {}
    for text, label in class_of_text.items():
        texts_of_class.setdefault(label, []).append(text)
    ranks = {
        text: (rank, len(members))
        for members in texts_of_class.values()
        for rank, text in enumerate(sorted(members, key=lambda text: (hash_text(f"{salt}{text}"), text)))
    }
    return [ranks[text] for text in texts]


def draw_fraction(texts: Sequence[str], labels: Sequence[object], fraction: float, salt: str = "") -> pl.Series:
    """Return which rows are in a part of this size, the same fraction of every class (stratified).

    A class of two texts or more has one in the part, and one outside.
    """
    drawn_rows = []
    for rank, count in rank_texts(texts, labels, salt):
        wanted = min(max(1, round(fraction * count)), count - 1)
        drawn_rows.append(rank < wanted)
    return pl.Series(drawn_rows, dtype=pl.Boolean)


def draw_fold(texts: Sequence[str], labels: Sequence[object], fold: int, num_folds: int) -> pl.Series:
    """Return which rows are in a fold, counted from 1; each class is spread over all folds."""
    return pl.Series([rank % num_folds == fold - 1 for rank, _ in rank_texts(texts, labels, "fold ")], dtype=pl.Boolean)
