import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score

from tasks.evaluate.metrics import Difference, accuracy, confusion, interval, macro_f1, paired_difference, spread


@pytest.mark.parametrize("seed", range(50))
def test_metrics_equal_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    classes, examples = int(rng.integers(2, 9)), int(rng.integers(1, 60))
    truth, predicted = rng.integers(0, classes, (2, examples))
    assert accuracy(truth, predicted) == pytest.approx(accuracy_score(truth, predicted))
    assert macro_f1(truth, predicted) == pytest.approx(f1_score(truth, predicted, average="macro", zero_division=0))
    assert (confusion(truth, predicted, classes) == confusion_matrix(truth, predicted, labels=range(classes))).all()


def test_spread_is_the_sample_deviation() -> None:
    assert spread([1.0, 2.0, 3.0]).mean == 2.0
    assert spread([1.0, 2.0, 3.0]).deviation == 1.0
    assert spread([5.0]).deviation == 0.0


def test_a_large_difference_is_sure_and_equal_models_are_not() -> None:
    rng = np.random.default_rng(0)
    good, bad, other = (rng.random((3, 400)) < share for share in (0.8, 0.4, 0.4))
    sure = paired_difference(good, bad)
    assert sure.exceeds_spread
    assert 0.3 < sure.low < sure.mean < sure.high < 0.5
    unsure = paired_difference(bad, other)
    assert unsure.low < 0 < unsure.high


EASE = np.linspace(0, 1, 10001)
TRUE_GAP = float((np.clip(EASE + 0.05, 0, 1) - np.clip(EASE - 0.05, 0, 1)).mean())


def test_the_interval_holds_the_true_difference_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    inside = 0
    for trial in range(200):
        easy = rng.random(150)  # both models find the same texts easy, so the difference is paired
        first, second = (rng.random((5, 150)) < np.clip(easy + shift, 0, 1) for shift in (0.05, -0.05))
        gap = paired_difference(first, second, seed=trial, draws=300)
        inside += gap.low <= TRUE_GAP <= gap.high
    assert inside >= 180


def test_the_interval_of_a_score_holds_the_true_one_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(2)
    inside = 0
    for trial in range(200):
        low, high = interval(rng.random((5, 150)) < rng.random(150), seed=trial, draws=300)
        inside += low <= 0.5 <= high
    assert inside >= 180


def test_models_of_different_samples_are_less_sure_to_differ() -> None:
    rng = np.random.default_rng(3)
    taught = np.array([[0.4], [0.5], [0.6]])
    first, second = (rng.random((3, 400)) < taught + gap for gap in (0.05, 0.0))
    paired, apart = (paired_difference(first, second, same_samples=same) for same in (True, False))
    assert apart.mean == paired.mean
    assert apart.low < paired.low < paired.high < apart.high
    assert not paired.sure, "it does not exceed the spread over seeds"


def test_sure_needs_both_the_interval_and_the_spread() -> None:
    assert Difference(-0.1, -0.2, -0.01, exceeds_spread=True).sure
    assert not Difference(-0.1, -0.2, 0.01, exceeds_spread=True).sure
    assert not Difference(0.1, 0.05, 0.2, exceeds_spread=False).sure
