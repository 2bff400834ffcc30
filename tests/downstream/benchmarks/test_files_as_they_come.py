"""Data sets that are read with a kind and paths alone: no test file, folders of classes, archives, dialogues, trees."""

import csv
import json
import logging
import shutil
import zipfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks.block import discover_blocks
from tasks.downstream.benchmarks import Benchmark
from tasks.downstream.data.task_data import Task
from tasks.downstream.task_types import load_task_type
from tasks.errors import BadSetting, StageFailure

ROWS = [(f"On day {number} we went home, and slept.", "xy"[number % 2]) for number in range(40)]


def load_tasks(kind: str, **fields: Any) -> list[Task]:
    name = {} if kind == "suite" else {"name": "made"}
    benchmark = discover_blocks(Benchmark)[kind].model_validate({"enabled": True, "sets": [name | fields]})
    return list(benchmark.make_tasks(pl.DataFrame()))


def load_task(kind: str, **fields: Any) -> Task:
    (task,) = load_tasks(kind, **fields)
    return task


def write_table(path: Path, rows: list[tuple[str, str]], header: str = "text\tlabel") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *("\t".join(row) for row in rows)]) + "\n")
    return path


def collect_texts(task: Task) -> list[str]:
    return [text for part in task.parts.values() for text in part["text"]]


def test_without_a_test_file_a_part_of_training_is_held_out(tmp_path: Path) -> None:
    path = write_table(tmp_path / "a.tsv", sorted(ROWS, key=lambda row: row[1]))
    task = load_task("labelled_text", train=str(path), test_fraction=0.25)
    assert sorted(collect_texts(task)) == sorted(text for text, _ in ROWS)
    assert task.test["label"].value_counts()["count"].to_list() == [5, 5]
    again = load_task("labelled_text", train=str(write_table(tmp_path / "b.tsv", ROWS)), test_fraction=0.25)
    assert set(again.test["text"]) == set(task.test["text"])


def test_folds_are_tasks_that_test_on_every_row_once(tmp_path: Path) -> None:
    path = str(write_table(tmp_path / "a.tsv", ROWS))
    tasks = load_tasks("labelled_text", train=path, folds=4)
    assert [task.name for task in tasks] == [f"made-fold-{fold}" for fold in (1, 2, 3, 4)]
    assert sorted(text for task in tasks for text in task.test["text"]) == sorted(text for text, _ in ROWS)
    assert [task.name for task in load_tasks("labelled_text", train=path, folds=4, fold=3)] == ["made-fold-3"]
    with pytest.raises(BadSetting, match="has 1 folds"):
        load_tasks("labelled_text", train=path, folds=1)


FOLDED = {
    "tagging": ("a.conll", "".join(f"Ann\tB-PER\nleft{n}\tO\n\n" for n in range(20))),
    "text_to_text": ("a.tsv", "".join(f"a text number {n}\tits title {n}\n" for n in range(20))),
    "similarity": ("a.csv", "sentence1,sentence2,score\n" + "".join(f"a {n},b {n},{n / 3:.2f}\n" for n in range(20))),
    "relation": (
        "a.tsv",
        "text\tlabel\n" + "".join(f"<e1>a{n}</e1> of <e2>b</e2>\t{'xy'[n % 2]}\n" for n in range(20)),
    ),
    "question_answering": (
        "a.jsonl",
        "".join(json.dumps({"question": "?", "context": f"Ann {n}", "answers": ["Ann"]}) + "\n" for n in range(20)),
    ),
}


@pytest.mark.parametrize("kind", FOLDED)
def test_sets_of_every_kind_have_folds(tmp_path: Path, kind: str) -> None:
    name, content = FOLDED[kind]
    (tmp_path / name).write_text(content)
    tasks = load_tasks(kind, train=str(tmp_path / name), folds=4)
    assert len(tasks) == 4
    assert sum(len(task.test) for task in tasks) == 20
    assert all(len(task.train) + len(task.validation) + len(task.test) == 20 for task in tasks)


@pytest.mark.parametrize(
    ("header", "told"), [("", "as the first row is no header"), ("said\tmood\n", "named by the first row")]
)
def test_it_is_told_how_columns_are_guessed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, header: str, told: str
) -> None:
    (tmp_path / "a.tsv").write_text(header + "".join("\t".join(row) + "\n" for row in ROWS))
    with caplog.at_level(logging.INFO):
        assert len(collect_texts(load_task("labelled_text", train=str(tmp_path / "a.tsv")))) == len(ROWS)
    assert told in caplog.text


def test_a_test_part_that_lacks_classes_is_told(tmp_path: Path) -> None:
    train = write_table(tmp_path / "a.tsv", ROWS)
    test = write_table(tmp_path / "b.tsv", [row for row in ROWS if row[1] == "x"])
    assert (
        "The test part has no example of 'y'."
        in load_task("labelled_text", train=str(train), test=str(test)).describe()
    )


def test_a_folder_for_each_class(tmp_path: Path) -> None:
    for number, (text, label) in enumerate(ROWS):
        path = tmp_path / "train" / "made" / label / f"{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(f"é {text}".encode("latin-1"))
    (tmp_path / "train" / "README").write_text("no example")
    task = load_task("labelled_text", train=str(tmp_path / "train"))
    assert task.names == ["x", "y"]
    assert sorted(collect_texts(task)) == sorted(f"é {text}" for text, _ in ROWS)
    (tmp_path / "test" / "x").mkdir(parents=True)
    (tmp_path / "test" / "x" / "1").write_text("a")
    with pytest.raises(StageFailure, match=r"holds the parts .* and no classes.*train and test"):
        load_task("labelled_text", train=str(tmp_path))


def test_files_in_an_archive(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "made.zip", "w") as archive:
        archive.write(write_table(tmp_path / "train.tsv", ROWS[:30]), "made/train.tsv")
        archive.write(write_table(tmp_path / "test.tsv", ROWS[30:]), "made/test.tsv")
    paths = {part: str(tmp_path / "made.zip" / "made" / f"{part}.tsv") for part in ("train", "test")}
    task = load_task("labelled_text", **paths)
    assert task.test["text"].to_list() == [text for text, _ in ROWS[30:]]
    assert task.test["origin"][0].endswith("made.zip/made/test.tsv, row 1")
    key = discover_blocks(Benchmark)["labelled_text"].model_validate({"sets": [{"name": "made", **paths}]}).semantic
    before = key()
    with zipfile.ZipFile(tmp_path / "made.zip", "a") as archive:
        archive.writestr("made/other.txt", "more")
    assert key() != before


def test_texts_beside_labels_and_labels_by_name(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("".join(f"{text}\n" for text, _ in ROWS))
    (tmp_path / "a.label").write_text("".join(f"{label}\n" for _, label in ROWS))
    columns = {"text": "txt", "label": "label"}
    task = load_task(
        "labelled_text",
        train=str(tmp_path / "a.*"),
        columns=columns,
        label_names=[{"label": "x", "name": "good"}, {"label": "y", "name": "bad"}],
    )
    assert task.names == ["bad", "good"]
    with pytest.raises(BadSetting, match=r"stands for several files.*columns.text and columns.label"):
        load_task("labelled_text", train=str(tmp_path / "a.*"))


def test_one_file_of_several_languages(tmp_path: Path) -> None:
    lines = [f"{'de' if n % 2 else 'en'}\t{text}\t{'pq'[n // 2 % 2]}" for n, (text, _) in enumerate(ROWS)]
    path = tmp_path / "a.tsv"
    path.write_text("language\ttext\tlabel\n" + "\n".join(lines) + "\n")
    task = load_task("labelled_text", train=str(path), keep_rows=[{"column": "language", "value": "de"}])
    assert sorted(collect_texts(task)) == sorted(text for text, _ in ROWS[1::2])


def test_rows_of_one_part_are_chosen_by_a_column_that_the_others_lack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_table(tmp_path / "a.tsv", ROWS)
    mixed = [(f"{'de' if n % 2 else 'en'}\tnew {text}", label) for n, (text, label) in enumerate(ROWS)]
    write_table(tmp_path / "b.tsv", mixed, "language\ttext\tlabel")
    rule = {"column": "language", "value": "de", "part": "test"}
    # as people write paths
    task = load_task("labelled_text", train="./a.tsv", test="./b.tsv", keep_rows=[rule])
    assert (len(task.test), len(task.train) + len(task.validation)) == (20, 40)
    with pytest.raises(StageFailure, match="there is no column 'language'"):
        load_task("labelled_text", train="./a.tsv", test="./b.tsv", keep_rows=[rule | {"part": ""}])


def test_fields_longer_than_the_csv_module_allows(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *((text + " x" * 100_000, label) for text, label in ROWS)])
    assert len(collect_texts(load_task("labelled_text", train=str(path)))) == 40


@pytest.mark.parametrize("ending", ["\n\n", "\n \n", "\n\t\n"])
def test_empty_last_lines_are_no_rows(tmp_path: Path, ending: str) -> None:
    path = write_table(tmp_path / "a.tsv", ROWS)
    path.write_text(path.read_text().rstrip("\n") + ending)
    assert len(collect_texts(load_task("labelled_text", train=str(path)))) == 40
    lines = "".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in ROWS)
    (tmp_path / "a.jsonl").write_text(lines + ending)
    assert len(collect_texts(load_task("labelled_text", train=str(tmp_path / "a.jsonl")))) == 40


@pytest.mark.parametrize(
    "dialogue",
    [
        {"dialogue_id": "1", "turns": [{"speaker": "USER", "utterance": text} for text in "abc"]},
        {"goal": {"message": ["x", "y"]}, "log": [{"text": "a"}, {"text": "b"}, {"text": "c"}]},
        {"name": "film", "messages": [{"message": "a", "attrs": []}, {"message": "b"}, {"message": "c"}]},
        {"messages": [{"role": "user", "content": text} for text in "abc"]},
        {"conversations": [{"from": "human", "value": text} for text in "abc"]},
        ["a", "b", "c"],
    ],
)  # fmt: skip
def test_dialogues_are_turns_before_a_reply_and_the_reply(tmp_path: Path, dialogue: Any) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps([dialogue] * 8))
    parts = {"train": str(path), "test": str(path), "validation": str(path)}
    task = load_task("text_to_text", **parts)
    assert task.test.select("text", "wanted").rows()[:2] == [("a", ["b"]), ("a\nb", ["c"])]
    task = load_task("text_to_text", **parts, turns={"context": 1})
    assert task.test.select("text", "wanted").rows()[:2] == [("a", ["b"]), ("b", ["c"])]


def test_replies_of_one_speaker(tmp_path: Path) -> None:
    turns = [{"speaker": speaker, "text": text} for speaker, text in (("U", "a"), ("S", "b"), ("U", "c"), ("S", "d"))]
    (tmp_path / "a.json").write_text(json.dumps([{"turns": turns}] * 4))
    parts = dict.fromkeys(("train", "test", "validation"), str(tmp_path / "a.json"))
    task = load_task("text_to_text", **parts, turns={"speaker": "S"})
    assert task.test.select("text", "wanted").rows()[:2] == [("a", ["b"]), ("a\nb\nc", ["d"])]


def test_minimal_pairs_and_choices_in_tables(tmp_path: Path) -> None:
    path = write_table(tmp_path / "a.csv", [("", "")], "sentence_good,sentence_bad")
    path.write_text("sentence_good,sentence_bad\nHe is.,He are.\nShe is.,She are.\n")
    assert load_task("minimal_pairs", path=str(path)).test["options"].to_list()[0] == ["He is.", "He are."]
    path.write_text("prompt,A,B,answer\n" + "What is it?,one,two,B\n" * 4)
    row = load_task("multiple_choice", path=str(path)).test.row(0, named=True)
    assert (row["prompt"], row["options"], row["right"]) == ("What is it? ", ["one", "two"], 1)
    cloze = {"content": "他#idiom#地看", "candidates": ["一心一意", "三心二意"], "answer": 1}
    (tmp_path / "b.json").write_text(json.dumps(cloze) * 3)
    row = load_task("multiple_choice", path=str(tmp_path / "b.json")).test.row(0, named=True)
    assert (row["prompt"], row["options"], row["right"]) == ("他", ["一心一意地看", "三心二意地看"], 1)


def test_trees_of_texts_are_read_and_other_files_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("a/one.txt", "a/b/two.txt", "b/three.md", "b/four.docx", "five.pdf"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"the text of {name}")
    with caplog.at_level(logging.WARNING):
        task = load_task("language_modelling", path=str(tmp_path))
    assert sorted(task.test["group"]) == ["one", "three", "two"]
    told = "2 of 5 files are of a kind that is not read: .docx 1, .pdf 1."
    assert told in task.describe()
    assert told in caplog.text


def test_broken_lines_of_every_kind_are_skipped_up_to_the_limit(tmp_path: Path) -> None:
    good = [{"source": f"text {number}", "target": f"wanted {number}"} for number in range(40)]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in good) + '{"source": "cut\n')
    with pytest.raises(StageFailure, match=r"a.jsonl, line 41: not JSON.*set on_error to skip"):
        load_task("text_to_text", train=str(path))
    task = load_task("text_to_text", train=str(path), on_error="skip")
    assert "1 rows that do not fit are left out" in task.describe()
    assert len(collect_texts(task)) == 40
    with pytest.raises(StageFailure, match="raise max_skipped_fraction"):
        load_task("text_to_text", train=str(path), on_error="skip", max_skipped_fraction=0.02)


def test_answers_without_a_start_and_questions_in_csv(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("question,context,answer\n" + "Who left?,Ann left home.,Ann\n" * 5)
    parts = dict.fromkeys(("train", "test", "validation"), str(path))
    row = load_task("question_answering", **parts).test.row(0, named=True)
    assert (row["answers"], row["starts"]) == (["Ann"], [0])


def test_a_named_encoding_decides(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_bytes("".join(f"é {text}\t{label}\n" for text, label in ROWS).encode("cp1252"))
    assert collect_texts(load_task("labelled_text", train=str(path), encoding="cp1252"))[0].startswith("é ")
    with pytest.raises(StageFailure, match=r"is not utf-8 at byte 0.*Correct encoding"):
        load_task("labelled_text", train=str(path), encoding="utf-8")
    with pytest.raises(BadSetting, match="there is no encoding 'latin-none'"):
        load_task("labelled_text", train=str(path), encoding="latin-none")


def test_suites_of_zips_and_further_suites(tmp_path: Path) -> None:
    few = [{"label": "xy"[n % 2], "sentence": text} for n, (text, _) in enumerate(ROWS)]
    cloze = [{"content": "他#idiom#地看", "candidates": ["一心一意", "三心二意"], "answer": n % 2} for n in range(6)]
    words = [{"text": f"Ann saw Bo because she was tall, {n}.", "label": bool(n % 2), "target": {
        "span1_text": "Ann", "span1_index": 0, "span2_text": "she", "span2_index": 4}} for n in range(20)]  # fmt: skip
    files = {
        "few/eprstmt/train_few_all.json": few[:20], "few/eprstmt/dev_few_all.json": few[20:30],
        "few/eprstmt/test_public.json": few[30:], "few/chid/test_public.json": cloze,
        "few/chid/train_few_all.json": [{**row, "content": f"又{row['content']}"} for row in cloze],
        "super/COPA/train.jsonl": [{"premise": "It shone.", "choice1": "Wet.", "choice2": "Dry.", "label": 1,
                                    "question": "cause"}],
        "super/WSC/train.jsonl": words, "super/WSC/val.jsonl": words,
        "super/COPA/val.jsonl": [{"premise": "It rained.", "choice1": "Wet.", "choice2": "Dry.", "question": "effect",
                                  "label": n % 2, "idx": n} for n in range(12)],
    }  # fmt: skip
    for name, rows in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    # one folder as its archive, as they are downloaded
    shutil.make_archive(str(tmp_path / "few" / "eprstmt_public"), "zip", tmp_path / "few" / "eprstmt")
    shutil.rmtree(tmp_path / "few" / "eprstmt")
    few_tasks = {task.name: task for task in load_tasks("suite", path=str(tmp_path / "few"))}
    assert {name: len(task.test) for name, task in few_tasks.items()} == {"eprstmt": 10, "chid": 6}
    super_tasks = {task.name: task for task in load_tasks("suite", path=str(tmp_path / "super"))}
    row = super_tasks["wsc"].test.row(0, named=True)
    assert (
        load_task_type(super_tasks["wsc"]).format_question(row)
        == f"[Ann] saw Bo because [she] was tall, {row['text'].split()[-1]}"
    )
    assert super_tasks["copa"].test["prompt"][0] == "It rained so "
    # from which examples in prompts are drawn
    assert super_tasks["copa"].train["prompt"].to_list() == ["It shone because "]
    assert set(few_tasks["chid"].train["prompt"]) == {"又他"}
