"""Generation of a text from a text: summaries, translations, replies, titles."""

import functools
from pathlib import Path
from typing import Any, Literal, Self, cast

import polars as pl
from pydantic import Field

from tasks.block import Block
from tasks.downstream.benchmarks._data_set_benchmark import DataSetBenchmark
from tasks.downstream.data.data_files import PartitionedFiles, build_table, name_setting
from tasks.downstream.data.fingerprints import fingerprint_files
from tasks.downstream.data.task_data import ORIGIN, PARTS, Task
from tasks.downstream.readers.column_roles import guess_source_and_target
from tasks.downstream.readers.dialogues import is_dialogue_file, read_dialogue_pairs
from tasks.downstream.readers.rejected_rows import RejectedRows
from tasks.downstream.task_types.texts import GenerationTask
from tasks.errors import BadSetting, StageFailure
from tasks.input_files.data_paths import get_data_suffix, is_data_file, is_data_folder
from tasks.input_files.parallel_files import is_parallel_pattern, list_parallel_files
from tasks.input_files.table_reader import TableFormat

NOT_DIALOGUES = (".tsv", ".csv", ".parquet")
"""Suffixes of tables, which hold no turns"""
GenerationMetric = Literal["rougeL", "rouge1", "rouge2", "chrf", "bleu"]


class WrittenColumns(Block):
    """The columns of sources and targets: names, or numbers from 0 where the first row contains no names."""

    source: str = ""
    """the text to read; a list of texts, as of sentences, is joined to one; empty: by its usual names"""
    target: str = ""
    """the text to write; each text of a list is a reference, and the first one is learnt from; empty: by its usual
    names"""
    header: bool | None = None
    """whether the first row of a TSV or CSV file contains the columns' names; null: guessed"""


class DialogueTurns(Block):
    """The turns of a dialogue that make a pair of source and target."""

    context: int = Field(3, ge=1)
    """turns before the reply that the source contains, at most"""
    separator: str = "\n"
    """text between two turns of the source"""
    speaker: str = ""
    """who says the replies, as the file calls it, such as SYSTEM; empty: everyone"""


class WrittenFiles(PartitionedFiles):
    """One data set of source texts and target texts.

    A path with * stands for two files with a text a line, plain or .gz: the columns' names replace the *, so that
    train.*.gz with the columns de and en is train.de.gz and train.en.gz.
    """

    format: Literal["auto", "tsv", "csv", "jsonl", "parquet", "dialogues"] = "auto"
    """format of the files; dialogues: each turn is a target, and the turns before it are its source; auto: by the
    suffix and the content"""
    columns: WrittenColumns = WrittenColumns()
    """columns of the source and the target"""
    turns: DialogueTurns = DialogueTurns()
    """how dialogues become pairs"""
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
            if is_parallel_pattern(Path(getattr(self, part))) and all(map(is_data_file, paths)):
                fields[part] = fingerprint_files(paths)
        return fields

    def guess_columns(self) -> Self:
        """Return these settings with the columns that were guessed from the training file filled in.

        Raises BadSetting where it is not clear which column is meant.
        """
        columns, path = self.columns, Path(self.train)
        if is_parallel_pattern(path) or self.format == "dialogues":
            if not columns.source and self.format != "dialogues":
                raise BadSetting(f"{self.train} stands for two files", "Set columns.source and columns.target")
            return self
        if self.format == "auto" and not self.dataset.name and not (columns.source or columns.target):
            is_text = is_data_folder(path) or (is_data_file(path) and get_data_suffix(path) not in NOT_DIALOGUES)
            if is_text and is_dialogue_file(path, self.encoding):
                return self.model_copy(update={"format": "dialogues"})
        file_format = cast("TableFormat", self.format)
        header = columns.header
        if header is None and not self.dataset.name:
            header = self.make_table_reader(file_format).guess_header(path, (columns.source, columns.target))
        if not (columns.source and columns.target):
            source, target = guess_source_and_target(self.sample_rows(self.train, file_format, header), self.train)
            columns = WrittenColumns(source=columns.source or source, target=columns.target or target)
        return self.model_copy(update={"columns": columns.model_copy(update={"header": header})})


class TextToText(DataSetBenchmark):
    """Write a text for a text, from TSV, CSV, JSONL or Parquet files, or from parallel files of lines."""

    sets: list[WrittenFiles] = Field([])
    """the data sets; none by default"""
    seed: int = 0
    """seed that decides which rows are kept when a part is larger than its limit"""

    def make_task(self, data: WrittenFiles) -> Task:
        """Read the parts of a data set."""
        rejected = data.make_rejected_rows()
        with name_setting("train"):
            data = data.guess_columns()
        read = functools.partial(_read_part, data, rejected)
        parts = data.load_parts(read, lambda part: part["text"], self.seed, rejected)
        about = f"What {data.name} wants written for a text."
        remarks, metrics = rejected.describe("rows"), [*map(str, data.metrics)]
        return Task(data.name, about, "texts", [], metrics=metrics, remarks=remarks, **parts)


def _read_part(files: WrittenFiles, rejected: RejectedRows, path: Path) -> pl.DataFrame:
    rows: list[dict[str, Any]] = []
    if files.format == "dialogues":
        turns = files.turns
        for pair in read_dialogue_pairs(path, turns.context, turns.separator, turns.speaker, files.encoding):
            if isinstance(pair, StageFailure):
                rejected.reject(pair)
            else:
                rows.append({"text": pair.source, "wanted": [pair.target], ORIGIN: pair.origin})
        return build_table(rows, GenerationTask.columns)
    columns, file_format = files.columns, cast("TableFormat", files.format)
    required = [columns.source, columns.target]
    for row, origin in files.read_rows(path, required, file_format, header=columns.header, rejected=rejected):
        try:
            # an empty sentence does not change the source, but an empty target would be learnt or scored against
            sentences = [sentence for sentence in _parse_texts(row[columns.source], origin) if sentence]
            targets = _parse_texts(row[columns.target], origin)
        except StageFailure as error:
            rejected.reject(error)
            continue
        empty = next(
            (
                name
                for name, texts in ((columns.source, sentences), (columns.target, targets))
                if not texts or not all(texts)
            ),
            "",
        )
        if empty:
            problem = StageFailure(f"{origin}: the column {empty!r} has an empty text", "Fill it, or take the row out")
            rejected.reject(problem)
        else:
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
