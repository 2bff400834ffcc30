"""The texts that models are tested on: which files hold them."""

import csv
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.errors import StageFailure

KINDS = (".jsonl", ".parquet", ".tsv", ".txt")
SETTING = "dedup.decontaminate.sets"


def files_of(path: str) -> list[Path]:
    """The file, or the files below the folder that can be read, sorted. Raises StageFailure when there is none."""
    given = Path(path).expanduser()
    inside = sorted(each for each in given.rglob("*") if each.is_file()) if given.is_dir() else [given]
    found = [each for each in inside if each.suffix in KINDS and each.is_file()]
    if not found:
        what = f"{given} holds no {', '.join(KINDS)}" if given.exists() else f"{given} does not exist"
        raise StageFailure(f"{what}, and it is named as an evaluation set", f"Correct {SETTING}")
    return found


def content_digest(path: str) -> str:
    """What stands in an evaluation set, and not where it lies."""
    hashed = hashlib.blake2b(digest_size=16)
    for file in files_of(path):
        hashed.update(file.suffix.encode() + hashlib.blake2b(file.read_bytes()).digest())
    return hashed.hexdigest()


def strings(value: Any) -> Iterator[str]:
    """All texts in a JSON value or a record."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from strings(each)


def texts_of(path: Path) -> Iterator[str]:
    """The texts of one file: every string of a record, a whole text file. Raises StageFailure when it is torn."""
    try:
        if path.suffix == ".parquet":
            for batch in pq.ParquetFile(path).iter_batches(1_000):
                for record in batch.to_pylist():
                    yield from strings(record)
        elif path.suffix == ".txt":
            yield path.read_text(encoding="utf-8")
        else:
            with path.open(encoding="utf-8", newline="") as lines:
                # a quotation mark in a TSV of sentences is a quotation mark
                rows = csv.reader(lines, "excel-tab", quoting=csv.QUOTE_NONE)
                records = map(json.loads, filter(str.strip, lines)) if path.suffix == ".jsonl" else rows
                for record in records:
                    yield from strings(record)
    except (pa.ArrowInvalid, OSError, UnicodeDecodeError, json.JSONDecodeError, csv.Error) as error:
        raise StageFailure(f"the evaluation set {path} cannot be read ({error})", f"Mend it or {SETTING}") from error
