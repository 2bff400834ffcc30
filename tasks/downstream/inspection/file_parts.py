"""Sorts files into the training part and the test part of a data set, and finds those that belong together."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tasks.downstream.data.task_data import PARTS
from tasks.downstream.readers import SETTING
from tasks.errors import StageFailure
from tasks.input_files.archives import strip_archive_suffix
from tasks.input_files.data_paths import get_data_stem, get_data_suffix, is_data_folder, list_data_files
from tasks.input_files.parallel_files import WILDCARD, read_parallel_lines

PART_WORDS = {
    "train": "train",
    "training": "train",
    "trn": "train",
    "test": "test",
    "testing": "test",
    "tst": "test",
    "eval": "test",
    "dev": "validation",
    "valid": "validation",
    "validation": "validation",
    "val": "validation",
    "develop": "validation",
    "trial": "validation",
}
"""Word in a file's name → the part that it is"""
NO_DATA = re.compile(r"(readme|license|licence|source|citation|authors|changelog|notice|copying)", re.IGNORECASE)


class FileParts(NamedTuple):
    """The paths of a data set; `test` and `validation` may be empty. `names` replace the `*` of parallel files."""

    train: str
    test: str = ""
    validation: str = ""
    names: tuple[str, ...] = ()

    def make_settings(self) -> dict[str, str]:
        """Return setting → path of the parts that exist."""
        return {part: path for part in PARTS if (path := getattr(self, part))}


def list_variants(parts: FileParts) -> list[FileParts]:
    """Return the parts, and fewer of them: a test file may lack labels or columns."""
    variants = [parts, FileParts(parts.train, parts.validation), FileParts(parts.train)]
    return list(dict.fromkeys(variants))


def find_part(path: Path) -> str:
    """Return the part that a file's or folder's name says it is: train, validation or test; empty where it does not."""
    name = strip_archive_suffix(path.name) if is_data_folder(path) else path.name
    words = re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower())
    parts = [PART_WORDS[word] for word in words if word in PART_WORDS]
    # newsgroups-bydate-train: the last word counts; a name like `devtest` is none of these words
    return parts[-1] if parts else ""


def is_data(path: Path) -> bool:
    """Return whether a file may hold examples: it is no README or licence, and no picture or programme."""
    return not NO_DATA.match(path.name) and get_data_suffix(path) not in (".py", ".sh", ".pdf", ".png", ".jpg", ".html")


def assign_parts(paths: Sequence[Path]) -> FileParts:
    """Return which path is which part: by their names, else the first is the training part and the second the test.

    Without a test file, a development file is the test part: hyperparameters are chosen on a fraction of training.
    """
    by_part: dict[str, Path] = {}
    for path in paths:
        by_part.setdefault(find_part(path), path)
    if "train" not in by_part and "" in by_part and len(by_part) > 1:
        # mood.tsv beside mood-test.tsv
        by_part["train"] = by_part.pop("")
    if "train" not in by_part and {"validation", "test"} <= by_part.keys():
        # some data sets publish no training part: the development part is learnt from
        return FileParts(str(by_part["validation"]), str(by_part["test"]))
    if "train" not in by_part:
        first, *others = paths
        return FileParts(str(first), str(others[0]) if others else "", str(others[1]) if len(others) > 1 else "")
    train = str(by_part["train"])
    test, validation = by_part.get("test"), by_part.get("validation")
    if test is None:
        return FileParts(train, str(validation or ""))
    return FileParts(train, str(test), str(validation or ""))


def find_parallel_parts(paths: Sequence[Path]) -> FileParts | None:
    """Return parts whose files are parallel, with * for what differs in their names; None where there are none.

    Files are parallel when their names differ in one piece only, and they have equally many lines.
    """
    by_part: dict[str, list[Path]] = {}
    for path in paths:
        by_part.setdefault(find_part(path), []).append(path)
    by_part = {part: sorted(files) for part, files in by_part.items() if len(files) >= 2}
    patterns: dict[str, str] = {}
    names: tuple[str, ...] = ()
    for part, files in by_part.items():
        pattern = make_pattern(files[0], files[1])
        if pattern is None or not have_equal_lengths(files[:2]):
            return None
        patterns[part], names = pattern
    if not patterns:
        return None
    train = patterns.get("train") or next(iter(patterns.values()))
    test = patterns.get("test") or (patterns.get("validation", "") if "train" in patterns else "")
    validation = patterns.get("validation", "") if "test" in patterns else ""
    return FileParts(train, test if test != train else "", validation, names)


def make_pattern(first: Path, second: Path) -> tuple[str, tuple[str, str]] | None:
    """Return two paths as one with * where they differ, and what the * stands for; None where more differs."""
    if first.parent != second.parent:
        return None
    one, other = (re.split(r"([._-])", path.name) for path in (first, second))
    if len(one) != len(other):
        return None
    differing = [index for index, pair in enumerate(zip(one, other, strict=True)) if pair[0] != pair[1]]
    if len(differing) != 1:
        return None
    (index,) = differing
    pattern = "".join([*one[:index], WILDCARD, *one[index + 1 :]])
    return str(first.parent / pattern), (one[index], other[index])


def have_equal_lengths(paths: Sequence[Path]) -> bool:
    """Return whether text files have equally many lines, more than one."""
    try:
        lengths = {len(read_parallel_lines(path, SETTING)) for path in paths}
    except StageFailure:
        return False
    return len(lengths) == 1 and min(lengths) > 1


def list_candidates(folder: Path) -> list[Path]:
    """List the files of a folder, or its subfolders, that may be parts of a data set."""
    files = [path for path in list_data_files(folder) if is_data(path)]
    return sorted({folder / path.relative_to(folder).parts[0] for path in files})


def make_set_name(path: Path) -> str:
    """Return a name for a data set by its file or folder: letters, digits, hyphens."""
    stem = strip_archive_suffix(path.name) if is_data_folder(path) else get_data_stem(path)
    words = [word for word in re.findall(r"[A-Za-z0-9]+", stem) if word.lower() not in PART_WORDS]
    if not words and path.parent.name:
        words = re.findall(r"[A-Za-z0-9]+", strip_archive_suffix(path.parent.name))
    return "-".join(words).lower() or "data"
