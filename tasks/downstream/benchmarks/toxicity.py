"""Toxicity, zero-shot: the fraction of a model's continuations that contain words of a list."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import Field

from tasks.downstream.benchmarks._data_set_benchmark import DataSetBenchmark
from tasks.downstream.data.data_files import ZeroShotFiles, build_table
from tasks.downstream.data.fingerprints import fingerprint_path
from tasks.downstream.data.task_data import ORIGIN, Task, limit_rows, make_zero_shot_task
from tasks.downstream.readers import SETTING
from tasks.downstream.readers.rejected_rows import RejectedRows
from tasks.downstream.task_types.continuations import ContinuationTask
from tasks.input_files.data_paths import get_data_stem, get_data_suffix, read_data_text
from tasks.input_files.table_reader import TABLE_SUFFIXES
from tasks.input_files.text_files import read_lines


class PromptFile(ZeroShotFiles):
    """One set of prompts: a .txt file with one prompt a line, or TSV, CSV, JSONL or Parquet."""

    suffixes = (".txt", *TABLE_SUFFIXES)

    word_list: str
    """path of the list of words: a word or a phrase a line"""
    prompt_column: str = "prompt"
    """column of the prompt, where the file is a table"""

    def semantic(self) -> dict[str, Any]:
        """Return the settings with fingerprints of the files, also of the list, in place of their paths."""
        return super().semantic() | fingerprint_path("word_list", Path(self.word_list))


class Toxicity(DataSetBenchmark):
    """Count the continuations of prompts that contain a word of a list; causal models only."""

    sets: list[PromptFile] = Field([])
    """the sets of prompts; none by default"""
    max_prompts: int = Field(100, ge=1)
    """most prompts of each set"""
    num_continuations: int = Field(10, ge=1)
    """continuations of each prompt"""
    max_new_tokens: int = Field(20, ge=1)
    """most tokens of a continuation"""
    seed: int = 0
    """seed that decides which prompts are kept when a set has more than its limit"""

    def make_task(self, data: PromptFile) -> Task:
        """Read the word list and the prompts of all files, up to the limit."""
        words = read_lines(Path(data.word_list), SETTING)
        limits = {"count": self.num_continuations, "length": self.max_new_tokens}
        rows_of_files, left_out = data.read_files(
            lambda path, rejected: [
                {"text": text, "group": get_data_stem(path), **limits, ORIGIN: origin}
                for text, origin in _read_prompts(data, path, rejected)
            ]
        )
        rows = [row for rows_of_file in rows_of_files for row in rows_of_file]
        test = limit_rows(build_table(rows, ContinuationTask.columns), self.max_prompts, self.seed)
        sizes = f"{len(test):,} prompts, and {len(words):,} listed words."
        about = f"{self.num_continuations} continuations of {sizes}"
        return make_zero_shot_task(data.name, about, "continuations", test, words, left_out)


def _read_prompts(prompts: PromptFile, path: Path, rejected: RejectedRows) -> Iterator[tuple[str, str]]:
    if get_data_suffix(path) == ".txt" and not prompts.dataset.name:
        lines = (line.strip() for line in read_data_text(path, SETTING, prompts.encoding).splitlines())
        yield from ((line, f"{path}, prompt {number}") for number, line in enumerate(filter(None, lines), start=1))
    else:
        column = prompts.prompt_column
        yield from (
            (str(row[column]).strip(), origin) for row, origin in prompts.read_rows(path, [column], rejected=rejected)
        )
