"""Data sets for evaluation with bad rows, each beside an intact row that must come through."""

import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from benchmarks.malformed.tables import format_row

CLASSES = ("positive", "negative")
TAGS = ("B-PER", "I-PER", "O", "B-LOC", "O")


class DataSet(NamedTuple):
    """A data set on disk: its settings, the texts that must be read, and the number of odd rows."""

    kind: str
    settings: dict[str, Any]
    intact_texts: set[str]
    num_odd: int


def make_text(number: int) -> str:
    """Make the text of an intact row; its number makes it unlike all others."""
    return f"intact example number {number} of a small data set"


def draw_json_row(random_: Random, number: int) -> bytes:
    """Draw a line of JSON that is broken, or whose values are odd."""
    text, label = f"odd example number {number}", CLASSES[number % 2]
    whole = json.dumps({"text": text, "label": label}).encode()
    return random_.choice(
        (
            whole[: random_.randrange(2, len(whole))],
            whole + b" trailing",
            json.dumps({"text": text}).encode(),
            json.dumps({"label": label}).encode(),
            json.dumps({"text": random_.choice(("", None, 5, [], {})), "label": label}).encode(),
            json.dumps({"text": text, "label": random_.choice(("", None, [], {}, "  "))}).encode(),
            json.dumps([text, label]).encode(),
            b"null",
            b'{"text": "odd \\ud800", "label": "positive"}',
            b'{"text": "odd \xff\xfe", "label": "positive"}',
            b'{"text": "odd \x00", "label": "positive"}',
            b'{"text": "odd", "label": NaN}',
            b'{"text": "%b", "label": "positive"}' % (b"odd " * 100_000),
            b'{"text": "odd", "label": "positive", "n": %b}' % (b"[" * 3000 + b"]" * 3000),
        )
    )


def draw_separated_row(random_: Random, number: int, separator: str) -> bytes:
    """Draw a row of CSV or TSV with too few or too many cells, empty ones, or odd bytes."""
    text, label = f"odd example number {number}", CLASSES[number % 2]
    return random_.choice(
        (
            format_row((text,), separator),
            format_row((text, label, "more", "more"), separator),
            format_row(("", label), separator),
            format_row((text, ""), separator),
            format_row(("odd " * 100_000, label), separator),
            format_row(('two\nlines, and "quotes"', label), separator),
            f"odd \x00 zero{separator}{label}\n".encode(),
            b"odd \xff\xfe bytes" + f"{separator}{label}\n".encode(),
            f"{text}{separator}{label}\r\n".encode(),
        )
    )


def write_texts(folder: Path, suffix: str, random_: Random, numbers: range) -> DataSet:
    """Write a training and a test file of texts with classes, in which every second row is odd."""
    separator = "\t" if suffix == ".tsv" else ","
    intact, num_odd = set(), 0
    for part, chosen in (("train", numbers[::2]), ("test", numbers[1::2])):
        with (folder / f"{part}{suffix}").open("wb") as file:
            if suffix != ".jsonl":
                file.write(format_row(("text", "label"), separator))
            for position, number in enumerate(chosen):
                text, label = make_text(number), CLASSES[position % 2]
                intact.add(text)
                if suffix == ".jsonl":
                    file.write(json.dumps({"text": text, "label": label}).encode() + b"\n")
                    file.write(draw_json_row(random_, number) + b"\n")
                else:
                    file.write(format_row((text, label), separator))
                    file.write(draw_separated_row(random_, number, separator))
                num_odd += 1
    return DataSet("labelled_text", make_settings(folder, suffix), intact, num_odd)


def write_tags(folder: Path, suffix: str, random_: Random, numbers: range) -> DataSet:
    """Write a training and a test file of tagged sentences in CoNLL's columns, of which every second is odd."""
    intact, num_odd = set(), 0
    for part, chosen in (("train", numbers[::2]), ("test", numbers[1::2])):
        with (folder / f"{part}{suffix}").open("wb") as file:
            for number in chosen:
                words = ["Ada", f"L{number}", "visits", "Rome", "."]
                intact.add(" ".join(words))
                file.write("".join(f"{word} {tag}\n" for word, tag in zip(words, TAGS, strict=True)).encode() + b"\n")
                odd = random_.choice(
                    (
                        b"word-without-tag\n",
                        b"odd I-PER\nodd I-LOC\n",
                        b"odd B-UNSEEN\n",
                        b"odd O extra column\n",
                        b"odd\tB-PER\n",
                        b"odd \xff\xfe O\n",
                        b"o\x00dd O\n",
                        b"# a comment\nodd O\n",
                        b"odd O\r\n",
                        b"odd " + b"x" * 50_000 + b" O\n",
                        b" O\n",
                        b"odd \n",
                    )
                )
                file.write(odd + random_.choice((b"\n", b"\n\n\n", b" \n")))
                num_odd += 1
    return DataSet("tagging", make_settings(folder, suffix), intact, num_odd)


def make_settings(folder: Path, suffix: str) -> dict[str, Any]:
    """Make the settings of a data set whose odd rows are skipped, however many they are."""
    return {
        "name": folder.name,
        "train": str(folder / f"train{suffix}"),
        "test": str(folder / f"test{suffix}"),
        "on_error": "skip",
        "max_skipped_fraction": 1.0,
    }


WRITERS: dict[str, Callable[[Path, str, Random, range], DataSet]] = {
    ".jsonl": write_texts,
    ".csv": write_texts,
    ".tsv": write_texts,
    ".conll": write_tags,
}


def write_data_sets(folder: Path, random_: Random, num_rows: int, rows_per_set: int = 24) -> list[DataSet]:
    """Write data sets of every kind with so many intact, and as many odd rows in all."""
    data_sets = []
    for index, first in enumerate(range(0, num_rows, rows_per_set)):
        suffix = list(WRITERS)[index % len(WRITERS)]
        below = folder / f"set-{index:04d}"
        below.mkdir(parents=True)
        data_sets.append(WRITERS[suffix](below, suffix, random_, range(first, first + rows_per_set)))
    return data_sets
