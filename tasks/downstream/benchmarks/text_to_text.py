"""Generation of a text from a text: summaries, translations, replies, titles."""

import functools
from pathlib import Path
from typing import Any, Literal

import polars as pl
from pydantic import Field

from tasks.block import Block
from tasks.downstream.benchmarks._data_set_benchmark import DataSetBenchmark
from tasks.downstream.data.data_files import PartitionedFiles, build_table, fingerprint_files
from tasks.downstream.data.task_data import ORIGIN, PARTS, Task
from tasks.downstream.readers.parallel import list_parallel_files, read_parallel_rows
from tasks.downstream.readers.table import TableFormat
from tasks.downstream.task_types.texts import GenerationTask
from tasks.errors import StageFailure

GenerationMetric = Literal["rougeL", "rouge1", "rouge2", "chrf", "bleu"]


class WrittenColumns(Block):
    """The columns of sources and targets: names, or numbers from 0 where the first row contains no names."""

    source: str = "source"
    """the text to read; a list of texts, as of sentences, is joined to one"""
    target: str = "target"
    """the text to write; each text of a list is a reference, and the first one is learnt from"""
    header: bool = True
    """whether the first row of a TSV or CSV file contains the columns' names"""


class WrittenFiles(PartitionedFiles):
    """One data set of source texts and target texts.

    A path with * stands for two files with a text a line, plain or .gz: the columns' names replace the *, so that
    train.*.gz with the columns de and en is train.de.gz and train.en.gz.
    """

    format: TableFormat = "auto"
    """format of the files; auto: by their suffix"""
    columns: WrittenColumns = WrittenColumns()
    """columns of the source and the target"""
    max_test_examples: int = Field(480, ge=1)
    """most examples to score on; every text is generated token by token, by each model and seed"""
    metrics: list[GenerationMetric] = Field(["rougeL", "rouge1"], min_length=1)
    """metrics of the report; models are compared by the first one: rougeL for summaries, chrf for translations"""

    def semantic(self) -> dict[str, Any]:
        """Return the settings with fingerprints of the files, also of parallel ones, in place of their paths."""
        fields = super().semantic()
        names = [self.columns.source, self.columns.target]
        for part in PARTS:
            paths = list_parallel_files(Path(getattr(self, part)), names)
            if "*" in getattr(self, part) and all(path.is_file() for path in paths):
                fields[part] = fingerprint_files(paths)
        return fields


class TextToText(DataSetBenchmark):
    """Write a text for a text, from TSV, CSV, JSONL or Parquet files, or from parallel files of lines."""

    sets: list[WrittenFiles] = Field([])
    """the data sets; none by default"""
    seed: int = 0
    """seed that decides which rows are kept when a part is larger than its limit"""

    def make_task(self, data: WrittenFiles) -> Task:
        """Read the parts of a data set."""
        parts = data.load_parts(functools.partial(_read_part, data), lambda part: part["text"], self.seed)
        about = f"What {data.name} wants written for a text."
        return Task(name=data.name, about=about, kind="texts", names=[], metrics=[*data.metrics], **parts)


def _read_part(files: WrittenFiles, path: Path) -> pl.DataFrame:
    columns = files.columns
    required = [columns.source, columns.target]
    if "*" in str(path):
        table = read_parallel_rows(path, required)
    else:
        table = files.read_rows(path, required, files.format, header=columns.header)
    rows: list[dict[str, Any]] = []
    for row, origin in table:
        # an empty sentence does not change the source, but an empty target would be learnt or scored against
        sentences = [sentence for sentence in _parse_texts(row[columns.source], origin) if sentence]
        targets = _parse_texts(row[columns.target], origin)
        for name, texts in ((columns.source, sentences), (columns.target, targets)):
            if not texts or not all(texts):
                raise StageFailure(f"{origin}: the column {name!r} has an empty text", "Fill it, or take the row out")
        rows.append({"text": " ".join(sentences), "wanted": targets, ORIGIN: origin})
    return build_table(rows, GenerationTask.columns)


def _parse_texts(value: Any, origin: str) -> list[str]:
    texts = value if isinstance(value, list) else [value]
    if not all(isinstance(text, str) for text in texts):
        raise StageFailure(
            f"{origin}: {str(value)[:40]!r} is neither a text nor a list of texts",
            "Correct the row, or name another column",
        )
    return [text.strip() for text in texts]
