"""Numbers, tags and relations from the user's files, and the errors in them."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks.downstream.benchmarks import Benchmark
from tasks.downstream.benchmarks.labelled_text import LabelledText, TextColumns, TextFiles
from tasks.downstream.benchmarks.relation import Relation, RelationFiles
from tasks.downstream.benchmarks.similarity import PairColumns, PairFiles, Similarity
from tasks.downstream.benchmarks.tagging import TagColumns, TagFiles, Tagging
from tasks.downstream.data.task_data import Task
from tasks.downstream.task_types import load_task_type
from tasks.errors import StageFailure

CONLL = "-DOCSTART- -X- O O\n\nEU NNP B-NP B-ORG\nbegins VBZ B-VP O\n\nPeter NNP B-NP B-PER\nBlack NNP I-NP I-PER\n"
CHINESE = {"text": "叶老桂在浙商银行", "label": {"name": {"叶老桂": [[0, 2]]}, "company": {"浙商银行": [[4, 7]]}}}
SEMEVAL = '1\t"The <e1>cup</e1> held <e2>tea</e2>."\nContent-Container(e2,e1)\nComment:\n\n'


def write_file(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def load_task(benchmark: Benchmark) -> Task:
    (task,) = benchmark.make_tasks(pl.DataFrame())
    return task


def load_tagging_task(path: str, **fields: Any) -> Task:
    return load_task(Tagging(sets=[TagFiles(name="made", train=path, validation=path, test=path, **fields)]))


def test_columns_of_conll(tmp_path: Path) -> None:
    task = load_tagging_task(write_file(tmp_path / "a.txt", CONLL))
    assert task.train["words"].to_list() == [["EU", "begins"], ["Peter", "Black"]]
    assert task.names == ["B-ORG", "B-PER", "I-PER", "O"]
    assert task.train["tags"].to_list() == [[0, 3], [1, 2]]
    assert task.train["origin"][1].endswith("a.txt, line 6")
    kind, row = load_task_type(task), task.train.row(1, named=True)
    assert kind.format_question(row) == "Peter Black"
    assert kind.format_truth(task, row) == "PER 1–2"


def test_chinese_spans_are_tagged_by_character(tmp_path: Path) -> None:
    path = write_file(tmp_path / "a.json", json.dumps(CHINESE, indent=2, ensure_ascii=False) * 2)
    task = load_tagging_task(path, format="json")
    row = task.train.row(0, named=True)
    assert "".join(row["words"]) == CHINESE["text"]
    assert load_task_type(task).format_question(row) == CHINESE["text"]
    assert load_task_type(task).format_truth(task, row) == "name 1–3, company 5–8"


def test_spans_of_english_text_are_tagged_by_word(tmp_path: Path) -> None:
    item = {"text": "Mr. Peter Black left.", "spans": [{"start": 4, "end": 15, "label": "PER"}]}
    row = load_tagging_task(write_file(tmp_path / "a.jsonl", json.dumps([item])), format="json").train.row(
        0, named=True
    )
    assert row["words"] == ["Mr", ".", "Peter", "Black", "left", "."]


def test_the_longest_of_overlapping_spans_is_tagged_and_the_others_are_counted(tmp_path: Path) -> None:
    spans = [{"start": 6, "end": 10, "label": "PER"}, {"start": 0, "end": 10, "label": "ORG"}]
    item = {"text": "House Bell left.", "spans": spans}
    path = write_file(tmp_path / "a.jsonl", json.dumps(item))
    with pytest.raises(StageFailure, match=r"a.jsonl, line 1: the entity at 6–10 shares a word with another one"):
        load_tagging_task(path, format="json")
    with pytest.raises(StageFailure, match=r"1 of 2 rows of .* do not fit, more than 5%.* raise max_skipped_fraction"):
        load_tagging_task(path, format="json", on_error="skip")
    task = load_tagging_task(path, format="json", on_error="skip", max_skipped_fraction=1)
    assert load_task_type(task).format_truth(task, task.train.row(0, named=True)) == "ORG 1–2"
    # the same file is read for each of three parts
    assert task.describe().endswith(" 3 entities that do not fit are left out.")


def test_marked_spans_lose_their_marks(tmp_path: Path) -> None:
    path = write_file(tmp_path / "a.txt", SEMEVAL + SEMEVAL.replace("e2,e1", "e1,e2").replace("cup", "mug"))
    files = RelationFiles(name="made", train=path, validation=path, test=path, format="semeval")
    task = load_task(Relation(sets=[files]))
    row = task.train.row(0, named=True)
    assert row["text"] == "The cup held tea."
    assert load_task_type(task).format_question(row) == "The [cup] held [tea]."
    assert load_task_type(task).format_truth(task, row) == "Content-Container(e2,e1)"


def test_numbers_of_pairs(tmp_path: Path) -> None:
    path = write_file(tmp_path / "a.tsv", "one\ttwo\tscore\na\tb\t0.5\na\tc\t5\n")
    columns = PairColumns(text="one", second_text="two")
    task = load_task(Similarity(sets=[PairFiles(name="made", train=path, validation=path, test=path, columns=columns)]))
    assert task.train["number"].to_list() == [0.5, 5.0]
    assert task.train["second"].to_list() == ["b", "c"]


@pytest.mark.parametrize(
    ("text", "fields", "message"),
    [
        ("EU B-ORG\nbegins\n", {}, r"a.txt, line 2: 1 columns, and 2 in the previous lines.*set format"),
        ("EU\n", {"columns": TagColumns(tag=1)}, r"a.txt, line 1: 1 columns, and the word is in column 0"),
        ("EU O\n\n", {}, "no entity type"),
        ('{"text": "a"}', {"format": "json"}, r"a.txt, line 1: the entities cannot be read"),
        ('{"text": "a", "spans": [{"start": 0, "end": 5, "label": "X"}]}', {"format": "json"}, "lies outside the text"),
        ('{"text": "a", "spans": []}\n{"text', {"format": "json"}, r"a.txt, line 2: not JSON"),
        ("[1]", {"format": "json"}, "object 1: not an object"),
    ],
)
def test_invalid_tags_are_reported(tmp_path: Path, text: str, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(StageFailure, match=message):
        load_tagging_task(write_file(tmp_path / "a.txt", text), **fields)


def test_a_tag_that_training_lacks_is_an_entity_that_no_model_finds(tmp_path: Path) -> None:
    train, test = write_file(tmp_path / "a.txt", CONLL), write_file(tmp_path / "b.txt", "Paris B-LOC\nhas O\n")
    task = load_task(Tagging(sets=[TagFiles(name="made", train=train, validation=train, test=test)]))
    assert task.names == ["B-ORG", "B-PER", "I-PER", "O", "B-LOC"]
    assert load_task_type(task).format_truth(task, task.test.row(0, named=True)) == "LOC 1–1"
    assert "1 test rows have a tag that training lacks ('B-LOC'), and count as wrong" in task.describe()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('1\t"The <e1>cup</e1> held tea."\nOther\n', r"line 1: not one <e1>"),
        ('1\t"The <e1>cup</e1> <e2>held</e2>."\n', r"line 2: the relation is missing"),
    ],
)
def test_invalid_relations_are_reported(tmp_path: Path, text: str, message: str) -> None:
    path = write_file(tmp_path / "a.txt", text)
    with pytest.raises(StageFailure, match=message):
        load_task(Relation(sets=[RelationFiles(name="made", train=path, test=path, format="semeval")]))


def test_a_value_that_is_no_number_is_reported(tmp_path: Path) -> None:
    path = write_file(tmp_path / "a.tsv", "text\tsecond_text\tscore\na\tb\thigh\n")
    with pytest.raises(StageFailure, match=r"a.tsv, row 1: 'high' in the column 'score' is no number"):
        load_task(Similarity(sets=[PairFiles(name="made", train=path, test=path)]))


def test_rows_with_skipped_labels_are_left_out(tmp_path: Path) -> None:
    rows = [{"text": f"a {number}", "label": label} for number, label in enumerate(["x", "y", "-"] * 4)]
    path = write_file(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows)))
    files = TextFiles(name="made", train=path, validation=path, test=path, skip_labels=["-"])
    assert load_task(LabelledText(sets=[files])).names == ["x", "y"]


@pytest.mark.slow
def test_real_data_sets_of_every_kind(shared: Any) -> None:
    conll, cluener, semeval, stsb, ocnli = (
        shared(name) for name in ("conllpp", "cluener", "semeval2010-task8", "stsb", "ocnli")
    )
    lines = {"format": "jsonl", "columns": TextColumns(text="sentence1", second_text="sentence2")}
    pairs = PairColumns(text="5", second_text="6", number="4", header=False)
    tasks = [
        load_tagging_task(str(conll / "conllpp_dev.txt")),
        load_tagging_task(str(cluener / "dev.json"), format="json", on_error="skip"),
        load_task(Relation(sets=[use_for_all_parts(RelationFiles, semeval / "TRAIN_FILE.TXT", format="semeval")])),
        load_task(Similarity(sets=[use_for_all_parts(PairFiles, stsb / "sts-dev.csv", format="tsv", columns=pairs)])),
        load_task(LabelledText(sets=[use_for_all_parts(TextFiles, ocnli / "dev.json", skip_labels=["-"], **lines)])),
    ]
    assert [len(task.names) for task in tasks] == [9, 21, 19, 0, 3]
    assert [len(task.train) for task in tasks] == [3250, 1343, 8000, 1500, 2950]


def use_for_all_parts(files: Any, path: Path, **fields: Any) -> Any:
    return files(name="made", train=str(path), validation=str(path), test=str(path), **fields)
