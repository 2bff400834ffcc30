"""Evaluation sets: the texts that models are tested on, read from the files that the settings name.

They are read as evaluation reads them: packed, in archives, in any encoding, JSON in any layout.
"""

import csv
import io
import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.errors import StageFailure
from tasks.input_files.data_paths import (
    get_data_suffix,
    is_data_file,
    is_data_folder,
    list_data_files,
    read_data_bytes,
    read_data_text,
    resolve_real_file,
)
from tasks.input_files.json_objects import read_json_values
from tasks.runtime.content_digest import combine_digests, hash_files_cached

JSON_SUFFIXES = (".jsonl", ".json", ".ndjson")
TEXT_SUFFIXES = (".txt", ".conll", ".ann")
SUFFIXES = (*JSON_SUFFIXES, ".parquet", ".tsv", ".csv", *TEXT_SUFFIXES)
SETTING = "dedup.decontaminate.sets"

log = logging.getLogger("textmill.dedup")


def list_files(path: str) -> list[Path]:
    """List the file, or the readable files below the folder or in the archive, sorted.

    Raises StageFailure when there is none. Files of other kinds are told in the log.
    """
    root = Path(path).expanduser()
    candidates = list_data_files(root) if is_data_folder(root) else [root] if is_data_file(root) else []
    files = [file for file in candidates if get_data_suffix(file) in SUFFIXES]
    if not files:
        problem = f"{root} holds no {', '.join(SUFFIXES)}" if candidates or root.exists() else f"{root} does not exist"
        raise StageFailure(f"{problem}, and it is named as an evaluation set", f"Correct {SETTING}")
    if len(files) < len(candidates):
        counts = Counter(get_data_suffix(file) or "no suffix" for file in candidates if file not in set(files))
        kinds = ", ".join(f"{kind} {count:,}" for kind, count in counts.most_common(6))
        log.warning(
            "%s: %d of %d files are of a kind that is not read: %s", root, counts.total(), len(candidates), kinds
        )
    return files


def digest_evaluation_set(path: str) -> str:
    """Return a digest of the content of an evaluation set, wherever it lies."""
    files = list_files(path)
    locations = [resolve_real_file(file) for file in files]
    real_files = list(dict.fromkeys(file for file, _ in locations))
    digests = dict(zip(real_files, hash_files_cached(real_files, "blake2b-512"), strict=True))
    return combine_digests(
        f"{file.suffix}{name}".encode() + digests[real_file]
        for file, (real_file, name) in zip(files, locations, strict=True)
    )


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
    suffix = get_data_suffix(path)
    try:
        if suffix == ".parquet":
            for batch in pq.ParquetFile(io.BytesIO(read_data_bytes(path, SETTING))).iter_batches(1_000):
                for record in batch.to_pylist():
                    yield from iterate_strings(record)
        elif suffix in JSON_SUFFIXES:
            for value, _ in read_json_values(path, SETTING):
                yield from iterate_strings(value)
        elif suffix in TEXT_SUFFIXES:
            yield read_data_text(path, SETTING)
        else:
            lines = io.StringIO(read_data_text(path, SETTING), newline="")
            # QUOTE_NONE: a quotation mark in a TSV of sentences is part of the sentence
            is_tsv = suffix == ".tsv"
            csv.field_size_limit(1 << 30)
            for record in csv.reader(
                lines, "excel-tab" if is_tsv else "excel", quoting=csv.QUOTE_NONE if is_tsv else csv.QUOTE_MINIMAL
            ):
                yield from iterate_strings(record)
    except (pa.ArrowInvalid, OSError, csv.Error) as error:
        raise StageFailure(
            f"the evaluation set {path} cannot be read ({error})", f"Repair the file, or correct {SETTING}"
        ) from error
    except StageFailure as error:
        raise StageFailure(
            f"the evaluation set {path} cannot be read ({error.what})", f"Repair the file, or correct {SETTING}"
        ) from error
