"""Prediction of texts, zero-shot: bits per byte and perplexity."""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import Field

from tasks.downstream.benchmarks._data_set_benchmark import DataSetBenchmark
from tasks.downstream.data.data_files import ZeroShotFiles, build_table
from tasks.downstream.data.task_data import ORIGIN, Task, limit_rows, make_zero_shot_task
from tasks.downstream.readers import SETTING
from tasks.downstream.readers.column_roles import guess_texts, profile_columns
from tasks.downstream.readers.rejected_rows import RejectedRows
from tasks.downstream.task_types.documents import DocumentLikelihoodTask
from tasks.errors import BadSetting, StageFailure
from tasks.input_files.data_paths import get_data_stem, get_data_suffix, read_data_text
from tasks.input_files.table_reader import TABLE_SUFFIXES

TEXT_SUFFIXES = (".txt", ".text", ".md", ".tokens", ".raw", "")
"""Suffixes of files that hold one text each"""


class TextSet(ZeroShotFiles):
    """One set of texts: files with one text each, or TSV, CSV, JSON or Parquet files with one text a row."""

    suffixes = (*TEXT_SUFFIXES, *TABLE_SUFFIXES)

    text_column: str = ""
    """column of the text, where files are tables; empty: `text`, or guessed by the columns' names and values"""


class LanguageModelling(DataSetBenchmark):
    """Predict texts: bits per byte, and perplexity; of masked models pseudo-perplexity (Salazar et al., 2020)."""

    sets: list[TextSet] = Field([])
    """sets of texts, beside the held-out documents; none by default"""
    heldout: bool = False
    """whether the documents held out of pretraining are scored too"""
    max_texts: int = Field(100, ge=1)
    """most texts of each set"""
    max_chars: int = Field(2000, ge=1)
    """most characters of each text; a masked model reads a text once for every token"""
    seed: int = 0
    """seed that decides which texts are kept when a set has more than its limit"""

    @property
    def from_heldout(self) -> bool:
        """True when it needs the held-out documents."""
        return self.heldout

    def make_other_tasks(self, heldout: pl.DataFrame) -> Iterator[Task]:
        """Yield a task of the held-out documents if asked for."""
        if self.heldout:
            rows = heldout.select("text", pl.lit("heldout").alias("group"), pl.col("url").alias(ORIGIN))
            yield DocumentLikelihoodTask().validate(self._limit_texts("heldout", rows))

    def make_task(self, data: TextSet) -> Task:
        """Read the texts of all files, up to the limits."""
        rows_of_files, left_out = data.read_files(functools.partial(_read_texts, data))
        rows = [row for rows_of_file in rows_of_files for row in rows_of_file]
        return self._limit_texts(data.name, build_table(rows, DocumentLikelihoodTask.columns), left_out)

    def _limit_texts(self, name: str, rows: pl.DataFrame, left_out: str = "") -> Task:
        kept = limit_rows(rows, self.max_texts, self.seed)
        # Cut after the choice, so that the choice does not depend on `max_chars`.
        test = kept.with_columns(pl.col("text").str.head(self.max_chars))
        num_bytes = test["text"].str.len_bytes().sum()
        about = f"How well {len(test):,} texts of {name} are predicted, {num_bytes:,} bytes."
        return make_zero_shot_task(name, about, "documents", test, remarks=left_out)


def _read_texts(texts: TextSet, path: Path, rejected: RejectedRows) -> list[dict[str, Any]]:
    if not texts.dataset.name and get_data_suffix(path) not in TABLE_SUFFIXES:
        try:
            text = read_data_text(path, SETTING, texts.encoding)
        except BadSetting:
            raise
        except StageFailure as error:  # such as a file without a suffix that is no text
            rejected.reject(error)
            return []
        if not text.strip():
            rejected.reject(StageFailure(f"{path}: the text is empty", "Fill it, or take it out"))
            return []
        return [{"text": text, "group": get_data_stem(path), ORIGIN: str(path)}]
    column = texts.text_column or _guess_text_column(texts, path)
    return [
        {"text": str(row[column]), "group": get_data_stem(path), ORIGIN: origin}
        for row, origin in texts.read_rows(path, [column], rejected=rejected)
    ]


def _guess_text_column(texts: TextSet, path: Path) -> str:
    sample = texts.sample_rows(str(path))
    if not sample or "text" in sample[0]:
        return "text"
    return guess_texts(profile_columns(sample), str(path))[0]
