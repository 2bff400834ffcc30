from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from tasks.downstream.metrics import Floats
from tasks.downstream.metrics.correlation import score_correlations
from tasks.evaluate.query import FEWEST_TEXTS, compare_evaluations, load_answers, load_results, why_not_comparable
from tasks.store.manifest import Manifest

TEXTS = 300
HARDNESS = np.random.default_rng(0).random(TEXTS)

Right = NDArray[np.bool_]


def right(ability: float, seed: int, seeds: int = 3) -> Right:
    """Seeds that agree on which texts are easy and differ in how well they were taught."""
    rng = np.random.default_rng(seed)
    taught = ability + np.linspace(-0.05, 0.05, seeds)[:, None]
    return np.asarray(rng.normal(taught, 0.05, (seeds, TEXTS)) > HARDNESS)


def evaluated(folder: Path, correct: Right, texts: Sequence[int] = range(TEXTS), data: str = "same") -> Path:
    hits = correct[:, : len(texts)].astype(np.float64)
    return kept(folder, np.stack([hits, np.ones_like(hits)], 2).swapaxes(0, 1), "mean", texts, data)


def kept(folder: Path, parts: Floats, function: str, texts: Sequence[int], data: str) -> Path:
    """An evaluation of parts (texts, seeds, sums)."""
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
    (found,) = load_results(evaluated(tmp_path / "one", right(0.6, 1)))
    assert (found.benchmark, found.labels, found.texts, found.seeds) == ("news", 8, TEXTS, 3)
    assert found.low < found.score < found.high
    assert 0.05 < found.high - found.low < 0.2


def test_the_same_data_are_paired_by_text_and_by_sample(tmp_path: Path) -> None:
    better, before = right(0.8, 1), right(0.6, 2)
    one = evaluated(tmp_path / "one", better)
    (paired,) = compare_evaluations(one, evaluated(tmp_path / "two", before))
    (apart,) = compare_evaluations(one, evaluated(tmp_path / "three", before, data="other"))
    assert paired.same_samples
    assert not apart.same_samples
    assert paired.difference.mean == apart.difference.mean == pytest.approx(better.mean() - before.mean())
    assert paired.difference.sure
    widths = [each.difference.high - each.difference.low for each in (paired, apart)]
    assert widths[0] < widths[1], "which sample was drawn moves both models alike"


def test_all_intervals_together_are_wider(tmp_path: Path) -> None:
    folders = []
    for name, ability in (("one", 0.7), ("two", 0.6)):
        folders.append(evaluated(tmp_path / name, right(ability, 1)))
        table = pl.read_parquet(folders[-1] / "answers.parquet")
        tasks = [table.with_columns(labels=pl.lit(labels, pl.Int32)) for labels in (8, 16, 32)]
        pl.concat(tasks).write_parquet(folders[-1] / "answers.parquet")
    single, joint = compare_evaluations(*folders), compare_evaluations(*folders, jointly=True)
    assert [each.labels for each in joint] == [8, 16, 32]
    for one, all_ in zip(single, joint, strict=True):
        assert all_.difference.low < one.difference.low < one.difference.high < all_.difference.high


def test_only_common_texts_are_compared(tmp_path: Path) -> None:
    one = evaluated(tmp_path / "one", np.ones((3, 200), dtype=np.bool_), range(200))
    two = evaluated(tmp_path / "two", np.zeros((3, 200), dtype=np.bool_), range(150, 350), "other")
    (change,) = compare_evaluations(one, two)
    assert (change.texts, change.difference.mean) == (50, 1.0)
    few = evaluated(
        tmp_path / "few", np.zeros((3, 200), dtype=np.bool_), range(201 - FEWEST_TEXTS, 401 - FEWEST_TEXTS), "third"
    )
    assert compare_evaluations(one, few) == []


def test_a_text_that_repeats_is_paired_once(tmp_path: Path) -> None:
    folder = evaluated(tmp_path / "one", right(0.6, 1), [7, *range(100), 7, 7])
    assert [score.parts.shape for score in load_answers(folder)["news", 8].scores] == [(103, 2)] * 3
    assert [each.texts for each in compare_evaluations(folder, folder)] == [100]


def test_correlations_compare_as_means_do(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    truth = rng.normal(size=TEXTS)

    def told(name: str, noise: float) -> Path:
        guesses = truth + rng.normal(size=(3, TEXTS)) * noise
        parts = np.stack([score_correlations(truth, each)["spearman"].parts for each in guesses], 1)
        return kept(tmp_path / name, parts, "correlation.correlation", range(TEXTS), "same")

    good, bad = told("good", 0.3), told("bad", 2.0)
    (change,) = compare_evaluations(good, bad, jointly=True)
    (one,), (other,) = load_results(good), load_results(bad)
    assert change.difference.sure
    assert change.difference.mean == pytest.approx(one.score - other.score)
    assert compare_evaluations(good, evaluated(tmp_path / "accuracy", right(0.6, 1))) == [], "another score"


def test_what_does_not_compare_is_named() -> None:
    def manifest(version: int, epochs: int) -> Manifest:
        return Manifest.model_construct(version=version, semantic={"finetuning": {"epochs": epochs}})

    assert why_not_comparable(manifest(3, 1), manifest(3, 1)) == ""
    assert why_not_comparable(manifest(4, 1), manifest(3, 1)) == "another version of evaluate (3)"
    assert why_not_comparable(manifest(3, 2), manifest(3, 1)) == "other settings of fine-tuning"
