"""Data sets that cannot be read are named by the settings that they come from, all at once."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks.block import discover_blocks
from tasks.downstream.benchmarks import Benchmark
from tasks.downstream.prepare_tasks import make_tasks
from tasks.errors import BadSetting, StageFailure


def make_benchmark(kind: str, *sets: dict[str, Any]) -> Benchmark:
    return discover_blocks(Benchmark)[kind].model_validate({"sets": list(sets)})


def test_all_data_sets_that_cannot_be_read_are_named_at_once(tmp_path: Path) -> None:
    good = tmp_path / "good.tsv"
    good.write_text("text\tlabel\n" + "".join(f"a {number}\t{'xy'[number % 2]}\n" for number in range(20)))
    (tmp_path / "bad.tsv").write_text("text\tlabel\na\tx\nb\n")
    (tmp_path / "choice.jsonl").write_text(json.dumps({"question": "?", "options": ["a", "b"], "answer": "Z"}) + "\n")
    benchmarks = [
        make_benchmark(
            "labelled_text",
            {"name": "one", "train": str(good), "test": str(tmp_path / "bad.tsv")},
            {"name": "two", "train": str(good)},
            {"name": "three", "train": str(tmp_path / "missing.tsv")},
        ),
        # a setting whose value stands in many messages is not blamed for them
        make_benchmark("multiple_choice", {"name": "four", "path": str(tmp_path / "choice.jsonl"), "separator": " "}),
    ]
    with pytest.raises(StageFailure) as caught:
        list(make_tasks(benchmarks, [8], pl.DataFrame()))
    message = str(caught.value)
    assert "3 data sets cannot be read" in message
    assert f"evaluate.benchmarks.labelled_text.sets[0].test: {tmp_path / 'bad.tsv'}, row 2: 1 columns" in message
    assert "evaluate.benchmarks.labelled_text.sets[2].train: the file" in message
    assert "evaluate.benchmarks.multiple_choice.sets[0].path:" in message
    assert "set on_error to skip" in message
    assert "textmill inspect" in message


def test_one_failure_is_raised_as_it_is(tmp_path: Path) -> None:
    benchmark = make_benchmark("minimal_pairs", {"name": "one", "path": str(tmp_path / "no.jsonl")})
    with pytest.raises(BadSetting, match=r"^evaluate.benchmarks.minimal_pairs.sets\[0\].path: the file .*no.jsonl"):
        list(make_tasks([benchmark], [8], pl.DataFrame()))
