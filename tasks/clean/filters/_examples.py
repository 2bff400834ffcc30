"""Folders of example texts, given by the user."""

from pathlib import Path

import polars as pl

from tasks.clean.filters._lists import list_files
from tasks.clean.whitespace import tidy_text
from tasks.errors import StageFailure
from tasks.runtime.parquet_files import read_parquet

MIN_EXAMPLES = 20  # of either class: with fewer, a classifier learns the examples and not the class
PLAIN_SUFFIXES, TABLE_SUFFIXES = (".txt", ".md", ".text"), (".jsonl", ".ndjson", ".parquet")


def load_examples(path: str, setting: str) -> pl.Series:
    """Return the different texts below a folder, sorted: one for a plain file, one for a row of JSONL and Parquet.

    Raises StageFailure when there are fewer than MIN_EXAMPLES; `setting` is named in its hint.
    """
    texts = [text for file in list_files(path, setting) for text in read_texts(file)]
    series = pl.Series("text", [tidy_text(text) for text in texts], dtype=pl.String).unique().sort()
    series = series.filter(series.str.len_bytes() > 0)
    if len(series) < MIN_EXAMPLES:
        kinds = ", ".join(PLAIN_SUFFIXES + TABLE_SUFFIXES)
        raise StageFailure(
            f"{path} has only {len(series)} different examples",
            f"Put at least {MIN_EXAMPLES} there ({kinds}), see {setting}",
        )
    return series


def read_texts(file: Path) -> list[str]:
    """Read the texts of one file; a file of an unknown type has none. Raises StageFailure."""
    try:
        if file.suffix.lower() in PLAIN_SUFFIXES:
            return [file.read_text(encoding="utf-8-sig")]
        if file.suffix.lower() not in TABLE_SUFFIXES:
            return []
        frame = read_parquet(file) if file.suffix.lower() == ".parquet" else pl.read_ndjson(file.read_bytes())
        return frame["text"].cast(pl.String).drop_nulls().to_list()
    except (UnicodeDecodeError, pl.exceptions.PolarsError) as error:
        raise StageFailure(
            f"cannot read example texts from {file}: {error}", "Fix the file, or remove it from the folder"
        ) from error
