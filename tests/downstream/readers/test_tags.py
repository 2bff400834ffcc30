"""Dialects of tags and of the files that hold them."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks.downstream.benchmarks.tagging import TagFiles, Tagging
from tasks.downstream.data.task_data import Task
from tasks.downstream.readers.tag_schemes import detect_tag_scheme
from tasks.downstream.task_types import load_task_type
from tasks.errors import StageFailure

PERSON = "PER 1–2"


def load_task(tmp_path: Path, text: str, **fields: Any) -> Task:
    path = tmp_path / "a.txt"
    path.write_text(text, encoding="utf-8")
    files = TagFiles(name="made", train=str(path), validation=str(path), test=str(path), **fields)
    (task,) = Tagging(sets=[files]).make_tasks(pl.DataFrame())
    return task


def list_answers(task: Task) -> list[str]:
    kind = load_task_type(task)
    return [kind.format_truth(task, row) for row in task.test.iter_rows(named=True)]


@pytest.mark.parametrize(
    ("tags", "answer"),
    [
        ("B-PER I-PER O", PERSON),
        ("b-PER i-PER o", PERSON),
        ("PER-B PER-I O", PERSON),
        ("PER_b PER_i o", PERSON),
        ("B_PER I_PER 0", PERSON),
        ("PER/B PER/I O", PERSON),
        ("I-PER I-PER O", PERSON),
        ("B-PER E-PER O", PERSON),
        ("B-PER L-PER O", PERSON),
        ("PER PER O", PERSON),
        ("B I O", "entity 1–2"),
        ("W-PER B-PER E-PER", "PER 1–1, PER 2–3"),
        ("B E S", "word 1–2, word 3–3"),
        ("U-x-y B-x-y L-x-y", "x-y 1–1, x-y 2–3"),
    ],
)
def test_perfect_answers_are_perfect_in_every_dialect(tmp_path: Path, tags: str, answer: str) -> None:
    sentence = "".join(f"w{number}\t{tag}\n" for number, tag in enumerate(tags.split())) + "\n"
    task = load_task(tmp_path, sentence * 2)
    assert list_answers(task)[0] == answer
    answers = pl.DataFrame({"predicted": task.test["tags"]})
    assert load_task_type(task).score_answers(task, task.test, answers)["f1"].value == 1


def test_tags_of_several_schemes_are_refused() -> None:
    with pytest.raises(StageFailure, match=r"'B-LOC' and 'LOC' are of different schemes.*columns.tag"):
        detect_tag_scheme(["O", "B-PER", "I-PER", "B-LOC", "LOC"])


def test_the_report_says_how_unusual_tags_are_read(tmp_path: Path) -> None:
    assert "have no type, which is called entity here" in load_task(tmp_path, "a B\nb I\nc O\n\n").describe()
    assert "have the letter last, as PER-B" in load_task(tmp_path, "a PER-B\nb O\n\n").describe()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("-DOCSTART- -X- O\n\nNew _ B-LOC\nYork _ I-LOC\n\n", ["New", "York"]),
        ("# id 07 domain=en\nNew _ B-LOC\nYork _ I-LOC\n\n", ["New", "York"]),
        ("# sent_id = 4\n1\tNew\t_\tB-LOC\n2-3\tYork's\t_\t_\n2\tYork\t_\tI-LOC\n\n", ["New", "York"]),
        ("New York\tB-LOC\n#\tI-LOC\n\n", ["New York", "#"]),
        ("B-LOC\tNew\nI-LOC\tYork\n\n", ["New", "York"]),
        ("New B-NP B-LOC\r\nYork I-NP I-LOC\r\n\r\n", ["New", "York"]),
        ("New/B-LOC York/I-LOC is/O\n", ["New", "York", "is"]),
        ("New/B-LOC 1/2/I-LOC\n", ["New", "1/2"]),
    ],
)
def test_files_of_tagged_words(tmp_path: Path, text: str, words: list[str]) -> None:
    task = load_task(tmp_path, text * 3)
    assert task.test["words"].to_list()[0] == words
    assert list_answers(task)[0] == "LOC 1–2"


def test_a_wrapped_line_costs_its_sentence_only(tmp_path: Path) -> None:
    text = "a B-X\nb O\n\n" * 30 + "c B-X\nd\nO\n\n"
    with pytest.raises(StageFailure, match=r"a.txt, line 92: 1 columns.*or set on_error to skip"):
        load_task(tmp_path, text)
    task = load_task(tmp_path, text, on_error="skip")
    assert len(task.test) == 30
    assert "3 entities that do not fit are left out" in task.describe()  # the file is read for each of three parts
    with pytest.raises(StageFailure, match=r"1 of 31 rows .* more than 1%.*raise max_skipped_fraction"):
        load_task(tmp_path, text, on_error="skip", max_skipped_fraction=0.01)


def test_sentences_beside_their_tags(tmp_path: Path) -> None:
    (tmp_path / "seq.in").write_text("book a room\ngo on\n")
    (tmp_path / "seq.out").write_text("O O B-place\nO O\n")
    fields = {"train": str(tmp_path / "seq.*"), "columns": {"words": "in", "tags": "out"}}
    files = TagFiles.model_validate({"name": "made", "validation": fields["train"], "test": fields["train"], **fields})
    (task,) = Tagging(sets=[files]).make_tasks(pl.DataFrame())
    assert list_answers(task) == ["place 3–3", "none"]
    (tmp_path / "seq.out").write_text("O B-place\nO O\n")
    with pytest.raises(StageFailure, match=r"seq.in, line 1: 3 words, and 2 tags"):
        list(Tagging(sets=[files]).make_tasks(pl.DataFrame()))


@pytest.mark.parametrize(
    "spans",
    [
        {"label": [[0, 3, "PER"]]},
        {"entities": [{"start_offset": 0, "end_offset": 3, "label": "PER"}]},
        {"entities": [{"start_idx": 0, "end_idx": 2, "type": "PER", "entity": "Ann"}]},
        {"label": {"PER": {"Ann": [[0, 2]]}}},
        {"spans": [{"start": 0, "end": 3, "label": "PER"}]},
    ],
)
def test_spans_in_every_form(tmp_path: Path, spans: dict[str, Any]) -> None:
    task = load_task(tmp_path, json.dumps({"text": "Ann left.", **spans}) + "\n")
    assert list_answers(task) == ["PER 1–1"]
