"""Whatever evaluation reads is also read for decontamination: every text of a task is found in its files."""

import csv
import gzip
import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.block import discover_blocks
from tasks.dedup.evaluation_sets import digest_evaluation_set, list_files, read_texts
from tasks.dedup.minhash.words import split_words
from tasks.dedup.settings import Dedup
from tasks.downstream.benchmarks import Benchmark
from tasks.errors import StageFailure

ROWS = [(f'On day {number} we went "home", café by café; then we slept.', "xy"[number % 2]) for number in range(40)]


def write_separated(path: Path, delimiter: str, encoding: str = "utf-8") -> str:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerows([("text", "label"), *ROWS])
    path.write_text(text.getvalue(), encoding=encoding)
    return str(path)


def write_json_lines(path: Path, encoding: str = "utf-8") -> str:
    lines = (json.dumps({"text": text, "label": label}, ensure_ascii=False) + "\n" for text, label in ROWS)
    path.write_text("".join(lines), encoding=encoding)
    return str(path)


def write_document(path: Path) -> str:
    path.write_text(json.dumps({"version": 2, "data": [{"text": text, "label": label} for text, label in ROWS]}))
    return str(path)


def write_parquet(path: Path) -> str:
    pq.write_table(pa.table({"text": [text for text, _ in ROWS], "label": [label for _, label in ROWS]}), path)
    return str(path)


def write_labelled_lines(path: Path) -> str:
    path.write_text("".join(f"__label__{label} {text}\n" for text, label in ROWS))
    return str(path)


def write_class_folders(folder: Path) -> str:
    for number, (text, label) in enumerate(ROWS):
        (folder / label).mkdir(parents=True, exist_ok=True)
        (folder / label / str(number)).write_bytes(text.encode("latin-1"))
    (folder / "README").write_text("On day 1 nobody wrote a set of texts.")
    return str(folder)


def write_class_files(folder: Path) -> str:
    folder.mkdir()
    for name, label in (("pos", "x"), ("neg", "y")):
        (folder / f"rt.{name}").write_text("".join(f"{text}\n" for text, row_label in ROWS if row_label == label))
    return str(folder)


def write_packed(path: Path) -> str:
    source = Path(write_separated(path.with_suffix(""), "\t"))
    path.write_bytes(gzip.compress(source.read_bytes()))
    source.unlink()
    return str(path)


def write_zip(path: Path) -> str:
    source = Path(write_json_lines(path.with_name("a.jsonl")))
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(source, "made/a.jsonl")
    source.unlink()
    return str(path / "made" / "a.jsonl")


def write_tar(path: Path) -> str:
    source = Path(write_parquet(path.with_name("a.parquet")))
    with tarfile.open(path, "w:gz") as archive:
        archive.add(source, "a.parquet")
    source.unlink()
    return str(path / "a.parquet")


def load_texts(kind: str, **fields: Any) -> list[str]:
    """The texts of a task of evaluation; of tagged words the sentences."""
    benchmark = discover_blocks(Benchmark)[kind].model_validate({"enabled": True, "sets": [{"name": "made", **fields}]})
    (task,) = benchmark.make_tasks(pl.DataFrame())
    tables = [part for part in task.parts.values() if len(part)]
    column = "text" if "text" in tables[0].columns else "words"
    texts = [text for table in tables for text in table[column].to_list()]
    return [text if isinstance(text, str) else " ".join(text) for text in texts]


def find_missing(texts: list[str], path: str) -> list[str]:
    """The texts that decontamination does not read: their words are in none of its texts one after the other."""
    read = [f" {' '.join(split_words(text))} " for file in list_files(path) for text in read_texts(file)]
    return [text for text in texts if not any(f" {' '.join(split_words(text))} " in other for other in read)]


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("a.tsv", lambda path: write_separated(path, "\t")),
        ("a.csv", lambda path: write_separated(path, ",")),
        ("semicolons.csv", lambda path: write_separated(path, ";")),
        ("latin.csv", lambda path: write_separated(path, ",", "latin-1")),
        ("table.txt", lambda path: write_separated(path, "\t", "utf-16")),
        ("no_suffix", lambda path: write_separated(path, "\t")),
        ("a.jsonl", write_json_lines),
        ("a.jl", write_json_lines),
        ("lines.data", write_json_lines),
        ("a.json", write_document),
        ("a.parquet", write_parquet),
        ("parquet_without_suffix", write_parquet),
        ("fasttext.train", write_labelled_lines),
        ("folders", write_class_folders),
        ("files", write_class_files),
        ("a.tsv.gz", write_packed),
        ("a.zip", write_zip),
        ("a.tar.gz", write_tar),
    ],
)
def test_labelled_texts_of_every_format_are_found(tmp_path: Path, name: str, write: Callable[[Path], str]) -> None:
    path = write(tmp_path / name)
    texts = load_texts("labelled_text", train=path)
    assert len(texts) == len(ROWS)
    assert not find_missing(texts, path)
    assert not find_missing(texts, str(tmp_path)), "the folder around it"


def test_parallel_files_are_named_by_their_pattern(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("".join(f"{text}\n" for text, _ in ROWS))
    (tmp_path / "a.label").write_text("".join(f"{label}\n" for _, label in ROWS))
    pattern = str(tmp_path / "a.*")
    texts = load_texts("labelled_text", train=pattern, columns={"text": "txt", "label": "label"})
    assert not find_missing(texts, pattern)
    assert len(list_files(pattern)) == 2


SENTENCES = [["Anna", "saw", f"town{number}", "by", "the", "sea"] for number in range(30)]
TAGS = ["B-PER", "O", "B-LOC", "O", "O", "O"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.conll", "\n".join("".join(f"{w} {t}\n" for w, t in zip(s, TAGS, strict=True)) for s in SENTENCES)),
        ("a.tsv", "\n".join("".join(f"{w}\t{t}\n" for w, t in zip(s, TAGS, strict=True)) for s in SENTENCES)),
        ("a.txt", "".join(" ".join(f"{w}/{t}" for w, t in zip(s, TAGS, strict=True)) + "\n" for s in SENTENCES)),
        ("a.jsonl", "".join(json.dumps({"tokens": s, "ner_tags": TAGS}) + "\n" for s in SENTENCES)),
    ],
)
def test_sentences_of_tagged_words_are_found_without_their_tags(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    texts = load_texts("tagging", train=str(tmp_path / name))
    assert sorted(texts) == sorted(" ".join(sentence) for sentence in SENTENCES)
    assert not find_missing(texts, str(tmp_path / name))


@pytest.mark.parametrize("name", ["book.txt", "book.md", "book.raw", "book"])
def test_running_texts_are_found(tmp_path: Path, name: str) -> None:
    text = "[1] " + " ".join(text for text, _ in ROWS)  # it begins as JSON may
    (tmp_path / name).write_text(text)
    assert list(read_texts(tmp_path / name)) == [text]
    assert [file.name for file in list_files(str(tmp_path))] == [name]


def test_what_holds_no_text_and_what_describes_a_set_is_left_out_of_folders(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_json_lines(tmp_path / "a.jsonl")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\0\0\0")
    (tmp_path / "LICENSE").write_text("You may copy it.")
    assert [file.name for file in list_files(str(tmp_path))] == ["a.jsonl"]
    assert "2 of 3 files are of a kind that is not read: without a suffix 1, .png 1" in caplog.text
    with pytest.raises(StageFailure, match=r"picture.png cannot be read"):
        list(read_texts(list_files(str(tmp_path / "picture.png"))[0]))


def test_the_reader_is_part_of_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_json_lines(tmp_path / "a.jsonl")
    before, without_sets = digest_evaluation_set(path), Dedup().semantic()
    monkeypatch.setattr("tasks.dedup.evaluation_sets.READER_VERSION", b"other")
    assert digest_evaluation_set(path) != before
    assert Dedup().semantic() == without_sets
