"""Each metric against another implementation; `benchmarks/metrics.py` has the cases and runs a thousand of each."""

import numpy as np
import pytest

from benchmarks.metrics import KINDS, differing
from tasks.downstream.metrics import Score
from tasks.downstream.metrics.answers import score_span_answers
from tasks.downstream.metrics.classes import confusion_matrix, score_classes
from tasks.downstream.metrics.correlation import score_correlations
from tasks.downstream.metrics.entities import extract_entities, score_entities
from tasks.downstream.metrics.generation import score_generations
from tasks.downstream.metrics.likelihood import score_choices, score_likelihoods
from tasks.downstream.metrics.words import split_words

# not part of the set-up: they are released as source only
PEERS = {"entities": "seqeval", "generation": "rouge_score"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("ignore")  # the others warn of scores that are not defined for a random case
def test_every_metric_equals_what_others_compute(kind: str) -> None:
    if kind in PEERS:
        pytest.importorskip(PEERS[kind], reason=f"{PEERS[kind]} is not installed: pip install 'textmill[peers]'")
    differences = differing(kind, 25)
    assert differences
    assert {name: count for name, (count, _) in differences.items() if count} == {}


def make_scores() -> dict[str, Score]:
    rng = np.random.default_rng(0)
    truth, predicted = rng.integers(0, 3, (2, 40))
    texts = [f"the {word} sat on the mat" for word in ("cat", "dog", "old cat", "horse")]
    return score_classes(truth, predicted, 3) | score_generations([[text] for text in texts], texts[::-1])


def test_a_resample_is_the_score_of_its_examples() -> None:
    rng = np.random.default_rng(1)
    truth, predicted = rng.integers(0, 3, (2, 40))
    rows = rng.integers(0, 40, 40)
    weights = np.bincount(rows, minlength=40)[None].astype(np.float64)
    all_scores, resampled_scores = score_classes(truth, predicted, 3), score_classes(truth[rows], predicted[rows], 3)
    for name, score in all_scores.items():
        assert score.resample(weights)[0] == pytest.approx(resampled_scores[name].value), name


@pytest.mark.parametrize("kind", ["entities", "likelihood", "correlation", "others"])
def test_a_score_is_restored_from_its_parts_and_the_name_of_its_function(kind: str) -> None:
    rng = np.random.default_rng(2)
    scores = {
        "entities": lambda: score_entities([["B-X", "O"], ["B-Y", "I-Y"]], [["B-X", "B-Y"], ["B-Y", "O"]]),
        "likelihood": lambda: score_likelihoods(*rng.integers(1, 9, (3, 20)).astype(np.float64)),
        "correlation": lambda: score_correlations(*rng.normal(size=(2, 20))),
        "others": make_scores,
    }[kind]()
    for name, score in scores.items():
        restored = Score.restore(score.parts, score.function)
        assert restored.value == score.value, name


def test_entity_scores_have_equally_many_sums_for_any_predicted_types() -> None:
    truth = [["B-X", "O"]]
    right_type, unknown_type = (score_entities(truth, [[tag, "O"]])["f1"] for tag in ("B-X", "B-Z"))
    assert right_type.parts.shape == unknown_type.parts.shape == (1, 3)


def test_each_example_once_is_the_score() -> None:
    for name, score in make_scores().items():
        once = np.ones((2, len(score.parts)))
        assert score.resample(once) == pytest.approx([score.value] * 2), name


def test_confusion_counts_true_classes_in_rows() -> None:
    matrix = confusion_matrix(np.array([0, 0, 1]), np.array([1, 1, 1]), 2)
    assert matrix.tolist() == [[0, 2], [0, 1]]


@pytest.mark.parametrize(
    "tags",
    [
        ["B-PER", "I-PER", "O", "B-LOC"],
        ["B-PER", "E-PER", "O", "S-LOC"],
        ["B-PER", "M-PER", "O", "S-LOC"],
        ["B-PER", "L-PER", "O", "U-LOC"],
        ["I-PER", "I-PER", "O", "I-LOC"],
    ],
)
def test_tagging_schemes_give_the_same_entities(tags: list[str]) -> None:
    assert extract_entities(tags) == [("PER", 0, 1), ("LOC", 3, 3)]


def test_an_entity_counts_only_with_type_and_both_ends() -> None:
    scores = score_entities([["B-PER", "I-PER", "O"]], [["B-PER", "O", "O"]])
    assert scores["f1"].value == 0
    assert score_entities([["O"]], [["O"]])["f1"].value == 0


def test_chinese_answers_are_compared_by_character() -> None:
    scores = score_span_answers([["范廷颂枢机"]], ["范廷颂。"])
    assert scores["f1"].value == pytest.approx(2 * 3 / 8)
    assert score_span_answers([[""]], [""])["exact_match"].value == 1


def test_words_of_scripts_without_spaces_are_characters() -> None:
    assert split_words("BERT在2018年 naïve_x") == ["bert", "在", "2018", "年", "naïve", "x"]


def test_ties_share_the_point() -> None:
    pairs = [np.array([1.0, 1.0]), np.array([2.0, 1.0]), np.array([1.0, 2.0])]
    assert score_choices(pairs, [0, 0, 0]).value == pytest.approx(0.5)
