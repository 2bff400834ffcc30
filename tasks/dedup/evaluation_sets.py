"""Evaluation sets: the texts that models are tested on, read from the files that the settings name.

They are found and read as evaluation does it: packed, in archives, in any encoding and layout, by parallel files.
"""

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tasks.errors import StageFailure
from tasks.input_files.data_paths import (
    count_suffixes,
    get_data_suffix,
    is_data_file,
    is_data_folder,
    list_data_files,
    read_data_head,
    read_data_text,
)
from tasks.input_files.encoding import is_binary
from tasks.input_files.file_digests import hash_data_files
from tasks.input_files.json_objects import read_json_values
from tasks.input_files.parallel_files import is_parallel_pattern, match_parallel_files
from tasks.input_files.table_reader import FORMAT_OF_SUFFIX, TableReader
from tasks.input_files.word_lines import SLASHED, is_slashed, split_word_columns
from tasks.runtime.content_digest import combine_digests

SETTING = "dedup.decontaminate.sets"
READER_VERSION = b"2"
"""Enters the digests of sets. Increment it when other texts are read from the same files."""
DOCUMENTATION = re.compile(r"(readme|licen[cs]e|citation|copying|changelog)\b", re.IGNORECASE)
"""Names of files that lie beside a set, and are no part of it"""

log = logging.getLogger("textmill.dedup")


def list_files(path: str) -> list[Path]:
    """List the file, the files below the folder or in the archive, or those that a pattern stands for, sorted.

    Raises StageFailure when there is none. Files that hold neither text nor a table are told in the log.
    """
    root = Path(path).expanduser()
    if is_parallel_pattern(root):
        candidates = match_parallel_files(root)
    elif is_data_folder(root):
        candidates = list_data_files(root)
    else:  # what is named itself is read whatever it is, or is an error
        candidates = [root] if is_data_file(root) else []
    files = [file for file in candidates if file == root or _holds_texts(file)]
    if not files:
        problem = f"{root} holds no file of texts" if candidates or root.exists() else f"{root} does not exist"
        raise StageFailure(f"{problem}, and it is named as an evaluation set", f"Correct {SETTING}")
    if unread := sorted({*candidates} - {*files}):
        kinds = count_suffixes(unread)
        log.warning("%s: %d of %d files are of a kind that is not read: %s", root, len(unread), len(candidates), kinds)
    return files


def _holds_texts(file: Path) -> bool:
    if get_data_suffix(file) in FORMAT_OF_SUFFIX:
        return True
    head = read_data_head(file, SETTING)
    return not DOCUMENTATION.match(file.name) and (head.startswith(b"PAR1") or not is_binary(head))


def digest_evaluation_set(path: str) -> str:
    """Return a digest of the content of an evaluation set, wherever it lies."""
    files = list_files(path)
    parts = (
        f"{file.suffix}{hashed.name}".encode() + hashed.digest
        for file, hashed in zip(files, hash_data_files(files, "blake2b-512"), strict=True)
    )
    return combine_digests([READER_VERSION, *parts])


def iterate_strings(value: Any) -> Iterator[str]:
    """Yield all strings in a JSON value or a record; a list of words is one string."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from iterate_strings(item)
    elif isinstance(value, list):
        if len(value) > 1 and all(isinstance(item, str) and not re.search(r"\s", item) for item in value):
            # a sentence of tokens: each alone would be too short to be found
            yield " ".join(value)
        else:
            for item in value:
                yield from iterate_strings(item)


def read_texts(path: Path) -> Iterator[str]:
    """Yield the texts of one file: every string of a record, or a whole text file.

    Raises StageFailure when the file cannot be read.
    """
    try:
        # a header is a row like others: what it says is in no document
        reader = TableReader(SETTING, header=False)
        file_format, suffix = reader.detect_format(path), get_data_suffix(path)
        if file_format == "jsonl":
            yield from _read_json_texts(path, is_certain=suffix in FORMAT_OF_SUFFIX)
        elif file_format == "parquet" or suffix in FORMAT_OF_SUFFIX:
            for row, _ in reader.read_rows(path):
                yield from iterate_strings(row)
            if file_format != "parquet":
                yield from (" ".join(column) for column in split_word_columns(read_data_text(path, SETTING)))
        else:
            yield from split_text_file(read_data_text(path, SETTING))
    except StageFailure as error:
        raise StageFailure(
            f"the evaluation set {path} cannot be read ({error.what})", f"Repair the file, or correct {SETTING}"
        ) from error


def _read_json_texts(path: Path, *, is_certain: bool) -> Iterator[str]:
    try:
        values = [value for value, _ in read_json_values(path, SETTING)]
    except StageFailure:
        if is_certain:
            raise
        # a text may begin with a bracket
        yield from split_text_file(read_data_text(path, SETTING))
    else:
        yield from (text for value in values for text in iterate_strings(value))


def split_text_file(text: str) -> Iterator[str]:
    """Yield a text as it is, and of sentences with tags between their words also the words alone."""
    yield text
    if is_slashed(text):
        yield from (" ".join(SLASHED.sub(r"\g<word>", word) for word in line.split()) for line in text.split("\n"))
    else:
        yield from (" ".join(column) for column in split_word_columns(text))
