"""Folders in the format of GLUE, CLUE and BLiMP: every task is recognised, with its type, columns and metrics."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks.downstream.benchmarks.labelled_text import LabelledText
from tasks.downstream.benchmarks.relation import Relation
from tasks.downstream.benchmarks.suite import Suite
from tasks.downstream.data.task_data import Task
from tasks.downstream.task_types import load_task_type
from tasks.errors import StageFailure

ENTAILS = ["entailment", "not_entailment"]
INFERENCE = ["contradiction", "entailment", "neutral"]
MNLI = ["index", "promptID", "pairID", "genre", *["parse"] * 4, "sentence1", "sentence2", "label1"]
STS = ["index", "genre", "filename", "year", "old_index", "source1", "source2", "sentence1", "sentence2", "score"]
GLUE: dict[str, tuple[list[str], list[str]]] = {
    # folder: the header, and a row's pattern: {} is a number, and the last column is one of the labels behind |
    "CoLA": ([], ["gj04", "|0|1", "", "A sentence {}."]),
    "SST-2": (["sentence", "label"], ["a film {} ", "|0|1"]),
    "MRPC": (["Quality", "#1 ID", "#2 ID", "#1 String", "#2 String"], ["|0|1", "1", "2", 'He "said {}', "She said {}"]),
    "STS-B": (STS, ["{}", "news", "f", "2012", "1", "s", "s", "A man {}", "A dog {}", "|0.5|4.2"]),
    "QQP": (
        ["id", "qid1", "qid2", "question1", "question2", "is_duplicate"],
        ["1", "2", "3", "Why {}?", "How?", "|0|1"],
    ),
    "MNLI": ([*MNLI, "gold_label"], [*"123", "fiction", *"abcd", "He {}", "She", "-", "|" + "|".join(INFERENCE)]),
    "QNLI": (["index", "question", "sentence", "label"], ["1", "Who {}?", "He did.", "|" + "|".join(ENTAILS)]),
    "RTE": (["index", "sentence1", "sentence2", "label"], ["1", "He {}", "She", "|" + "|".join(ENTAILS)]),
    "WNLI": (["index", "sentence1", "sentence2", "label"], ["1", "It {}", "The cup", "|0|1"]),
}
TEXT = "小明把书给了小红，因为她喜欢。"
SPANS = {"span1_text": "小红", "span1_index": 6, "span2_text": "她", "span2_index": 11}
PAIR: dict[str, list[Any]] = {"sentence1": ["一"], "sentence2": ["二"]}
CLUE: dict[str, dict[str, list[Any]]] = {
    "afqmc_public": PAIR | {"label": ["0", "1"]},
    "tnews_public": {"sentence": ["一"], "label": ["100", "101"], "label_desc": ["news_story", "news_culture"]},
    "iflytek_public": {"sentence": ["一"], "label": ["0", "1"], "label_des": ["打车", "地图"]},
    "cmnli_public": PAIR | {"label": [*INFERENCE, "-"]},
    "ocnli_public": PAIR | {"label": [*INFERENCE, "-"]},
    "csl_public": {"id": [1], "abst": ["摘要"], "keyword": [["水", "声"]], "label": ["0", "1"]},
    "cluewsc2020_public": {"text": [TEXT], "target": [SPANS], "label": ["true", "false"]},
}


def make_row(pattern: list[str], number: int) -> list[str]:
    choices = [cell.split("|")[1:] for cell in pattern]
    return [
        (options[number % len(options)] if options else cell.format(number))
        for cell, options in zip(pattern, choices, strict=True)
    ]


def write_glue(root: Path, names: list[str] | None = None) -> Path:
    for name in names or GLUE:
        header, pattern = GLUE[name]
        (root / name).mkdir(parents=True)
        for part in ("train", "dev_matched", "dev_mismatched") if name == "MNLI" else ("train", "dev"):
            lines = [header] * bool(header) + [make_row(pattern, number) for number in range(40)]
            (root / name / f"{part}.tsv").write_text("".join("\t".join(line) + "\n" for line in lines))
    return root


def write_lines(path: Path, rows: list[Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def write_clue(root: Path) -> Path:
    for name, columns in CLUE.items():
        rows = [{key: values[number % len(values)] for key, values in columns.items()} for number in range(40)]
        for row, number in zip(rows, range(40), strict=True):
            row.update({key: f"{row[key]}{number}" for key in ("sentence", "sentence1", "text", "abst") if key in row})
        for part in ("train.50k" if "ocnli" in name else "train", "dev"):
            write_lines(root / name / f"{part}.json", rows)
    questions = [{"id": str(n), "question": "谁？", "answers": [{"text": "小明", "answer_start": 0}]} for n in range(2)]
    paragraphs = [{"context": f"{TEXT}{n}", "qas": questions} for n in range(40)]
    entity = {"text": TEXT, "label": {"name": {"小明": [[0, 1]]}}}
    dialogue = [
        ["女：你好。", "男：你好。"],
        [{"question": "男的是谁？", "choice": ["甲", "乙"], "answer": "乙"}],
        "d-1",
    ]
    blanks = {"content": ["他#idiom000001#，又#idiom000002#。"], "candidates": ["一心一意", "三心二意"]}
    for part in ("train", "dev"):
        write_lines(root / "cmrc2018_public" / f"{part}.json", [{"data": [{"paragraphs": paragraphs}]}])
        write_lines(root / "cluener_public" / f"{part}.json", [entity | {"text": f"{TEXT}{n}"} for n in range(40)])
    for kind in "dm":
        write_lines(root / "c3_public" / f"{kind}-dev.json", [[dialogue]])
    write_lines(root / "chid_public" / "dev.json", [blanks])
    write_lines(root / "chid_public" / "dev_answer.json", [{"#idiom000001#": 1, "#idiom000002#": 0}])
    return root


def load_tasks(folder: Path, **fields: Any) -> dict[str, Task]:
    suite = Suite.model_validate({"sets": [{"path": str(folder), **fields}]})
    return {task.name: task for task in suite.make_tasks(pl.DataFrame())}


def test_every_task_of_glue(tmp_path: Path) -> None:
    tasks = load_tasks(write_glue(tmp_path))
    assert sorted(tasks) == ["cola", "mnli", "mnli-mm", "mrpc", "qnli", "qqp", "rte", "sst2", "stsb", "wnli"]
    assert tasks["cola"].metrics == ["mcc", "accuracy"]
    assert tasks["mrpc"].metrics == tasks["qqp"].metrics == ["accuracy", "f1"]
    assert load_task_type(tasks["stsb"]).metrics == ("spearman", "pearson")
    assert tasks["mnli"].names == INFERENCE
    assert tasks["rte"].names == tasks["qnli"].names == ENTAILS
    assert tasks["mrpc"].test.select("text", "second").row(3) == ('He "said 3', "She said 3")
    assert tasks["mnli-mm"].test["origin"][0].endswith("dev_mismatched.tsv, row 1")
    assert all(len(task.test) == 40 and len(task.train) + len(task.validation) == 40 for task in tasks.values())


def test_every_task_of_clue(tmp_path: Path) -> None:
    tasks = load_tasks(write_clue(tmp_path))
    names = ["afqmc", "c3-dialogues", "c3-texts", "chid", "cluener", "cluewsc2020", "cmnli", "cmrc2018", "csl"]
    assert sorted(tasks) == [*names, "iflytek", "ocnli", "tnews"]
    assert tasks["tnews"].names == ["100", "101"]
    assert tasks["cmnli"].names == INFERENCE
    assert tasks["iflytek"].labels == [0]
    assert tasks["csl"].test.select("text", "second").row(0) == ("摘要0", "水 声")
    pronoun = tasks["cluewsc2020"]
    assert (
        load_task_type(pronoun).format_question(pronoun.test.row(0, named=True))
        == "小明把书给了[小红]，因为[她]喜欢。0"
    )
    dialogue, idioms = tasks["c3-dialogues"].test.row(0, named=True), tasks["chid"].test.to_dicts()
    assert (dialogue["prompt"], dialogue["right"]) == ("女：你好。\n男：你好。\n男的是谁？\n", 1)
    assert [(row["prompt"], row["options"], row["right"]) for row in idioms] == [
        ("他", ["一心一意，又一心一意。", "三心二意，又一心一意。"], 1),
        ("他三心二意，又", ["一心一意。", "三心二意。"], 0),
    ]


@pytest.mark.parametrize("name", ["blimp", "blimp/data", ""])
def test_files_of_minimal_pairs(tmp_path: Path, name: str) -> None:
    write_lines(
        tmp_path / "blimp" / "data" / "agreement.jsonl", [{"sentence_good": "He is.", "sentence_bad": "He are."}] * 3
    )
    (task,) = load_tasks(tmp_path / name).values()
    assert (task.name, task.kind, len(task.test)) == ("blimp", "choices", 3)


def test_some_of_the_tasks_with_limits(tmp_path: Path) -> None:
    tasks = load_tasks(
        write_glue(tmp_path), tasks=["rte"], max_train_examples=10, max_test_examples=5, labels_per_class=[2]
    )
    assert [(name, len(task.train), len(task.test), task.labels) for name, task in tasks.items()] == [
        ("rte", 10, 5, [2])
    ]


def test_one_folder_of_a_task(tmp_path: Path) -> None:
    assert list(load_tasks(write_glue(tmp_path) / "SST-2")) == ["sst2"]


def test_missing_tasks_and_files_are_reported(tmp_path: Path) -> None:
    with pytest.raises(StageFailure, match=r"holds no task that is known.*cola.*afqmc.*sentence_good"):
        load_tasks(tmp_path)
    with pytest.raises(StageFailure, match=r"none does not exist"):
        load_tasks(tmp_path / "none")
    write_glue(tmp_path, ["RTE", "MRPC"])
    with pytest.raises(StageFailure, match=r"holds no qnli. Name tasks that it holds: rte"):
        load_tasks(tmp_path, tasks=["rte", "qnli"])
    (tmp_path / "MRPC" / "dev.tsv").unlink()
    with pytest.raises(
        StageFailure, match=r"the task mrpc: .*MRPC holds no train.tsv with dev.tsv, nor msr_paraphrase_tra"
    ):
        load_tasks(tmp_path, tasks=["rte", "mrpc"])
    assert list(load_tasks(tmp_path)) == ["rte"], "the others are scored, and the log says what is left out"


@pytest.mark.parametrize(
    ("folder", "row", "message"),
    [
        ("STS-B", "\t".join([*STS[:-1], "high"]), r"dev.tsv, row 41: 'high' in the column 'score' is no number"),
        ("STS-B", "1\tnews", r"dev.tsv, row 41: 2 columns where 10 were expected"),
    ],
)
def test_invalid_rows_are_reported_with_file_row_and_column(
    tmp_path: Path, folder: str, row: str, message: str
) -> None:
    dev = write_glue(tmp_path, [folder]) / folder / "dev.tsv"
    dev.write_text(f"{dev.read_text()}{row}\n")
    with pytest.raises(StageFailure, match=message):
        load_tasks(tmp_path)


@pytest.mark.parametrize("row", ["1\tHe\t\tentailment", "1\tHe", "1\tHe\tShe\t "])
def test_rows_with_missing_columns_are_counted(tmp_path: Path, row: str) -> None:
    train = write_glue(tmp_path, ["RTE"]) / "RTE" / "train.tsv"
    train.write_text(f"{train.read_text()}{row}\n")
    assert load_tasks(tmp_path)["rte"].describe().endswith("in 2 classes. 1 rows that do not fit are left out.")


def test_a_file_of_another_layout_is_reported(tmp_path: Path) -> None:
    train = write_glue(tmp_path, ["RTE"]) / "RTE" / "train.tsv"
    train.write_text(train.read_text().replace("sentence2", "hypothesis"))
    with pytest.raises(StageFailure, match=r"train.tsv, row 1: there is no column 'sentence2'.*has: index, sentence1"):
        load_tasks(tmp_path)


@pytest.mark.parametrize(
    ("file", "rows", "message"),
    [
        (
            "c3_public/d-dev.json",
            [[[["a"], [{"question": "?", "choice": ["b"], "answer": "c"}]]]],
            r"text 1: not as in",
        ),
        ("c3_public/d-dev.json", ["["], r"d-dev.json, text 1: not as in C3"),
        ("chid_public/dev_answer.json", [{}], r"dev.json, line 1: not as in ChID \(KeyError: '#idiom00000"),
        (
            "cluewsc2020_public/dev.json",
            [{"text": "他", "target": SPANS, "label": "true"}],
            "not at character 6 of the",
        ),
    ],
)
def test_broken_files_of_clue_are_reported(tmp_path: Path, file: str, rows: list[Any], message: str) -> None:
    write_lines(write_clue(tmp_path) / file, rows)
    with pytest.raises(StageFailure, match=message):
        load_tasks(tmp_path)


def test_f1_is_of_two_classes(tmp_path: Path) -> None:
    path = tmp_path / "made.tsv"
    path.write_text("text\tlabel\n" + "".join(f"text {n}\t{n % 3}\n" for n in range(30)))
    files = {"name": "made", "train": str(path), "test": str(path), "metrics": ["f1"]}
    with pytest.raises(StageFailure, match="the metric f1 is of two classes, and made has 3"):
        list(LabelledText.model_validate({"sets": [files]}).make_tasks(pl.DataFrame()))
    path.write_text("text\tlabel\n" + "".join(f"<e1>a{n}</e1> of <e2>b</e2>\t{n % 3}\n" for n in range(30)))
    with pytest.raises(StageFailure, match="the metric f1 is of two classes, and made has 3"):
        list(Relation.model_validate({"sets": [files]}).make_tasks(pl.DataFrame()))


def test_the_key_depends_on_the_files_of_the_folder(tmp_path: Path) -> None:
    def key(root: Path) -> dict[str, Any]:
        return Suite.model_validate({"sets": [{"path": str(root)}]}).semantic()

    before = key(write_glue(tmp_path / "a"))
    assert key(write_glue(tmp_path / "b")) == before
    (tmp_path / "b" / "WNLI" / "dev.tsv").unlink()
    (tmp_path / "b" / "WNLI" / "train.tsv").unlink()
    (tmp_path / "b" / "WNLI").rmdir()
    assert key(tmp_path / "b") != before
    assert key(tmp_path / "none")["sets"][0]["path"].endswith("none")  # making the tasks reports it


@pytest.mark.slow
def test_real_folders(shared: Any) -> None:
    tasks_of_folders = [load_tasks(shared(name)) for name in ("cola", "mrpc", "rte", "stsb", "ocnli")]
    named = [(name, len(task.names)) for tasks in tasks_of_folders for name, task in tasks.items()]
    assert named == [("cola", 2), ("mrpc", 2), ("rte", 2), ("stsb", 0), ("ocnli", 3)]
