"""Tasks of SuperGLUE with layouts of their own, and XNLI, which is learnt from another data set's training part."""

import zipfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks.downstream.benchmarks.suite import Suite
from tasks.downstream.data.task_data import Task
from tasks.downstream.task_types import load_task_type
from tasks.errors import StageFailure
from tests.downstream.benchmarks.test_suite import write_lines

PASSAGE = "Ann has a boat in Rome.\n@highlight\nA. Lee met Bo there."


def load_tasks(folder: Path, **fields: Any) -> dict[str, Task]:
    suite = Suite.model_validate({"sets": [{"path": str(folder), **fields}]})
    return {task.name: task for task in suite.make_tasks(pl.DataFrame())}


def write_task(folder: Path, rows: list[Any]) -> Path:
    for part in ("train", "val"):
        write_lines(folder / f"{part}.jsonl", rows)
    return folder


def describe_row(task: Task, index: int = 0) -> tuple[str, str]:
    task_type, row = load_task_type(task), task.test.row(index, named=True)
    return task_type.format_question(row), task_type.format_truth(task, row)


def make_passage(number: int) -> dict[str, Any]:
    answers = [{"text": text, "idx": index, "label": label} for index, (text, label) in enumerate([("A", 1), ("B", 0)])]
    questions = [{"question": f"Who is {n}?", "answers": answers, "idx": n} for n in range(2)]
    return {"idx": number, "version": 1.1, "passage": {"text": f"Text {number}.", "questions": questions}}


def test_every_answer_of_multirc_is_an_example(tmp_path: Path) -> None:
    rows = [make_passage(number) for number in range(10)]
    task = load_tasks(write_task(tmp_path / "MultiRC", rows))["multirc"]
    assert (len(task.test), task.metrics, task.names) == (40, ["f1", "accuracy"], ["0", "1"])
    assert [describe_row(task, index) for index in (0, 1, 2)] == [
        ("Text 0.\nWho is 0? A", "1"),
        ("Text 0.\nWho is 0? B", "0"),
        ("Text 0.\nWho is 1? A", "1"),
    ]
    assert not set(task.train["text"]) & set(task.validation["text"]), "a passage is in one part"
    rows[3] = {"passage": {"text": "without questions"}}
    assert (
        "2 rows that do not fit are left out"
        in load_tasks(write_task(tmp_path / "MultiRC", rows))["multirc"].describe()
    ), "one of each file"


def mark(text: str, name: str) -> dict[str, Any]:
    """An entity as ReCoRD gives it: its end is its last character."""
    start = text.index(name)
    return {"start": start, "end": start + len(name) - 1, "text": name}


def make_record(**changes: Any) -> dict[str, Any]:
    entities = [{name: entity[name] for name in ("start", "end")} for entity in (
        mark(PASSAGE, "Bo"), mark(PASSAGE, "Ann"), mark(PASSAGE, "Rome"), mark(PASSAGE, "A. Lee"))]  # fmt: skip
    query = {
        "query": "It was @placeholder who left.",
        "answers": [mark(PASSAGE, "Ann"), mark(PASSAGE, "A. Lee")],
        "idx": 1,
    }
    return {"source": "made", "passage": {"text": PASSAGE, "entities": entities}, "qas": [query | changes], "idx": 0}


def test_the_entities_of_record_fill_the_placeholder(tmp_path: Path) -> None:
    task = load_tasks(write_task(tmp_path / "ReCoRD", [make_record()] * 20))["record"]
    row = task.test.row(0, named=True)
    assert row["prompt"] == "Ann has a boat in Rome.\nA. Lee met Bo there.\nIt was "
    # A. Lee is another spelling of the right answer, and so no wrong option
    assert row["options"] == ["Bo who left.", "Ann who left.", "Rome who left."]
    assert row["right"] == 1
    odd = [make_record(query="no blank"), make_record(answers=[{"text": "Cy"}]), {"qas": []}]
    with pytest.raises(StageFailure, match=r"3 of 23 rows.*no placeholder, or no right and no wrong entity"):
        load_tasks(write_task(tmp_path / "ReCoRD", [make_record()] * 20 + odd))


def test_copa_asks_for_the_cause_or_the_effect(tmp_path: Path) -> None:
    rows = [{"premise": f"Day {n} was wet.", "choice1": "I slept.", "choice2": "It rained.", "label": n % 2, "idx": n,
             "question": ("effect", "cause")[n % 2]} for n in range(30)]  # fmt: skip
    task = load_tasks(write_task(tmp_path / "COPA", rows))["copa"]
    asked = {(row["prompt"], *row["options"], row["right"]) for row in task.test.iter_rows(named=True)}
    assert ("Day 0 was wet so ", "I slept.", "it rained.", 0) in asked
    assert ("Day 1 was wet because ", "I slept.", "it rained.", 1) in asked
    del rows[0]["question"]
    assert (
        "1 questions that do not fit are left out" in load_tasks(write_task(tmp_path / "COPA", rows))["copa"].describe()
    )


def make_senses(number: int) -> dict[str, Any]:
    first, second = f"{number} banks of a river", "She banked on the bank"
    return {"word": "bank", "sentence1": first, "sentence2": second, "idx": number, "label": number % 2 == 0,
            "start1": first.index("banks"), "end1": first.index("banks") + 5, "start2": 18, "end2": 22,
            "version": 1.1}  # fmt: skip


def test_the_word_of_wic_is_marked_in_both_sentences(tmp_path: Path) -> None:
    rows = [make_senses(number) for number in range(30)]
    task = load_tasks(write_task(tmp_path / "WiC", rows))["wic"]
    assert (task.kind, task.metrics, task.names) == ("relations", ["accuracy", "mcc"], ["False", "True"])
    assert describe_row(task) == ("0 [banks] of a river She banked on the [bank]", "True")
    rows[0]["end2"] = 99
    assert (
        "2 relations that do not fit are left out" in load_tasks(write_task(tmp_path / "WiC", rows))["wic"].describe()
    )


def test_pairs_of_superglue(tmp_path: Path) -> None:
    for number, name in enumerate(("CB", "RTE")):
        pairs = [{"premise": f"It is {n}.", "hypothesis": "It was.", "label": "ab"[n % 2], "idx": n} for n in range(30)]
        write_task(tmp_path / name, pairs[number:])
    questions = [{"question": f"is it {n}", "passage": "It is.", "idx": n, "label": n % 3 == 0} for n in range(30)]
    write_task(tmp_path / "BoolQ", questions)
    tasks = load_tasks(tmp_path)
    assert sorted(tasks) == ["boolq", "cb", "rte"]
    assert tasks["cb"].metrics == ["accuracy", "macro_f1"]
    assert describe_row(tasks["boolq"]) == ("is it 0\nIt is.", "True")


@pytest.mark.parametrize(
    "names",
    [
        ("wnut17train.conll", "emerging.dev.conll", "emerging.test.annotated"),
        ("train.conll", "dev.conll", "test.conll"),
    ],
)
def test_wnut_in_the_names_of_its_download(tmp_path: Path, names: tuple[str, ...]) -> None:
    for name in names:
        sentences = (f"Ann\tB-person\nleft{n}\tO\nRome\tB-location\n\n" for n in range(20))
        (tmp_path / "WNUT-17").mkdir(exist_ok=True)
        (tmp_path / "WNUT-17" / name).write_text("".join(sentences))
    task = load_tasks(tmp_path)["wnut17"]
    assert (task.kind, len(task.train), len(task.validation), len(task.test)) == ("tags", 20, 20, 20)


def write_xnli(root: Path) -> Path:
    with zipfile.ZipFile(root / "XNLI-1.0.zip", "w") as archive:
        for part in ("dev", "test"):
            lines = [f"{'de' if n % 2 else 'en'}\t{'ab'[n // 2 % 2]}\t{part} {n}\tso {n}" for n in range(40)]
            content = "language\tgold_label\tsentence1\tsentence2\n" + "\n".join(lines)
            archive.writestr(f"XNLI-1.0/xnli.{part}.tsv", content)
    return root / "XNLI-1.0.zip"


@pytest.mark.parametrize("file", ["MNLI/train.tsv", "multinli_1.0/multinli_1.0_train.txt"])
@pytest.mark.parametrize("around", [True, False])
def test_xnli_is_learnt_from_mnli_and_tested_in_each_language(tmp_path: Path, file: str, *, around: bool) -> None:
    xnli = write_xnli(tmp_path)
    (tmp_path / file).parent.mkdir()
    rows = "".join(f"{'ab'[n % 2]}\tx\tEnglish {n}\tso {n}\n" for n in range(50)) + "-\tx\tunclear\tso\n"
    (tmp_path / file).write_text("gold_label\tgenre\tsentence1\tsentence2\n" + rows)
    task = load_tasks(tmp_path if around else xnli, tasks=["xnli-de"])["xnli-de"]
    assert (len(task.train), len(task.validation), len(task.test)) == (50, 20, 20)
    assert all(text.startswith("English") for text in task.train["text"])
    assert set(task.validation["text"]) == {f"dev {n}" for n in range(1, 40, 2)}, "the dev part of the language"
    assert set(task.test["text"]) == {f"test {n}" for n in range(1, 40, 2)}


def test_xnli_without_mnli_is_refused_with_what_is_missing(tmp_path: Path) -> None:
    xnli = write_xnli(tmp_path)
    missing = r"XNLI-1.0.zip.* holds no mnli/train.tsv beside it with xnli.dev.tsv with xnli.test.tsv, nor "
    with pytest.raises(StageFailure, match=f"the task xnli-de: .*{missing}"):
        load_tasks(xnli, tasks=["xnli-de"])
    with pytest.raises(StageFailure, match=f"{missing}.*, which xnli-ar, xnli-bg, .*, xnli-zh needs. Add these files"):
        load_tasks(xnli)
