"""Folders of example texts."""

from pathlib import Path

import polars as pl

from tasks.clean.filters._lists import files_of
from tasks.clean.whitespace import tidy
from tasks.errors import StageFailure

FEWEST = 20  # of either kind: with fewer, a classifier learns the examples and not the kind
PLAIN, ROWS = (".txt", ".md", ".text"), (".jsonl", ".ndjson", ".parquet")


def examples(path: str, setting: str) -> pl.Series:
    """The texts below a folder: a plain file is one, a row of JSONL and Parquet too (column `text`); each text once.

    Raises StageFailure when there are fewer than FEWEST.
    """
    found = [text for file in files_of(path, setting) for text in texts_of(file)]
    series = pl.Series("text", [tidy(text) for text in found], dtype=pl.String).unique().sort()
    series = series.filter(series.str.len_bytes() > 0)
    if len(series) < FEWEST:
        kinds = ", ".join(PLAIN + ROWS)
        raise StageFailure(
            f"{path} holds {len(series)} different examples", f"Put at least {FEWEST} there ({kinds}), see {setting}"
        )
    return series


def texts_of(file: Path) -> list[str]:
    """The texts of one file, none of an unknown kind. Raises StageFailure."""
    try:
        if file.suffix.lower() in PLAIN:
            return [file.read_text(encoding="utf-8-sig")]
        if file.suffix.lower() not in ROWS:
            return []
        frame = pl.read_parquet(file) if file.suffix.lower() == ".parquet" else pl.read_ndjson(file)
        return frame["text"].cast(pl.String).drop_nulls().to_list()
    except (UnicodeDecodeError, pl.exceptions.PolarsError) as error:
        raise StageFailure(
            f"{file} gives no example texts: {error}", "Mend it, or take it out of the folder"
        ) from error
