import numpy as np
import pytest

from tasks.downstream.metrics import Floats, Score, mean_score
from tasks.downstream.metrics.classes import score_classes
from tasks.downstream.significance import (
    Difference,
    bootstrap_interval,
    compute_paired_difference,
    compute_spread,
    correct_comparisons,
    require_both,
)


def make_scores(answers: Floats) -> list[Score]:
    """Return a score per seed from right and wrong answers (seeds, examples)."""
    return [mean_score(row.astype(np.float64)) for row in np.atleast_2d(answers)]


def test_spread_is_the_sample_deviation() -> None:
    assert compute_spread([1.0, 2.0, 3.0]).mean == 2.0
    assert compute_spread([1.0, 2.0, 3.0]).deviation == 1.0
    assert compute_spread([5.0]).deviation == 0.0


def test_a_large_difference_is_significant_and_equal_models_do_not_differ() -> None:
    rng = np.random.default_rng(0)
    good, bad, other = (rng.random((3, 400)) < share for share in (0.8, 0.4, 0.4))
    sure = compute_paired_difference(make_scores(good), make_scores(bad))
    assert sure.sure
    assert 0.3 < sure.low < sure.mean < sure.high < 0.5
    unsure = compute_paired_difference(make_scores(bad), make_scores(other))
    assert unsure.low < 0 < unsure.high
    assert not unsure.sure


EASE = np.linspace(0, 1, 10001)
TRUE_GAP = float((np.clip(EASE + 0.05, 0, 1) - np.clip(EASE - 0.05, 0, 1)).mean())


@pytest.mark.slow
def test_the_interval_contains_the_true_difference_at_its_level() -> None:
    rng = np.random.default_rng(1)
    inside = 0
    for trial in range(200):
        easy = rng.random(150)  # both models find the same texts easy, so the difference is paired
        first, second = (rng.random((5, 150)) < np.clip(easy + shift, 0, 1) for shift in (0.05, -0.05))
        gap = compute_paired_difference(make_scores(first), make_scores(second), seed=trial, draws=300)
        inside += gap.low <= TRUE_GAP <= gap.high
    assert inside >= 180


def test_the_test_agrees_with_the_interval() -> None:
    rng = np.random.default_rng(2)
    good, bad, other = (rng.random((3, 400)) < share for share in (0.8, 0.4, 0.4))
    assert compute_paired_difference(make_scores(good), make_scores(bad)).p < 0.001
    assert compute_paired_difference(make_scores(bad), make_scores(other)).p > 0.05
    same = compute_paired_difference(make_scores(bad), make_scores(bad))
    assert (same.mean, same.low, same.high, same.p) == (0, 0, 0, 1)


def test_equal_models_have_a_p_value_below_5_percent_in_5_percent_of_cases() -> None:
    rng = np.random.default_rng(3)
    values = []
    for trial in range(200):
        first, second = rng.random((2, 1, 120)) < 0.6
        values.append(compute_paired_difference(make_scores(first), make_scores(second), seed=trial, draws=300).p)
    assert np.mean(np.array(values) < 0.05) == pytest.approx(0.05, abs=0.035)


def test_differences_of_scores_that_are_no_means() -> None:
    rng = np.random.default_rng(4)
    truth = rng.integers(0, 3, 300)
    good, bad = (np.where(rng.random(300) < share, truth, rng.integers(0, 3, 300)) for share in (0.8, 0.2))
    first, second = (score_classes(truth, predicted, 3)["macro_f1"] for predicted in (good, bad))
    gap = compute_paired_difference([first], [second])
    assert gap.mean == pytest.approx(first.value - second.value)
    assert gap.low < gap.mean < gap.high
    assert gap.p < 0.001


@pytest.mark.slow
def test_the_interval_of_a_score_contains_the_true_one_at_its_level() -> None:
    rng = np.random.default_rng(5)
    inside = 0
    for trial in range(200):
        low, high = bootstrap_interval(make_scores(rng.random((5, 150)) < rng.random(150)), seed=trial, draws=300)
        inside += low <= 0.5 <= high
    assert inside >= 180


def test_models_of_different_samples_have_a_wider_interval() -> None:
    rng = np.random.default_rng(6)
    taught = np.array([[0.4], [0.5], [0.6]])
    first, second = (make_scores(rng.random((3, 400)) < taught + gap) for gap in (0.05, 0.0))
    paired, apart = (compute_paired_difference(first, second, same_samples=same) for same in (True, False))
    assert apart.mean == paired.mean
    assert apart.low < paired.low < paired.high < apart.high
    assert not apart.sure, "the samples alone move the scores as much"


def test_equal_models_that_depend_on_their_sample_are_sure_in_5_percent_of_cases() -> None:
    rng = np.random.default_rng(9)
    num_sure = 0
    for trial in range(400):
        # three seeds whose samples help the one model or the other: each difference is of the samples' luck alone
        luck = rng.normal(0, 0.08, (2, 3, 1))
        first, second = (make_scores(rng.random((3, 200)) < np.clip(0.6 + side, 0, 1)) for side in luck)
        num_sure += compute_paired_difference(first, second, seed=trial, draws=200).sure
    assert num_sure / 400 < 0.08


def test_models_of_different_samples_may_have_different_numbers_of_seeds() -> None:
    rng = np.random.default_rng(7)
    first, second = make_scores(rng.random((3, 300)) < 0.8), make_scores(rng.random((5, 300)) < 0.5)
    gap = compute_paired_difference(first, second, same_samples=False)
    assert gap.sure
    assert gap.p < 0.001
    backwards = compute_paired_difference(second, first, same_samples=False)
    assert backwards.mean == -gap.mean
    assert backwards.sure, "surely worse"


def test_a_wider_level_gives_a_wider_interval() -> None:
    rng = np.random.default_rng(8)
    first, second = (make_scores(rng.random((3, 200)) < share) for share in (0.7, 0.6))
    usual, strict = (compute_paired_difference(first, second, level=level) for level in (0.95, 0.99))
    assert strict.low < usual.low < usual.high < strict.high


def test_sure_is_where_p_is_below_5_percent_and_then_the_interval_excludes_zero() -> None:
    rng = np.random.default_rng(10)
    differences = []
    for gap in (0.0, 0.02, 0.04, 0.06, 0.08, 0.1):
        first, second = (make_scores(rng.random((3, 300)) < 0.5 + side) for side in (gap, 0.0))
        differences.append(compute_paired_difference(first, second))
    assert {difference.sure for difference in differences} == {True, False}
    for difference in differences:
        assert difference.sure == (difference.p < 0.05) == (not difference.low <= 0 <= difference.high)


def test_a_few_answers_prove_nothing_however_large_the_difference() -> None:
    three, forty = (
        compute_paired_difference(make_scores(np.ones((3, count))), make_scores(np.zeros((3, count))))
        for count in (3, 40)
    )
    assert (three.mean, three.p, three.sure) == (1.0, 0.25, False)
    assert forty.sure


def test_models_that_each_say_one_class_do_not_differ_by_mcc() -> None:
    truth = np.repeat([0, 1], [60, 40])
    often, seldom = (score_classes(truth, np.full(100, label), 2) for label in (0, 1))
    by_accuracy, by_mcc = (
        compute_paired_difference([often[metric]] * 3, [seldom[metric]] * 3) for metric in ("accuracy", "mcc")
    )
    assert by_accuracy.mean == pytest.approx(0.2)
    assert by_accuracy.p < 0.05
    both = require_both(by_accuracy, by_mcc)
    assert (both.mean, both.p, both.sure) == (by_accuracy.mean, 1.0, False)


def test_two_scores_have_to_agree_about_the_better_model() -> None:
    up, small, down = (
        Difference(mean, mean - 0.1, mean + 0.1, p, p) for mean, p in ((0.3, 0.01), (0.2, 0.04), (-0.3, 0.01))
    )
    assert require_both(up, small).p == 0.04
    assert require_both(up, small).mean == 0.3
    assert require_both(up, down).p == 1.0


def test_p_values_are_corrected_as_holm_does() -> None:
    differences = [Difference(0.1, 0.0, 0.2, p, p) for p in (0.01, 0.04, 0.03, 0.005)]
    # the example of the procedure: 4 × .005, 3 × .01, 2 × .03, and never below a smaller p
    assert [each.adjusted_p for each in correct_comparisons(differences)] == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert [each.sure for each in correct_comparisons(differences)] == [True, False, False, True]
    assert correct_comparisons([]) == []


def test_a_difference_read_from_the_other_side() -> None:
    swapped = Difference(0.1, -0.1, 0.3, 0.2, 0.4).swap_models()
    assert (swapped.mean, swapped.low, swapped.high, swapped.p, swapped.adjusted_p) == (-0.1, -0.3, 0.1, 0.2, 0.4)
