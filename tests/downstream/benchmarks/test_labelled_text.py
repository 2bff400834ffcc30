import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks.downstream.benchmarks.labelled_text import LabelledText, TextColumns, TextFiles
from tasks.downstream.data.task_data import Task
from tasks.errors import StageFailure

ROWS = [{"text": f"{word} {number}", "label": word} for number in range(20) for word in ("good", "bad")]


def write_rows(path: Path, rows: list[dict[str, Any]]) -> str:
    match path.suffix:
        case ".jsonl":
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        case ".parquet":
            pl.DataFrame(rows).write_parquet(path)
        case suffix:
            pl.DataFrame(rows).write_csv(path, separator="\t" if suffix == ".tsv" else ",")
    return str(path)


def load_task(**fields: Any) -> Task:
    (data,) = LabelledText(sets=[TextFiles(name="made", **fields)]).make_tasks(pl.DataFrame())
    return data


@pytest.mark.parametrize("kind", ["tsv", "csv", "jsonl", "parquet"])
def test_every_format_gives_the_same_task(tmp_path: Path, kind: str) -> None:
    data = load_task(
        train=write_rows(tmp_path / f"train.{kind}", ROWS), test=write_rows(tmp_path / f"test.{kind}", ROWS[:6])
    )
    assert data.names == ["bad", "good"]
    assert data.test["text"].to_list() == [row["text"] for row in ROWS[:6]]
    assert data.test["origin"][0].endswith(f"test.{kind}, row 1")
    assert 0 < len(data.validation) < len(data.train)
    assert not set(data.validation["text"]) & set(data.train["text"])


def test_a_class_of_one_text_stays_in_training(tmp_path: Path) -> None:
    rare = [{"text": f"{word} once", "label": f"{word}-class"} for word in "abcdefghijklmnopqrstuvwxyz"]
    path = write_rows(tmp_path / "train.jsonl", ROWS + rare)
    data = load_task(train=path, test=write_rows(tmp_path / "test.jsonl", rare), validation_fraction=0.5)
    assert len(data.names) == 28
    assert set(data.train["label"]) == set(range(28))
    assert len(data.validation)


def test_columns_without_a_header_are_named_by_number(tmp_path: Path) -> None:
    path = tmp_path / "train.tsv"
    path.write_text("".join(f"{row['label']}\t{row['text']}\tpartner\n" for row in ROWS))
    columns = TextColumns(text="1", second_text="2", label="0", header=False)
    data = load_task(train=str(path), validation=str(path), test=str(path), columns=columns)
    assert (data.train["text"][0], data.train["second"][0]) == ("good 0", "partner")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"text": "a"}], r"test.jsonl, row 1: there is no column 'label'.*has: text"),
        ([ROWS[0], {"text": " ", "label": "good"}], r"test.jsonl, row 2: the column 'text' is empty"),
        ([], r"empty test part"),
    ],
)
def test_invalid_rows_are_reported_with_file_row_and_column(
    tmp_path: Path, rows: list[dict[str, Any]], message: str
) -> None:
    with pytest.raises(StageFailure, match=message):
        load_task(train=write_rows(tmp_path / "train.jsonl", ROWS), test=write_rows(tmp_path / "test.jsonl", rows))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("test.pdf", b"%PDF-1.4\n\0", "no text file"),
        ("test.csv", b"text,label\na,good,more\n", r"row 1: 3 columns where 2 were expected"),
        ("test.jsonl", b'{"text"', r"line 1: not JSON"),
        ("test.jsonl", b"[1]\n", r"object 1: not an object"),
        ("test.parquet", b"PAR", r"not a Parquet file"),
    ],
)
def test_broken_files_are_reported(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(StageFailure, match=rf"{name}.*{message}"):
        load_task(train=write_rows(tmp_path / "train.jsonl", ROWS), test=str(tmp_path / name))


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(StageFailure, match=r"none.tsv does not exist"):
        load_task(train=str(tmp_path / "none.tsv"), test=str(tmp_path / "none.tsv"))


def test_the_key_depends_on_the_files_and_not_on_their_folder(tmp_path: Path) -> None:
    first = TextFiles(
        name="made", train=write_rows(tmp_path / "a.tsv", ROWS), test=write_rows(tmp_path / "b.tsv", ROWS)
    )
    moved = TextFiles(
        name="made", train=write_rows(tmp_path / "c.tsv", ROWS), test=write_rows(tmp_path / "d.tsv", ROWS)
    )
    assert first.semantic() == moved.semantic()
    write_rows(tmp_path / "d.tsv", ROWS[:-1])
    assert first.semantic() != moved.semantic()


@pytest.mark.slow
def test_real_data_sets_in_english_and_chinese(shared: Any) -> None:
    sst2, tnews = shared("sst2"), shared("tnews")
    english = load_task(train=str(sst2 / "train.tsv"), test=str(sst2 / "dev.tsv"), columns=TextColumns(text="sentence"))
    assert english.names == ["0", "1"]
    assert len(english.test) == 872, "all of them"
    bare = TextColumns(text="0", label="1", header=False)
    chinese = load_task(train=str(tnews / "train.tsv"), test=str(tnews / "dev.tsv"), columns=bare)
    assert len(chinese.names) == 15
