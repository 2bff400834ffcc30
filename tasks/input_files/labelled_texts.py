"""Texts whose label is no column: lines that begin or end with it, and folders named after it."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from tasks.errors import StageFailure
from tasks.input_files.data_paths import list_data_files, read_data_text

FASTTEXT_LABEL = "__label__"
TEXT, LABEL = "text", "label"
"""The columns of such rows"""
SPLITS = frozenset(("train", "training", "test", "testing", "dev", "valid", "validation", "eval"))
CLASS_WORDS = frozenset(
    ("pos", "neg", "positive", "negative", "neutral", "neu", "spam", "ham", "quote", "plot", "subj", "obj",
     "subjective", "objective", "yes", "no", "true", "false", "toxic", "clean", "good", "bad", "real", "fake", "0", "1")
)  # fmt: skip
"""Names of files that hold the texts of one class"""
NO_CLASS = re.compile(r"(readme|license|licence|source|citation)", re.IGNORECASE)
LABEL_PATTERN = re.compile(r"[\w:.+/-]{1,40}")
MAX_CLASSES_PER_LINE = 0.34

LineLayout = Literal["", "fasttext", "first", "last"]


def guess_line_layout(lines: list[str]) -> LineLayout:
    """Guess where the lines of a text have their label: as fastText writes it, first, or last; empty: nowhere."""
    sample = [line.split() for line in lines[:2000] if line.strip()]
    if len(sample) < 4:
        return ""
    if sum(words[0].startswith(FASTTEXT_LABEL) for words in sample) > 0.9 * len(sample):
        return "fasttext"
    if min(map(len, sample)) < 2:
        # a line of one word has no room for a label and a text
        sample = [words for words in sample if len(words) > 1]
    candidates: list[tuple[float, LineLayout]] = []
    for side, position in (("first", 0), ("last", -1)):
        counts = Counter(words[position] for words in sample)
        classes = len(counts)
        if (
            2 <= classes <= MAX_CLASSES_PER_LINE * len(sample)
            and min(counts.values()) > 1
            and all(map(LABEL_PATTERN.fullmatch, counts))
        ):
            candidates.append((classes / len(sample), side))  # type: ignore[arg-type]
    return min(candidates)[1] if len(candidates) == 1 else ""


def read_labelled_lines(path: Path, text: str) -> Iterator[tuple[dict[str, Any] | StageFailure, str]]:
    """Yield the lines of a file as rows with `text` and `label`; a line of two labels of fastText has the first."""
    lines = text.split("\n")
    layout = guess_line_layout(lines)
    if not layout:
        raise StageFailure(
            f"{path}: neither the first nor the last word of its lines is a label",
            "Set format and columns, or give a table",
        )
    for number, line in enumerate(lines, start=1):
        origin = f"{path}, row {number}"
        if not line.strip():
            continue
        if layout == "last":
            body, _, label = line.strip().rpartition(" ")
        else:
            label, _, body = line.strip().partition(" " if " " in line.strip() else "\t")
            while layout == "fasttext" and body.startswith(FASTTEXT_LABEL):
                body = body.partition(" ")[2]
        if layout == "fasttext" and not label.startswith(FASTTEXT_LABEL):
            yield StageFailure(f"{origin}: the line does not begin with {FASTTEXT_LABEL}", "Correct the line"), origin
        elif not body.strip():
            yield StageFailure(f"{origin}: the line has a label and no text", "Fill it, or take the line out"), origin
        else:
            yield {TEXT: body.strip(), LABEL: label.removeprefix(FASTTEXT_LABEL)}, origin


def list_class_files(folder: Path) -> dict[str, list[Path]]:
    """Return class → its files, of a folder with a folder for each class; nested folders are classes like `a/b`.

    Files directly in the folder, such as a README, belong to no class.
    """
    classes: dict[str, list[Path]] = {}
    for file in list_data_files(folder):
        parts = file.relative_to(folder).parts[:-1]
        if parts:
            classes.setdefault("/".join(parts), []).append(file)
    # an only folder around the classes, as archives have it
    while len({name.partition("/")[0] for name in classes}) == 1 and all("/" in name for name in classes):
        classes = {name.partition("/")[2]: files for name, files in classes.items()}
    return classes


def list_line_files(folder: Path) -> dict[str, Path]:
    """Return class → its file, of a folder with a file for each class and a text a line; empty for other folders.

    Classes are what differs in the names: `pos` and `neg` of rt-polarity.pos and rt-polarity.neg.
    """
    files = [file for file in list_data_files(folder) if file.parent == folder and not NO_CLASS.match(file.name)]
    if len(files) < 2:
        return {}
    pieces = [re.split(r"[._-]", file.name) for file in files]
    common = set(pieces[0]).intersection(*pieces)
    names = [".".join(piece for piece in parts if piece not in common) for parts in pieces]
    is_known = sum(name.lower() in CLASS_WORDS for name in names) >= 2
    return dict(zip(names, files, strict=True)) if is_known and len(set(names)) == len(names) else {}


def read_class_files(
    folder: Path, setting: str, encoding: str = ""
) -> Iterator[tuple[dict[str, Any] | StageFailure, str]]:
    """Yield the lines of a folder's files as rows with `text` and `label`, the class that each file is for."""
    for label, file in sorted(list_line_files(folder).items()):
        for number, line in enumerate(read_data_text(file, setting, encoding).split("\n"), start=1):
            if line.strip():
                yield {TEXT: line.strip(), LABEL: label}, f"{file}, line {number}"


def read_class_folders(
    folder: Path, setting: str, encoding: str = ""
) -> Iterator[tuple[dict[str, Any] | StageFailure, str]]:
    """Yield the files of a folder as rows with `text` and `label`, the name of the folder that each is in."""
    classes = list_class_files(folder)
    if not classes:
        raise StageFailure(f"{folder} holds no folders with texts", "Give a folder that has a folder for each class")
    parts = {name.partition("/")[0].lower() for name in classes}
    if len(parts) > 1 and parts <= SPLITS:
        raise StageFailure(
            f"{folder} holds the parts {', '.join(sorted(parts))} and no classes", "Give these as train and test"
        )
    for label, files in sorted(classes.items()):
        for file in files:
            yield {TEXT: read_data_text(file, setting, encoding), LABEL: label}, str(file)
