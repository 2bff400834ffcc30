"""Test parts and folds by a hash of the text: stratified, stable, and without copies on both sides."""

from collections import Counter

from tasks.downstream.data.splits import draw_fold, draw_fraction

TEXTS = [f"text {number}" for number in range(200)]
LABELS = ["rare" if number % 20 == 0 else "common" for number in range(200)]


def test_a_part_has_its_fraction_of_every_class() -> None:
    in_part = draw_fraction(TEXTS, LABELS, 0.2)
    assert Counter(label for label, drawn in zip(LABELS, in_part, strict=True) if drawn) == {"common": 38, "rare": 2}
    # of a sorted file too, where the last rows are one class
    order = sorted(range(200), key=LABELS.__getitem__)
    in_sorted = draw_fraction([TEXTS[row] for row in order], [LABELS[row] for row in order], 0.2)
    assert {TEXTS[row] for row, drawn in zip(order, in_sorted, strict=True) if drawn} == {
        text for text, drawn in zip(TEXTS, in_part, strict=True) if drawn
    }


def test_a_small_class_is_on_both_sides_and_a_single_text_is_trained_on() -> None:
    assert sorted(draw_fraction(["a", "b"], ["x", "x"], 0.2)) == [False, True]
    assert list(draw_fraction(["a"], ["x"], 0.9)) == [False]


def test_copies_of_a_text_stay_together_whatever_their_label() -> None:
    texts, labels = [*TEXTS, *TEXTS], [*LABELS, *LABELS[::-1]]
    in_part = draw_fraction(texts, labels, 0.3)
    assert list(in_part[:200]) == list(in_part[200:])


def test_most_rows_stay_when_others_are_added() -> None:
    before = draw_fraction(TEXTS, LABELS, 0.2)
    after = draw_fraction([*TEXTS, "new"], [*LABELS, "common"], 0.2)
    assert sum(one != other for one, other in zip(before, after[:200], strict=True)) <= 2


def test_each_row_is_in_one_fold_and_each_fold_has_every_class() -> None:
    folds = [draw_fold(TEXTS, LABELS, fold, 5) for fold in range(1, 6)]
    assert [sum(flags) for flags in zip(*folds, strict=True)] == [1] * 200
    for fold in folds:
        assert Counter(label for label, drawn in zip(LABELS, fold, strict=True) if drawn) == {"common": 38, "rare": 2}
