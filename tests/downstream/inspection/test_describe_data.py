"""What `textmill inspect` proposes for files: a kind and settings that read them, or the setting that decides."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from tasks.downstream.inspection.describe_data import describe_data, summarise_task
from tasks.downstream.inspection.file_parts import assign_parts, find_part, make_pattern, make_set_name
from tasks.errors import BadSetting, StageFailure

ROWS = [(f"On day {number} we went home, and slept.", "xyz"[number % 3]) for number in range(45)]


def write_files(folder: Path, **contents: str) -> Path:
    for name, content in contents.items():
        path = folder / name.replace("__", "/").replace("_DOT_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return folder


def as_table(rows: list[tuple[str, str]], header: str = "") -> str:
    return (f"{header}\n" if header else "") + "".join("\t".join(row) + "\n" for row in rows)


def propose(*paths: Path) -> tuple[str, dict[str, Any]]:
    proposal = describe_data(paths).proposal
    return proposal.kind, proposal.settings


def test_a_table_in_three_parts(tmp_path: Path) -> None:
    parts = {"mood-train": ROWS[:30], "mood-dev": ROWS[30:36], "mood-test": ROWS[36:]}
    for name, rows in parts.items():
        (tmp_path / f"{name}.tsv").write_text(as_table(rows, "said\tmood"))
    kind, settings = propose(tmp_path)
    assert kind == "labelled_text"
    assert settings == {
        "name": "mood",
        "train": str(tmp_path / "mood-train.tsv"),
        "validation": str(tmp_path / "mood-dev.tsv"),
        "test": str(tmp_path / "mood-test.tsv"),
        "columns": {"text": "said", "label": "mood", "header": True},
    }
    # the same files, given one by one
    assert propose(*sorted(tmp_path.iterdir())) == (kind, settings)


def test_a_description_for_people(tmp_path: Path) -> None:
    path = tmp_path / "mood.tsv.gz"
    path.write_bytes(gzip.compress(as_table([(f"é {text}", label) for text, label in ROWS]).encode("latin-1")))
    description = describe_data([path])
    assert description.encodings == {str(path): "cp1252"}
    (task,) = description.tasks
    summary = dict(summarise_task(task))
    assert summary["rows"] == "train 35, validation 1, test 9"
    assert summary["labels of test"] == "x 3, y 3, z 3"
    assert summary["its answer"] in "xyz"


def test_odd_rows_are_told_and_skipped_up_to_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text(as_table(ROWS, "text\tlabel") + "odd\n")
    description = describe_data([path])
    assert description.proposal.settings["on_error"] == "skip"
    (remark,) = description.remarks
    assert "row 46: 1 columns where 2 were expected: such rows are skipped" in remark
    path.write_text(as_table(ROWS, "text\tlabel") + "odd\n" * 9)
    with pytest.raises(StageFailure, match=r"9 of 54 rows.*raise max_skipped_fraction"):
        describe_data([path])


@pytest.mark.parametrize(
    ("contents", "kind", "settings"),
    [
        ({f"train__{label}__{number}": text for number, (text, label) in enumerate(ROWS)} | {"train__unsup__1": "e"},
         "labelled_text", {"format": "folders", "skip_labels": ["unsup"]}),
        ({"a_DOT_ann": "T1\tPER 0 3\tAnn\n", "a_DOT_txt": "Ann left.\n\nA.\n\nBo.\n\nWe.\n", "b_DOT_ann": "",
          "b_DOT_txt": "None"},
         "tagging", {"format": "brat"}),
        ({"train_DOT_en": "a\nb\nc\n" * 15, "train_DOT_de": "".join(f"{text}\n" for text, _ in ROWS), "README": "no"},
         "labelled_text", {"columns": {"text": "de", "label": "en"}}),
        ({"one_DOT_jsonl": '{"sentence_good": "a b", "sentence_bad": "b a"}\n' * 3,
          "two_DOT_jsonl": '{"sentence_good": "c d", "sentence_bad": "d c"}\n' * 3}, "suite", {}),
        ({"a_DOT_txt": "A text.\n", "b_DOT_txt": "Another one, longer.\n\nOf two parts.\n"}, "language_modelling", {}),
    ],
)  # fmt: skip
def test_folders(tmp_path: Path, contents: dict[str, str], kind: str, settings: dict[str, Any]) -> None:
    proposed_kind, proposed = propose(write_files(tmp_path / "made", **contents))
    assert proposed_kind == kind
    assert {name: proposed.get(name) for name in settings} == settings


def test_what_no_benchmark_reads_is_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="does not exist"):
        describe_data([tmp_path / "none"])
    path = tmp_path / "a.pdf"
    path.write_bytes(b"%PDF-1.7\0\0\0")
    with pytest.raises(StageFailure, match="is no text file"):
        describe_data([path])
    rows = [(text, label, "pq"[number % 2]) for number, (text, label) in enumerate(ROWS)]
    (tmp_path / "b.tsv").write_text("".join("\t".join(row) + "\n" for row in rows))
    with pytest.raises(
        BadSetting, match=r"(?s)not clear which column is the label: 1, 2.*Set columns.label to one of them"
    ):
        describe_data([tmp_path / "b.tsv"])


def test_dialogues_and_questions(tmp_path: Path) -> None:
    (tmp_path / "talk.json").write_text(json.dumps([{"turns": ["a", "b", "c"]}] * 20))
    with pytest.raises(StageFailure, match="empty"):  # the same dialogue in every row cannot be divided
        describe_data([tmp_path / "talk.json"])
    talks = [{"turns": [f"a{n}", f"b{n}", f"c{n}"]} for n in range(20)]
    (tmp_path / "talk.json").write_text(json.dumps(talks))
    assert propose(tmp_path / "talk.json")[0] == "text_to_text"
    quiz = [{"question": f"Which is {n}?", "options": [str(n), "none"], "answer": 0} for n in range(9)]
    (tmp_path / "quiz.jsonl").write_text("".join(json.dumps(row) + "\n" for row in quiz))
    assert propose(tmp_path / "quiz.jsonl") == (
        "multiple_choice",
        {"name": "quiz", "path": str(tmp_path / "quiz.jsonl")},
    )


def test_parts_and_names_of_files() -> None:
    names = ["a/rt.train.txt", "a/devTest.tsv", "a/valid.jsonl", "a/corpus.txt", "b/TRAIN_FILE.TXT", "trial.csv"]
    assert [find_part(Path(name)) for name in names] == ["train", "test", "validation", "", "train", "validation"]
    # without a test file the development file is tested on
    assert assign_parts([Path("dev.tsv"), Path("train.tsv")])[:3] == ("train.tsv", "dev.tsv", "")
    assert assign_parts([Path("mood-test.tsv"), Path("mood.tsv")])[:3] == ("mood.tsv", "mood-test.tsv", "")
    assert assign_parts([Path("one.tsv"), Path("two.tsv")])[:3] == ("one.tsv", "two.tsv", "")
    assert make_pattern(Path("x/train.en"), Path("x/train.zh")) == ("x/train.*", ("en", "zh"))
    assert make_pattern(Path("x/train.en"), Path("x/test.zh")) is None
    assert [make_set_name(Path(name)) for name in names[:2]] == ["rt", "devtest"]


def test_a_file_for_each_class_and_pieces_of_a_table(tmp_path: Path) -> None:
    for label, start in (("pos", 0), ("neg", 40)):
        (tmp_path / "polarity").mkdir(exist_ok=True)
        lines = "".join(f"On day {start + n} we went.\n" for n in range(40))
        (tmp_path / "polarity" / f"rt-polarity.{label}").write_text(lines)
    kind, settings = propose(tmp_path / "polarity")
    assert (kind, settings["format"]) == ("labelled_text", "class_files")
    assert describe_data([tmp_path / "polarity"]).tasks[0].names == ["neg", "pos"]
    for number in range(8):
        for part in ("train", "test"):
            path = tmp_path / "sgd" / part / f"dialogues_{number}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            texts = [[f"{part} {number} {n} {turn}" for turn in "abc"] for n in range(5)]
            path.write_text(json.dumps([{"turns": [{"utterance": text} for text in turns]} for turns in texts]))
            (path.parent / "schema.json").write_text(json.dumps([{"slots": [{"name": "a"}, {"name": "b"}]}]))
    (task,) = describe_data([tmp_path / "sgd"]).tasks
    assert (task.kind, len(task.test)) == ("texts", 80)


def test_sentences_that_no_one_agreed_on_are_left_out(tmp_path: Path) -> None:
    rows = [{"sentence1": text, "sentence2": text[::-1], "gold_label": label} for text, label in ROWS]
    rows.append({"sentence1": "a", "sentence2": "b", "gold_label": "-"})
    (tmp_path / "nli.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert propose(tmp_path / "nli.jsonl")[1]["skip_labels"] == ["-"]
