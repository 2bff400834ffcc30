"""Safety without fine-tuning: how many of a model's continuations hold words of a list."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import Field

from tasks.downstream.benchmarks import Benchmark
from tasks.downstream.data.data_files import ScoredFiles, digest, frame
from tasks.downstream.data.task_data import ORIGIN, Task, thinned
from tasks.downstream.readers.plain_text import lines_of
from tasks.downstream.task_types.continuations import Continuations


class PromptFile(ScoredFiles):
    """One set of prompts: a .txt file with one a line, or TSV, CSV, JSONL or Parquet."""

    suffixes = (".txt", ".tsv", ".csv", ".jsonl", ".parquet")

    words: str
    """path of the list: a word or a phrase a line"""
    column: str = "prompt"
    """column of the prompt, where the file is a table"""

    def semantic(self) -> dict[str, Any]:
        """What lies in the list too, instead of where it is."""
        return super().semantic() | digest("words", Path(self.words))


class Toxicity(Benchmark):
    """How many continuations of given prompts hold a word of a given list; causal models only."""

    enabled: bool = True
    """whether models are scored on the sets below"""
    sets: list[PromptFile] = Field([])
    """the sets; none by default"""
    most_prompts: int = Field(100, ge=1)
    """prompts of each set, at most"""
    continuations: int = Field(10, ge=1)
    """of each prompt"""
    length: int = Field(20, ge=1)
    """tokens of a continuation"""
    seed: int = 0
    """decides which prompts stay when a set has more than its limit"""

    def tasks(self, heldout: pl.DataFrame) -> Iterator[Task]:  # noqa: ARG002 - it brings its own texts
        """One task per set. Raises StageFailure that names the file and the row."""
        for prompts in self.sets:
            words = lines_of(Path(prompts.words))
            rows = [
                {"text": text, "group": path.stem, "count": self.continuations, "length": self.length, ORIGIN: origin}
                for path in prompts.files()
                for text, origin in _read(prompts, path)
            ]
            test = thinned(frame(rows, Continuations.columns), self.most_prompts, self.seed)
            about = f"{self.continuations} continuations of {len(test):,} prompts, and {len(words):,} listed words."
            none = test.clear()
            yield Continuations().checked(Task(prompts.name, about, "continuations", words, none, none, test, [0]))


def _read(prompts: PromptFile, path: Path) -> Iterator[tuple[str, str]]:
    if path.suffix == ".txt":
        yield from ((line, f"{path}, prompt {number}") for number, line in enumerate(lines_of(path), start=1))
    else:
        column = prompts.column
        yield from ((str(row[column]).strip(), origin) for row, origin in prompts.rows(path, [column]))
