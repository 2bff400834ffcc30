"""Parquet files by their literal path: Polars takes `[`, `*` and `?` for a pattern, and `year=2026/` for a column.

Every read goes through these two functions; tests/test_architecture.py says so.
"""

from collections.abc import Iterable
from pathlib import Path

import polars as pl


def read_parquet(path: Path, columns: list[str] | None = None) -> pl.DataFrame:
    """Read a Parquet file, or some of its columns."""
    return pl.read_parquet(path, columns=columns, glob=False, hive_partitioning=False)


def scan_parquet(paths: Path | Iterable[Path]) -> pl.LazyFrame:
    """Return the rows of one or more Parquet files, to be read when they are collected."""
    sources = [paths] if isinstance(paths, Path) else list(paths)
    return pl.scan_parquet(sources, glob=False, hive_partitioning=False)
