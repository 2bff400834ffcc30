"""Sources and targets from tables and from parallel files, and the errors in them."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import ValidationError

from tasks.downstream.benchmarks.text_to_text import TextToText, WrittenFiles
from tasks.downstream.data.task_data import Task
from tasks.downstream.task_types import load_task_type
from tasks.errors import StageFailure


def load_task(path: Path | str, **fields: Any) -> Task:
    files = WrittenFiles(name="made", train=str(path), validation=str(path), test=str(path), **fields)
    (task,) = TextToText(sets=[files]).make_tasks(pl.DataFrame())
    return task


def write_lines(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows))
    return path


def write_parallel_files(folder: Path, german: str, english: str) -> Path:
    (folder / "train.de.gz").write_bytes(gzip.compress(german.encode(), mtime=0))
    (folder / "train.en.gz").write_bytes(gzip.compress(english.encode(), mtime=0))
    return folder / "train.*.gz"


COLUMNS = {"source": "de", "target": "en"}


def test_a_list_is_one_source_of_sentences_or_several_references(tmp_path: Path) -> None:
    path = write_lines(
        tmp_path / "a.jsonl", {"source": ["One.", "", " Two. "], "target": ["a", "b"]}, {"source": "c", "target": "d"}
    )
    task = load_task(path)
    assert task.train["text"].to_list() == ["One. Two.", "c"]
    assert task.train["wanted"].to_list() == [["a", "b"], ["d"]]
    row = task.test.row(0, named=True)
    kind = load_task_type(task)
    assert (kind.format_question(row), kind.format_truth(task, row), kind.format_answer(task, {"written": "x"})) == (
        "One. Two.",
        "a",
        "x",
    )


def test_a_task_names_its_metrics(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", {"source": "a", "target": "b"})
    task = load_task(path, metrics=["chrf", "bleu"])
    task.save(tmp_path / "made.parquet")
    assert load_task_type(Task.load(tmp_path / "made.parquet")).metrics == ("chrf", "bleu")
    assert load_task_type(load_task(path)).metrics == ("rougeL", "rouge1")
    with pytest.raises(ValidationError):
        load_task(path, metrics=[])
    with pytest.raises(ValidationError):
        load_task(path, metrics=["meteor"])


def test_parallel_files_are_read_line_by_line(tmp_path: Path) -> None:
    task = load_task(
        write_parallel_files(tmp_path, "ein\u2028Haus\r\nein Baum\n", "a house\na tree\n"), columns=COLUMNS
    )
    assert task.train["text"].to_list() == ["ein\u2028Haus", "ein Baum"]
    assert task.train["wanted"].to_list() == [["a house"], ["a tree"]]
    assert task.train["origin"][1].endswith("train.de.gz, line 2")


def test_the_key_depends_on_the_content_of_parallel_files(tmp_path: Path) -> None:
    def key(folder: str, english: str) -> dict[str, Any]:
        (tmp_path / folder).mkdir(exist_ok=True)
        path = str(write_parallel_files(tmp_path / folder, "ein Haus\n", english))
        return WrittenFiles.model_validate({"name": "made", "train": path, "test": path, "columns": COLUMNS}).semantic()

    assert key("one", "a house\n") == key("two", "a house\n")
    assert key("one", "a house\n") != key("two", "a home\n")


@pytest.mark.parametrize(
    ("german", "english", "message"),
    [
        ("a\nb\n", "c\n", r"train.de.gz has 2 lines, and .*train.en.gz has 1"),
        ("a\n\nb\n", "c\nd\ne\n", r"train.de.gz, line 2: the line is empty"),
        ("a\nb\n", "c\n \n", r"train.en.gz, line 2: the line is empty"),
    ],
)
def test_lines_that_do_not_belong_together_are_named(tmp_path: Path, german: str, english: str, message: str) -> None:
    with pytest.raises(StageFailure, match=message):
        load_task(write_parallel_files(tmp_path, german, english), columns=COLUMNS)


def test_broken_parallel_files_are_reported(tmp_path: Path) -> None:
    path = write_parallel_files(tmp_path, "a\n", "b\n")
    with pytest.raises(StageFailure, match=r"train.fr.gz does not exist"):
        load_task(path, columns={"source": "de", "target": "fr"})
    (tmp_path / "train.en.gz").write_bytes(gzip.compress(b"b\n")[:-6])
    with pytest.raises(StageFailure, match=r"train.en.gz is not a complete .gz file"):
        load_task(path, columns=COLUMNS)
    (tmp_path / "train.en.gz").write_bytes(gzip.compress(b"b\xff\n"))
    with pytest.raises(StageFailure, match=r"train.en.gz is not utf-8 at byte 1"):
        load_task(path, columns=COLUMNS, encoding="utf-8")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"source": "a"}, r"a.jsonl, row 1: there is no column 'target'"),
        ({"source": "a", "target": " "}, r"a.jsonl, row 1: the column 'target' is empty"),
        ({"source": "a", "target": []}, r"a.jsonl, row 1: the column 'target' has an empty text"),
        ({"source": "a", "target": ["b", ""]}, r"a.jsonl, row 1: the column 'target' has an empty text"),
        ({"source": [" "], "target": "b"}, r"a.jsonl, row 1: the column 'source' has an empty text"),
        ({"source": {"a": 1}, "target": "b"}, r"a.jsonl, row 1: .* is neither a text nor a list of texts"),
        ({"source": "a", "target": ["b", 1]}, r"a.jsonl, row 1: .* is neither a text nor a list of texts"),
    ],
)
def test_invalid_rows_are_reported(tmp_path: Path, row: dict[str, Any], message: str) -> None:
    with pytest.raises(StageFailure, match=message):
        load_task(write_lines(tmp_path / "a.jsonl", row))


@pytest.mark.slow
def test_real_data_sets_and_their_baselines(shared: Callable[[str], Path]) -> None:
    scitldr, multi30k = shared("scitldr") / "train.jsonl", shared("multi30k") / "raw" / "val.*.gz"
    summaries = load_task(scitldr, max_train_examples=100, max_test_examples=50)
    translations = load_task(
        multi30k, columns=COLUMNS, metrics=["chrf", "bleu"], max_train_examples=500, max_test_examples=50
    )
    scores = {}
    for task in (summaries, translations):
        kind = load_task_type(task)
        for name, predict in kind.baselines.items():
            answers = predict(task, task.train).answers
            assert len(answers) == 50
            scores[task.metrics[0], name] = kind.score_answers(task, task.test, answers)[task.metrics[0]].value
    several = load_task(scitldr.with_name("test.jsonl"), max_test_examples=50)
    assert several.test["wanted"].list.len().min() > 1
    assert scores["rougeL", "lead"] > scores["rougeL", "copy"]
    assert scores["chrf", "nearest"] > scores["chrf", "copy"] > 0.1
