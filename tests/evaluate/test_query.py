from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from tasks.downstream.metrics import Floats
from tasks.downstream.metrics.correlation import score_correlations
from tasks.evaluate.query import MIN_COMMON_TEXTS, compare_evaluations, load_answers, load_results, why_not_comparable
from tasks.store.manifest import Manifest

TEXTS = 300
HARDNESS = np.random.default_rng(0).random(TEXTS)

Correct = NDArray[np.bool_]


def draw_correct(ability: float, seed: int, seeds: int = 3) -> Correct:
    """Draw (seeds, texts): seeds agree on which texts are easy, and differ a little in their ability."""
    rng = np.random.default_rng(seed)
    abilities = ability + np.linspace(-0.05, 0.05, seeds)[:, None]
    return np.asarray(rng.normal(abilities, 0.05, (seeds, TEXTS)) > HARDNESS)


def write_correct(folder: Path, correct: Correct, texts: Sequence[int] = range(TEXTS), data: str = "same") -> Path:
    hits = correct[:, : len(texts)].astype(np.float64)
    return write_answers(folder, np.stack([hits, np.ones_like(hits)], 2).swapaxes(0, 1), "mean", texts, data)


def write_answers(folder: Path, parts: Floats, function: str, texts: Sequence[int], data: str) -> Path:
    """Write the answers of an evaluation; `parts` are (texts, seeds, sums)."""
    folder.mkdir()
    rows = {"text": list(texts), "parts": parts.tolist()}
    constants = {
        "benchmark": "news",
        "budget": "8 labels a class",
        "metric": "score",
        "function": function,
        "data": data,
    }
    table = pl.DataFrame(rows, schema_overrides={"text": pl.UInt64})
    table = table.with_columns(labels=pl.lit(8, pl.Int32), **{name: pl.lit(value) for name, value in constants.items()})
    table.write_parquet(folder / "answers.parquet")
    return folder


def test_a_score_has_an_interval_around_it(tmp_path: Path) -> None:
    (result,) = load_results(write_correct(tmp_path / "one", draw_correct(0.6, 1)))
    assert (result.benchmark, result.labels, result.texts, result.seeds) == ("news", 8, TEXTS, 3)
    assert result.low < result.score < result.high
    assert 0.05 < result.high - result.low < 0.2


def test_the_same_data_are_paired_by_text_and_by_sample(tmp_path: Path) -> None:
    better, before = draw_correct(0.8, 1), draw_correct(0.6, 2)
    one = write_correct(tmp_path / "one", better)
    (paired,) = compare_evaluations(one, write_correct(tmp_path / "two", before))
    (separate,) = compare_evaluations(one, write_correct(tmp_path / "three", before, data="other"))
    assert paired.same_samples
    assert not separate.same_samples
    assert paired.difference.mean == separate.difference.mean == pytest.approx(better.mean() - before.mean())
    assert paired.difference.sure
    widths = [change.difference.high - change.difference.low for change in (paired, separate)]
    assert widths[0] < widths[1], "which sample was drawn moves both models alike"


@pytest.mark.slow
def test_joint_intervals_are_wider(tmp_path: Path) -> None:
    folders = []
    for name, ability in (("one", 0.7), ("two", 0.6)):
        folders.append(write_correct(tmp_path / name, draw_correct(ability, 1)))
        table = pl.read_parquet(folders[-1] / "answers.parquet")
        tasks = [table.with_columns(labels=pl.lit(labels, pl.Int32)) for labels in (8, 16, 32)]
        pl.concat(tasks).write_parquet(folders[-1] / "answers.parquet")
    single, joint = compare_evaluations(*folders), compare_evaluations(*folders, jointly=True)
    assert [change.labels for change in joint] == [8, 16, 32]
    assert [change.difference.adjusted_p for change in single] == pytest.approx([3 * single[0].difference.p] * 3)
    for one, all_ in zip(single, joint, strict=True):
        assert all_.difference.low < one.difference.low < one.difference.high < all_.difference.high


def test_only_common_texts_are_compared(tmp_path: Path) -> None:
    one = write_correct(tmp_path / "one", np.ones((3, 200), dtype=np.bool_), range(200))
    two = write_correct(tmp_path / "two", np.zeros((3, 200), dtype=np.bool_), range(150, 350), "other")
    (change,) = compare_evaluations(one, two)
    assert (change.texts, change.difference.mean) == (50, 1.0)
    few = write_correct(
        tmp_path / "few",
        np.zeros((3, 200), dtype=np.bool_),
        range(201 - MIN_COMMON_TEXTS, 401 - MIN_COMMON_TEXTS),
        "third",
    )
    assert compare_evaluations(one, few) == []


def test_a_text_that_repeats_is_paired_once(tmp_path: Path) -> None:
    folder = write_correct(tmp_path / "one", draw_correct(0.6, 1), [7, *range(100), 7, 7])
    assert [score.parts.shape for score in load_answers(folder)["news", 8].scores] == [(103, 2)] * 3
    assert [change.texts for change in compare_evaluations(folder, folder)] == [100]


def test_correlations_compare_as_means_do(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    truth = rng.normal(size=TEXTS)

    def write_predictions(name: str, noise: float) -> Path:
        predictions = truth + rng.normal(size=(3, TEXTS)) * noise
        parts = np.stack([score_correlations(truth, by_seed)["spearman"].parts for by_seed in predictions], 1)
        return write_answers(tmp_path / name, parts, "correlation.correlation", range(TEXTS), "same")

    good, bad = write_predictions("good", 0.3), write_predictions("bad", 2.0)
    (change,) = compare_evaluations(good, bad, jointly=True)
    (one,), (other,) = load_results(good), load_results(bad)
    assert change.difference.sure
    assert change.difference.mean == pytest.approx(one.score - other.score)
    assert compare_evaluations(good, write_correct(tmp_path / "accuracy", draw_correct(0.6, 1))) == [], "another score"


def write_classes(folder: Path, truth: list[str], predicted: list[list[str]], function: str) -> Path:
    """Write the answers of an evaluation whose answers are classes; `predicted` has a list for each seed."""
    hits = np.array(
        [[float(one == right) for one in answers] for right, *answers in zip(truth, *predicted, strict=True)]
    )
    parts = np.stack([hits, np.ones_like(hits)], 2)
    if function != "mean":  # another width, as the sums of MCC have
        parts = np.concatenate([parts, np.ones_like(parts)], 2)
    write_answers(folder, parts, function, range(len(truth)), "same")
    table = pl.read_parquet(folder / "answers.parquet")
    answers = [
        [
            {"model": model, "seed": seed, "predicted": classes[row]}
            for model in ("pretrained", "tfidf")
            for seed, classes in enumerate(predicted)
        ]
        for row in range(len(truth))
    ]
    table.with_columns(kind=pl.lit("classes"), truth=pl.Series(truth), predictions=pl.Series(answers)).write_parquet(
        folder / "answers.parquet"
    )
    return folder


def test_a_model_that_only_says_another_class_is_not_surely_worse(tmp_path: Path) -> None:
    truth = ["no"] * 75 + ["yes"] * 25
    one = write_classes(tmp_path / "one", truth, [["yes"] * 100] * 3, "mean")
    two = write_classes(tmp_path / "two", truth, [["no"] * 100] * 3, "mean")
    (change,) = compare_evaluations(one, two, jointly=True)
    assert change.metric == "score"
    assert change.difference.mean == pytest.approx(-0.5)
    assert change.difference.high < 0, "by accuracy alone it would be sure"
    assert not change.difference.sure


def test_evaluations_with_different_scores_of_classes_are_compared_by_mcc(tmp_path: Path) -> None:
    truth = ["no"] * 75 + ["yes"] * 25
    good = [["no"] * (75 - seed) + ["yes"] * (25 + seed) for seed in range(3)]
    one = write_classes(tmp_path / "one", truth, good, "classes.matthews")
    two = write_classes(tmp_path / "two", truth, [["no"] * 98 + ["perhaps"] * 2] * 3, "mean")
    (change,) = compare_evaluations(one, two)
    assert change.metric == "MCC"
    assert change.difference.mean > 0.8
    assert change.difference.sure


def test_evaluations_that_cannot_be_compared_have_a_reason() -> None:
    def manifest(version: int, epochs: int, **recipes: str) -> Manifest:
        counts = {"scores": {"moods": {}}, "recipes": recipes}
        return Manifest.model_construct(version=version, semantic={"finetuning": {"epochs": epochs}}, counts=counts)

    assert why_not_comparable(manifest(3, 1), manifest(3, 1)) == ""
    assert why_not_comparable(manifest(4, 1), manifest(3, 1)) == "another version of evaluate (3)"
    assert why_not_comparable(manifest(3, 2), manifest(3, 1)) == "other settings of fine-tuning"
    kept = manifest(3, 1, moods="0123")
    assert why_not_comparable(kept, manifest(3, 1)) == "other settings of fine-tuning", "of the kept model"
    assert why_not_comparable(kept, kept) == ""
    old = Manifest.model_construct(version=3, key="old", semantic={"fitting": {"epochs": 1}})
    for pair in ((old, manifest(3, 1)), (manifest(3, 1), old)):
        assert why_not_comparable(*pair) == (
            "evaluate old has settings of an earlier version of Textmill: run textmill upgrade"
        )
