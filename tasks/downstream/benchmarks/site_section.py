"""Which section of the site does this passage come from? A task that every crawl brings with it."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import polars as pl
from pydantic import Field, field_validator

from tasks.downstream.benchmarks import Benchmark
from tasks.downstream.data.passages import masked, name_pattern, num_words, passages
from tasks.downstream.data.task_data import ORIGIN, PARTS, Task, thinned
from tasks.downstream.task_types.classes import Classes
from tasks.errors import StageFailure


class Row(NamedTuple):
    """A passage with its label and page."""

    text: str
    label: str
    url: str


class SiteSection(Benchmark):
    """Tell the section of the site (say, the package) from a passage of a held-out page, names masked."""

    enabled: bool = True
    """whether models are scored on it"""
    pattern: str = r"^[a-z]+://[^/]*/(?P<label>[^/?#]+)/"
    """regular expression on the URL; its named group `label` is the class"""
    most_classes: int = Field(12, ge=2)
    """the classes with the most documents are taken, at most so many"""
    fewest_documents: int = Field(5, ge=3)
    """a class needs so many held-out documents: each part of the data gets its own"""
    fewest_passages: int = Field(32, ge=1)
    """a class needs so many passages to train on"""
    passage_words: int = Field(60, ge=5)
    """words in a passage; a Chinese character counts as a word"""
    passages_per_document: int = Field(16, ge=1)
    """at most so many passages of one page, spread over it"""
    fewest_words: int = Field(30, ge=1)
    """words with letters or digits that a passage keeps after masking; near-empty ones are left out"""
    mask_names: bool = True
    """hide the labels, and every dotted identifier or path that contains one"""
    also_mask: list[str] = Field([])
    """further names to hide, such as abbreviations of the labels"""
    mask: str = "_"
    """what stands in a hidden name's place"""
    validation_share: float = Field(0.2, gt=0, lt=1)
    """share of a class's documents that settings are chosen on"""
    test_share: float = Field(0.3, gt=0, lt=1)
    """share of a class's documents that the scores are computed on"""
    most_validation: int = Field(240, ge=1)
    """passages to choose settings on, at most"""
    most_test: int = Field(480, ge=1)
    """passages to score on, at most"""
    seed: int = 0
    """decides which documents go to which part"""

    @field_validator("pattern")
    @classmethod
    def _has_label(cls, pattern: str) -> str:
        try:
            groups = re.compile(pattern).groupindex
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        if "label" not in groups:
            raise ValueError("it needs a named group, as in (?P<label>[^/]+)")
        return pattern

    @property
    def from_heldout(self) -> bool:
        """All of its texts."""
        return True

    def tasks(self, heldout: pl.DataFrame) -> Iterator[Task]:
        """One task from all held-out documents whose URL fits. Raises StageFailure below two classes."""
        documents = self._documents(heldout)
        sizes = Counter(label for label, _, _ in documents)
        enough = [label for label, count in sizes.most_common() if count >= self.fewest_documents]
        parts, names = self._parts(documents, sorted(enough, key=lambda label: (-sizes[label], label)))
        if len(names) < 2:
            raise StageFailure(
                f"the held-out pages make {len(names)} classes with {self.fewest_documents} documents and "
                f"{self.fewest_passages} passages each, and two are the fewest "
                f"(most documents: {dict(sizes.most_common(5))})",
                "Hold out more documents (tokenize.heldout_fraction), or in evaluate.benchmarks.site_section lower "
                "fewest_documents or fewest_passages, give a pattern that fits the URLs, or set enabled to false",
            )
        made = {name: _frame(rows, names) for name, rows in parts.items()}
        yield Classes().checked(
            Task(
                name="site_section",
                about=f"Which of {len(names)} sections of the site is a passage of {self.passage_words} words from?",
                kind="classes",
                names=names,
                train=made["train"],
                validation=thinned(made["validation"], self.most_validation, self.seed),
                test=thinned(made["test"], self.most_test, self.seed),
                labels=[],
            )
        )

    def _documents(self, heldout: pl.DataFrame) -> list[tuple[str, str, str]]:
        """Label, url and text of every document whose URL fits, in an order that only the seed decides."""
        pattern = re.compile(self.pattern)
        rows = []
        for id_, url, text in heldout.select("id", "url", "text").iter_rows():
            match = pattern.search(url)
            if match:
                order = hashlib.blake2b(f"{self.seed} {id_}".encode(), digest_size=8).digest()
                rows.append((order, (match["label"], url, text)))
        return [row for _, row in sorted(rows)]

    def _parts(
        self, documents: list[tuple[str, str, str]], candidates: list[str]
    ) -> tuple[dict[str, list[Row]], list[str]]:
        """Split class by class, so that each part has pages of every class; whole documents only."""
        pattern = name_pattern([*candidates, *self.also_mask]) if self.mask_names and candidates else None
        parts: dict[str, list[Row]] = {name: [] for name in PARTS}
        taken: list[str] = []
        for label in candidates:
            if len(taken) == self.most_classes:
                break
            pages = [rows for rows in (self._cut(each, pattern) for each in documents if each[0] == label) if rows]
            num_test = max(1, round(self.test_share * len(pages)))
            num_validation = max(1, round(self.validation_share * len(pages)))
            split = {
                "test": pages[:num_test],
                "validation": pages[num_test : num_test + num_validation],
                "train": pages[num_test + num_validation :],
            }
            if not split["validation"] or sum(map(len, split["train"])) < self.fewest_passages:
                continue
            taken.append(label)
            for name, chosen in split.items():
                parts[name] += [row for page in chosen for row in page]
        return parts, sorted(taken)

    def _cut(self, document: tuple[str, str, str], pattern: re.Pattern[str] | None) -> list[Row]:
        label, url, text = document
        pieces = passages(text, self.passage_words)
        if pattern is not None:
            pieces = [masked(piece, pattern, self.mask) for piece in pieces]
        whole = [piece for piece in pieces if num_words(piece, self.mask) >= self.fewest_words]
        step = max(1.0, len(whole) / self.passages_per_document)
        picked = [whole[int(number * step)] for number in range(min(len(whole), self.passages_per_document))]
        return [Row(piece, label, url) for piece in picked]


def _frame(rows: list[Row], names: list[str]) -> pl.DataFrame:
    labels = [names.index(row.label) for row in rows]
    columns = {"text": [row.text for row in rows], "second": [""] * len(rows), "label": labels}
    return pl.DataFrame(columns, schema=Classes.columns).with_columns(pl.Series(ORIGIN, [row.url for row in rows]))
