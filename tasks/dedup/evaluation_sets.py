"""Evaluation sets: the texts that models are tested on, read from the files that the settings name."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.errors import StageFailure
from tasks.runtime.content_digest import combine_digests, hash_files_cached

SUFFIXES = (".jsonl", ".parquet", ".tsv", ".txt")
SETTING = "dedup.decontaminate.sets"


def list_files(path: str) -> list[Path]:
    """List the file, or the readable files below the folder, sorted. Raises StageFailure when there is none."""
    root = Path(path).expanduser()
    candidates = sorted(file for file in root.rglob("*") if file.is_file()) if root.is_dir() else [root]
    files = [file for file in candidates if file.suffix in SUFFIXES and file.is_file()]
    if not files:
        problem = f"{root} holds no {', '.join(SUFFIXES)}" if root.exists() else f"{root} does not exist"
        raise StageFailure(f"{problem}, and it is named as an evaluation set", f"Correct {SETTING}")
    return files


def digest_evaluation_set(path: str) -> str:
    """Return a digest of the content of an evaluation set, wherever it lies."""
    files = list_files(path)
    digests = hash_files_cached(files, "blake2b-512")
    return combine_digests(file.suffix.encode() + digest for file, digest in zip(files, digests, strict=True))


def iterate_strings(value: Any) -> Iterator[str]:
    """Yield all strings in a JSON value or a record."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from iterate_strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from iterate_strings(item)


def read_texts(path: Path) -> Iterator[str]:
    """Yield the texts of one file: every string of a record, or a whole text file.

    Raises StageFailure when the file cannot be read.
    """
    try:
        if path.suffix == ".parquet":
            for batch in pq.ParquetFile(path).iter_batches(1_000):
                for record in batch.to_pylist():
                    yield from iterate_strings(record)
        elif path.suffix == ".txt":
            yield path.read_text(encoding="utf-8")
        else:
            with path.open(encoding="utf-8", newline="") as lines:
                # QUOTE_NONE: a quotation mark in a TSV of sentences is part of the sentence
                rows = csv.reader(lines, "excel-tab", quoting=csv.QUOTE_NONE)
                records = map(json.loads, filter(str.strip, lines)) if path.suffix == ".jsonl" else rows
                for record in records:
                    yield from iterate_strings(record)
    except (pa.ArrowInvalid, OSError, UnicodeDecodeError, json.JSONDecodeError, csv.Error) as error:
        raise StageFailure(
            f"the evaluation set {path} cannot be read ({error})", f"Repair the file, or correct {SETTING}"
        ) from error
