"""Texts with annotations in brat's format: entities, relations, and errors."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks.downstream.benchmarks.relation import Relation, RelationFiles
from tasks.downstream.benchmarks.tagging import TagFiles, Tagging
from tasks.downstream.data.task_data import Task
from tasks.downstream.task_types import load_task_type
from tasks.errors import StageFailure

TEXT = "Ann Lee works for\nOak Ltd. She met Bo there.\n\nBo left.\n"
ENTITIES = "T1\tPER 0 7\tAnn Lee\nT2\tORG 18 25\tOak Ltd\nT3\tPER 35 37\tBo\n"
RELATIONS = (
    "R1\tworks_for Arg1:T1 Arg2:T2\t\nR2\tmet Arg1:T3 Arg2:T1\nE1\tMeet:T3 Who:T1\n#1\tAnnotatorNotes T1\tsure\n"
)


def write_folder(root: Path, text: str = TEXT, annotations: str = ENTITIES + RELATIONS) -> str:
    root.mkdir(exist_ok=True, parents=True)
    (root / "a.txt").write_bytes(text.encode())
    (root / "a.ann").write_text(annotations)
    return str(root)


def load_tagging_task(path: str, **fields: Any) -> Task:
    files = TagFiles(name="made", train=path, validation=path, test=path, format="brat", **fields)
    (task,) = Tagging(sets=[files]).make_tasks(pl.DataFrame())
    return task


def load_relation_task(path: str, **fields: Any) -> Task:
    files = RelationFiles(name="made", train=path, validation=path, test=path, format="brat", **fields)
    (task,) = Relation(sets=[files]).make_tasks(pl.DataFrame())
    return task


def test_entities_are_tags_of_sentences(tmp_path: Path) -> None:
    task = load_tagging_task(write_folder(tmp_path / "made"))
    kind = load_task_type(task)
    rows = task.train.to_dicts()
    assert [kind.format_question(row) for row in rows] == [
        "Ann Lee works for",
        "Oak Ltd .",
        "She met Bo there .",
        "Bo left .",
    ]
    assert [kind.format_truth(task, row) for row in rows] == ["PER 1–2", "ORG 1–2", "PER 3–3", "none"]
    assert [row["origin"].rpartition(", ")[2] for row in rows] == ["line 1", "line 2", "line 2", "line 4"]


def test_files_without_their_partner_are_skipped_where_errors_are(tmp_path: Path) -> None:
    for number in range(20):
        write_folder(tmp_path / f"made/{number}")
    (tmp_path / "made" / "lonely.txt").write_text("Nobody annotated this.")
    (tmp_path / "made" / "lost.ann").write_text(ENTITIES)
    with pytest.raises(StageFailure, match=r"lost.ann has no lost.txt beside it.*set on_error to skip"):
        load_tagging_task(str(tmp_path / "made"))
    task = load_tagging_task(str(tmp_path / "made"), on_error="skip")
    assert len(task.test) == 80
    assert "6 entities that do not fit are left out" in task.describe(), "two of each part"


def test_chinese_texts_are_split_at_full_stops(tmp_path: Path) -> None:
    task = load_tagging_task(
        write_folder(tmp_path / "made", "叶老桂在浙商银行。他走了。", "T1\tPER 0 3\t叶老桂\nT2\tORG 4 8\t浙商银行\n")
    )
    assert [load_task_type(task).format_question(row) for row in task.train.to_dicts()] == [
        "叶老桂在浙商银行。",
        "他走了。",
    ]


def test_an_entity_over_a_line_end_stays_in_one_sentence(tmp_path: Path) -> None:
    # brat writes such an entity as two pieces with the line's end between them
    task = load_tagging_task(write_folder(tmp_path / "made", "By Ann\r\nLee here\r\n", "T1\tPER 3 6;8 11\tAnn Lee\n"))
    assert task.train["words"].to_list() == [["By", "Ann", "Lee", "here"]]
    assert load_task_type(task).format_truth(task, task.train.row(0, named=True)) == "PER 2–3"


def test_the_text_of_a_relation_is_the_sentences_of_both_entities(tmp_path: Path) -> None:
    task = load_relation_task(write_folder(tmp_path / "made"))
    kind, rows = load_task_type(task), task.train.to_dicts()
    assert [(kind.format_question(row), kind.format_truth(task, row)) for row in rows] == [
        ("[Ann Lee] works for\n[Oak Ltd].", "works_for"),
        ("[Ann Lee] works for\nOak Ltd. She met [Bo] there.", "met"),
    ]
    first = rows[1]
    assert first["text"][first["first_start"] : first["first_end"]] == "Bo"


def test_pairs_without_a_relation_can_be_a_class(tmp_path: Path) -> None:
    text = "Cy and Di and Ed.\n"
    annotations = "T4\tPER 0 2\tCy\nT5\tPER 7 9\tDi\nT6\tPER 14 16\tEd\nR3\tknows Arg1:T4 Arg2:T5\n"
    task = load_relation_task(write_folder(tmp_path / "made", text, annotations), no_relation="none")
    assert task.names == ["knows", "none"]
    assert task.train["label"].to_list() == [0, 1, 1, 1, 1]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("T9\tPER 50 99\tx", r"a.ann, line 6: the span 50–99 lies outside of a.txt, which has 55 characters"),
        ("T9\tPER 5 5\t", r"line 6: the span 5–5 lies outside"),
        ("T9\tPER 0 3\tBob", r"line 6: the text of a.txt there is 'Ann', not 'Bob'"),
        ("T9\tPER 0 3;8 13\tAnn works", r"line 6: the entity at 0–13 is of several pieces.*on_error"),
        ("T9\tPER 4 7\tLee", r"line 6: the entity at 4–7 shares a word with another one"),
        ("T9\tPER 44 45\t", r"line 6: the entity at 44–45 holds no word"),
        ("R9\tmet Arg1:T1 Arg2:T8", r"line 6: there is no entity T8"),
        ("PER 0 3", r"line 6: neither an entity nor a relation"),
    ],
)
def test_invalid_annotations_are_reported_with_file_and_line(tmp_path: Path, line: str, message: str) -> None:
    annotations = ENTITIES + RELATIONS[: RELATIONS.index("E1")] + line + "\n"
    with pytest.raises(StageFailure, match=message):
        load_tagging_task(write_folder(tmp_path / "made", annotations=annotations))


def test_skipped_entities_are_counted(tmp_path: Path) -> None:
    torn = "T4\tPER 0 3;8 13\tAnn works\nT5\tPER 4 7\tLee\nR3\tmet Arg1:T4 Arg2:T2\n"
    path = write_folder(tmp_path / "made", annotations=ENTITIES + RELATIONS + torn)
    # the same folder is read for each of three parts
    assert (
        load_tagging_task(path, on_error="skip", max_skipped_fraction=1).describe()
        == "Entities in sentences of made. 6 entities that do not fit are left out."
    )
    assert (
        load_relation_task(path, on_error="skip", max_skipped_fraction=1)
        .describe()
        .endswith("have? 3 relations that do not fit are left out.")
    )
    with pytest.raises(StageFailure, match=r"line 8: the entity at 0–13 is of several pieces"):
        load_relation_task(path)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda root: (root / "a.ann").unlink(), r"a.txt has no a.ann beside it"),
        (lambda root: (root / "a.txt").unlink(), r"holds no .txt file"),
        (lambda root: (root / "b.ann").touch(), r"b.ann has no b.txt beside it"),
        (lambda root: (root / "a.txt").write_bytes(b"a\0\0\0b"), r"a.txt is no text file"),
    ],
)
def test_missing_and_broken_files_are_reported(tmp_path: Path, spoil: Any, message: str) -> None:
    path = write_folder(tmp_path / "made")
    spoil(Path(path))
    with pytest.raises(StageFailure, match=message):
        load_tagging_task(path)
    with pytest.raises(StageFailure, match="does not exist"):
        load_tagging_task(str(tmp_path / "none"))


def test_tags_and_labels_that_training_lacks_count_as_wrong(tmp_path: Path) -> None:
    train = write_folder(tmp_path / "train")
    test = write_folder(tmp_path / "test", "Ann Lee", "T1\tLOC 0 3\tAnn\nT2\tPER 4 7\tLee\nR1\thates Arg1:T1 Arg2:T2\n")
    parts = {"name": "made", "train": train, "validation": train, "test": test, "format": "brat"}
    (task,) = Tagging.model_validate({"sets": [parts]}).make_tasks(pl.DataFrame())
    assert task.names[-1] == "B-LOC"
    assert "1 test rows have a tag that training lacks ('B-LOC')" in task.describe()
    (task,) = Relation.model_validate({"sets": [parts | {"no_relation": "none"}]}).make_tasks(pl.DataFrame())
    assert task.names[-1] == "hates"
    assert "1 test rows have a label that training lacks ('hates')" in task.describe()


def test_the_key_depends_on_the_files_and_not_on_their_folder(tmp_path: Path) -> None:
    def key(root: Path) -> dict[str, Any]:
        return TagFiles(name="made", train=str(root), test=str(root), format="brat").semantic()

    folder = Path(write_folder(tmp_path / "made"))
    before = key(folder)
    moved = folder.rename(tmp_path / "moved")
    assert key(moved) == before
    (moved / "a.ann").write_text(ENTITIES)
    assert key(moved) != before
