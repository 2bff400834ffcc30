"""Tables of lists and objects, invalid rows that are reported or skipped, and sets smaller than a batch."""

import json
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import ValidationError

from tasks.block import discover_blocks
from tasks.downstream.benchmarks import Benchmark
from tasks.downstream.data.task_data import Task
from tasks.downstream.finetuning.loop import fit_model
from tasks.downstream.heads import make_head
from tasks.downstream.models.checkpoint_tokenizer import CheckpointTokenizer
from tasks.downstream.models.encoder import load_encoder
from tasks.downstream.models.one_thread import use_one_thread
from tasks.downstream.prepare_tasks import make_tasks
from tasks.downstream.settings.finetuning import FineTuning
from tasks.downstream.task_types import load_task_type
from tasks.errors import StageFailure


def make_benchmark(kind: str, path: Path, **fields: Any) -> Benchmark:
    partitioned = {"train": str(path), "validation": str(path), "test": str(path)}
    parts = {"path": str(path)} if kind in ("multiple_choice", "document_retrieval") else partitioned
    return discover_blocks(Benchmark)[kind].model_validate({"sets": [{"name": "made", **parts, **fields}]})


def load_task(kind: str, path: Path, rows: list[dict[str, Any]], **fields: Any) -> Task:
    if path.suffix == ".parquet":
        pl.DataFrame(rows).write_parquet(path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (task,) = make_benchmark(kind, path, **fields).make_tasks(pl.DataFrame())
    return task


@pytest.mark.parametrize("layout", ["jsonl", "parquet"])
def test_lists_and_objects_in_tables(tmp_path: Path, layout: str) -> None:
    path = tmp_path / f"made.{layout}"
    task = load_task("tagging", path, [{"tokens": ["Ann", "left"], "ner_tags": ["B-PER", "O"]}], format=layout)
    assert task.test.select("words", "tags").row(0) == (["Ann", "left"], [0, 1])
    answers = {"text": ["Ann"], "answer_start": [0]}
    question = {"question": "Who?", "context": "Ann left.", "answers": answers}
    assert load_task("question_answering", path, [question], format=layout).test["starts"].to_list() == [[0]]
    question = {"question": "Who?", "context": "Ann left.", "answers": [{"text": "Ann", "answer_start": 0}]}
    assert load_task("question_answering", path, [question], format=layout).test["answers"].to_list() == [["Ann"]]
    example = {"text": "He met Bo.", "spans": {"a": "He", "b": "Bo"}, "zero": 0, "seven": 7}
    spans = {"first_span": {"text": "spans.a", "start": "zero"}, "second_span": {"text": "spans.b", "start": "seven"}}
    rows = [example | {"label": label} for label in "xy"]
    task = load_task("relation", path, rows, format=layout, columns=spans)
    assert load_task_type(task).format_question(task.test.row(0, named=True)) == "[He] met [Bo]."


@pytest.mark.parametrize(
    ("kind", "row", "message"),
    [
        ("tagging", {"tokens": ["a"], "ner_tags": ["O", "B-X"]}, r"row 1: not as many tags as words"),
        ("tagging", {"tokens": ["a"], "ner_tags": [3]}, r"row 1: 'ner_tags' is no list of words or of tags"),
        ("tagging", {"tokens": ["a"]}, r"row 1: there is no column 'ner_tags'"),
        (
            "question_answering",
            {"question": "?", "context": "a", "answers": None},
            r"row 1: the answers cannot be read",
        ),
        (
            "question_answering",
            {"question": "?", "context": "a", "answers": {"text": ["b"], "answer_start": [7]}},
            r"row 1: the answer 'b' is not at character 7",
        ),
    ],
)
def test_invalid_rows_are_reported_with_row_and_column(
    tmp_path: Path, kind: str, row: dict[str, Any], message: str
) -> None:
    with pytest.raises(StageFailure, match=message):
        load_task(kind, tmp_path / "made.jsonl", [row], format="jsonl")


def test_spans_beside_the_text_are_two(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="give text and start of first_span and of second_span, or none of them"):
        make_benchmark("relation", tmp_path, columns={"first_span": {"text": "a", "start": "b"}})


@pytest.mark.parametrize(("answer", "right"), [(1, 1), ("1", 1), ("B", 1), ("b", 1), ("(B)", 1)])
def test_right_answers_by_number_and_letter(tmp_path: Path, answer: Any, right: int) -> None:
    row = {"question": "?", "options": ["a", "b"], "answer": answer}
    assert load_task("multiple_choice", tmp_path / "made.jsonl", [row]).test["right"].to_list() == [right]


@pytest.mark.parametrize("answer", [2, "C", "c", None, True, -1])
def test_answers_that_are_none_of_the_options_are_reported(tmp_path: Path, answer: Any) -> None:
    row = {"question": "?", "options": ["a", "b"], "answer": answer}
    with pytest.raises(StageFailure, match=r"made.jsonl, row 1: .* in 'answer' is none of the 2 answers' numbers"):
        load_task("multiple_choice", tmp_path / "made.jsonl", [row])


def test_skipped_rows_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "made.tsv"
    path.write_text("text\tlabel\na\tx\nb\ty\nc\n\tx\nd\t\n")
    skipping = {"on_error": "skip", "max_skipped_fraction": 0.7}
    (task,) = make_benchmark("labelled_text", path, **skipping).make_tasks(pl.DataFrame())
    assert len(task.train) == 2
    assert task.describe() == "Texts of made in 2 classes. 9 rows that do not fit are left out."  # 3 of each part
    with pytest.raises(StageFailure, match=r"3 of 5 rows of .*made.tsv do not fit, more than 5%"):
        list(make_benchmark("labelled_text", path, on_error="skip").make_tasks(pl.DataFrame()))
    with pytest.raises(StageFailure, match=r"made.tsv, row 3: 1 columns where 2 were expected.*set on_error to skip"):
        list(make_benchmark("labelled_text", path).make_tasks(pl.DataFrame()))


@pytest.mark.parametrize(
    ("damage", "place"),
    [
        ({"paragraphs": None}, "document 31 is not in SQuAD's format (TypeError: no list, but NoneType)"),
        ({"title": "t"}, "document 31 is not in SQuAD's format (there is no 'paragraphs')"),
        ({"paragraphs": [{"qas": [{"question": "?", "answers": []}]}]}, "document 31, paragraph 1, question 1 is not"),
        ({"paragraphs": [{"context": "a"}]}, "document 31, paragraph 1 is not in SQuAD's format (there is no 'qas')"),
        ({"paragraphs": [{"context": "a", "qas": ["?"]}]}, "question 1 is not in SQuAD's format (TypeError: no object"),
        ("no document", "document 31 is not in SQuAD's format (TypeError: no object, but str)"),
    ],
)
def test_squad_that_is_damaged_above_an_answer_costs_that_part_only(tmp_path: Path, damage: Any, place: str) -> None:
    question = {"id": "q", "question": "Who?", "answers": [{"text": "Ann", "answer_start": 0}]}
    documents: list[Any] = [{"paragraphs": [{"context": f"Ann {n}", "qas": [question]}]} for n in range(30)]
    path = tmp_path / "squad.json"
    path.write_text(json.dumps({"data": [*documents, damage]}))
    with pytest.raises(StageFailure, match=rf"{re.escape(place)}.*set on_error to skip"):
        list(make_benchmark("question_answering", path).make_tasks(pl.DataFrame()))
    (task,) = make_benchmark("question_answering", path, on_error="skip").make_tasks(pl.DataFrame())
    assert len(task.test) == 30
    assert "3 questions that do not fit are left out" in task.describe(), "one of each part"
    (task,) = make_benchmark("document_retrieval", path, on_error="skip").make_tasks(pl.DataFrame())
    assert len(task.test) == 1, "one question, which is asked of every document"


@pytest.mark.parametrize(
    ("name", "rows", "broken"),
    [
        ("c3.json", [[[["a: hello"], [{"question": "?", "choice": ["b", "c"], "answer": "b"}]]] * 30], [["a"], [{}]]),
        ("quiz.jsonl", [{"question": "?", "options": ["a", "b"], "answer": 0}] * 30, {"question": "?"}),
    ],
)
def test_questions_that_do_not_fit_are_skipped(tmp_path: Path, name: str, rows: list[Any], broken: Any) -> None:
    path = tmp_path / name
    content = [*rows[0], broken] if name == "c3.json" else [*rows, broken]
    path.write_text(json.dumps(content) if name == "c3.json" else "".join(json.dumps(row) + "\n" for row in content))
    with pytest.raises(StageFailure, match="set on_error to skip"):
        list(make_benchmark("multiple_choice", path).make_tasks(pl.DataFrame()))
    (task,) = make_benchmark("multiple_choice", path, on_error="skip").make_tasks(pl.DataFrame())
    assert len(task.test) == 30
    assert "1 questions that do not fit are left out" in task.describe()


def test_a_set_smaller_than_a_batch_is_learnt_completely_or_reported(tmp_path: Path, checkpoint: Path) -> None:
    path = tmp_path / "made.jsonl"
    task = load_task("labelled_text", path, [{"text": f"the {word}", "label": word} for word in ("oak", "sail")])
    finetuning = FineTuning(min_steps=2, epochs=1, batch_size=8, max_length=16)
    tokens = CheckpointTokenizer(checkpoint, 16)
    with use_one_thread():
        head = make_head(load_encoder(checkpoint, random=False, seed=0), task, finetuning)
        fitted = fit_model(
            head,
            head.make_examples(tokens, task.train),
            head.make_examples(tokens, task.validation),
            finetuning,
            0.01,
            0,
        )
    assert fitted.validation_points[-1].step == 2
    (told,) = make_tasks([make_benchmark("labelled_text", path)], [8], pl.DataFrame())
    assert "With 8 labels a class, 2 classes have fewer and give what they have: 'oak' 1, 'sail' 1." in told.describe()
    assert len(load_task_type(told).sample(told, 8, 0)) == 2


def test_a_class_without_training_examples_counts_as_wrong(tmp_path: Path) -> None:
    path, test = tmp_path / "made.jsonl", tmp_path / "test.jsonl"
    load_task("labelled_text", path, [{"text": f"{n}", "label": "xy"[n % 2]} for n in range(20)])
    test.write_text('{"text": "a", "label": "z"}\n')
    (task,) = make_benchmark("labelled_text", path, test=str(test)).make_tasks(pl.DataFrame())
    assert task.names == ["x", "y", "z"]
    assert "1 test rows have a label that training lacks ('z'), and count as wrong." in task.describe()
    assert "The test part has no example of 'x', 'y'." in task.describe()
    answers = pl.DataFrame({"predicted": [0], "confidence": [1.0]})
    assert load_task_type(task).score_answers(task, task.test, answers)["accuracy"].value == 0
    path.write_text('{"text": "a", "label": "x"}\n' * 4)
    with pytest.raises(StageFailure, match="has 1 class, and needs two"):
        list(make_benchmark("labelled_text", path).make_tasks(pl.DataFrame()))
