import numpy as np
import pytest

from tasks.downstream.metrics import Floats, Score, mean_score
from tasks.downstream.metrics.classes import score_classes
from tasks.downstream.significance import Difference, bootstrap_interval, compute_paired_difference, compute_spread


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
    assert sure.exceeds_spread
    assert 0.3 < sure.low < sure.mean < sure.high < 0.5
    unsure = compute_paired_difference(make_scores(bad), make_scores(other))
    assert unsure.low < 0 < unsure.high


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
    assert not paired.sure, "it does not exceed the spread over seeds"


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


def test_sure_needs_both_the_interval_and_the_spread() -> None:
    assert Difference(-0.1, -0.2, -0.01, exceeds_spread=True, p=0.01).sure
    assert not Difference(-0.1, -0.2, 0.01, exceeds_spread=True, p=0.01).sure
    assert not Difference(0.1, 0.05, 0.2, exceeds_spread=False, p=0.01).sure
