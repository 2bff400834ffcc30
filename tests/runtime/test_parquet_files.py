"""Parquet files in folders whose names look like patterns or columns."""

from pathlib import Path

import polars as pl
import pytest

from tasks.runtime.parquet_files import read_parquet, scan_parquet

NAMES = ["a [v2]", "a*b", "a?b", "{a,b}", "a%20b", "a#b", "a'b\"c", "ü 中", "year=2026", "~x", "s3:", "a\\b"]


@pytest.mark.parametrize("name", NAMES)
def test_a_path_is_taken_literally(tmp_path: Path, name: str) -> None:
    for folder, value in ((name, 1), ("a b", 2), ("axb", 3), ("a", 4)):
        (tmp_path / folder).mkdir(exist_ok=True)
        pl.DataFrame({"x": [value], "y": ["z"]}).write_parquet(tmp_path / folder / "f.parquet")
    path = tmp_path / name / "f.parquet"
    assert read_parquet(path).to_dicts() == [{"x": 1, "y": "z"}]
    assert read_parquet(path, columns=["y"]).to_dicts() == [{"y": "z"}]
    assert scan_parquet(path).collect().to_dicts() == [{"x": 1, "y": "z"}]
    assert scan_parquet([path, path]).collect().height == 2
