"""Classification of passages by the section of the site that they are from: a task that every crawl provides."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import polars as pl
from pydantic import Field, field_validator

from tasks.downstream.benchmarks import Benchmark
from tasks.downstream.data.passages import compile_name_pattern, count_words, mask_names, split_passages
from tasks.downstream.data.task_data import ORIGIN, PARTS, Task, limit_rows
from tasks.downstream.task_types.classes import ClassificationTask
from tasks.errors import StageFailure


class LabelledPassage(NamedTuple):
    """A passage with its label and the URL of its page."""

    text: str
    label: str
    url: str


class LabelledPage(NamedTuple):
    """A held-out document with its label."""

    label: str
    url: str
    text: str


class SiteSection(Benchmark):
    """Tell the section of the site (say, the package) from a passage of a held-out page, names masked."""

    enabled: bool = True
    """whether models are scored on it"""
    url_pattern: str = r"^[a-z]+://[^/]*/(?P<label>[^/?#]+)/"
    """regular expression on the URL; its named group `label` is the class"""
    max_classes: int = Field(12, ge=2)
    """most classes; those with the most documents are taken"""
    min_documents_per_class: int = Field(5, ge=3)
    """fewest held-out documents of a class: each part of the data gets its own"""
    min_passages_per_class: int = Field(32, ge=1)
    """fewest training passages of a class"""
    passage_words: int = Field(60, ge=5)
    """words in a passage; a Chinese character counts as a word"""
    max_passages_per_document: int = Field(16, ge=1)
    """most passages of one page, spread over it"""
    min_words: int = Field(30, ge=1)
    """fewest words with letters or digits that a passage has after masking; passages with fewer are left out"""
    mask_names: bool = True
    """whether to mask the labels, and every dotted identifier or path that contains one"""
    also_mask: list[str] = Field([])
    """further names to mask, such as abbreviations of the labels"""
    mask: str = "_"
    """text that replaces a masked name"""
    validation_fraction: float = Field(0.2, gt=0, lt=1)
    """fraction of a class's documents that hyperparameters are chosen on"""
    test_fraction: float = Field(0.3, gt=0, lt=1)
    """fraction of a class's documents that scores are computed on"""
    max_validation_examples: int = Field(240, ge=1)
    """most passages to choose hyperparameters on"""
    max_test_examples: int = Field(480, ge=1)
    """most passages to score on"""
    seed: int = 0
    """seed that decides which documents go to which part"""

    @field_validator("url_pattern")
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
        """Always true: all texts are from held-out documents."""
        return True

    def make_tasks(self, heldout: pl.DataFrame) -> Iterator[Task]:
        """Yield one task of all held-out documents whose URL matches. Raises StageFailure below two classes."""
        pages = self._label_pages(heldout)
        page_counts = Counter(page.label for page in pages)
        candidates = [label for label, count in page_counts.most_common() if count >= self.min_documents_per_class]
        # the largest class first; of equally large ones the order must not depend on the order of the documents
        candidates.sort(key=lambda label: (-page_counts[label], label))
        parts, names = self._split_passages(pages, candidates)
        if len(names) < 2:
            raise StageFailure(
                f"the held-out pages make {len(names)} classes with {self.min_documents_per_class} documents and "
                f"{self.min_passages_per_class} passages each, and two classes are needed "
                f"(most documents: {dict(page_counts.most_common(5))})",
                "Hold out more documents (tokenize.heldout_fraction), or in evaluate.benchmarks.site_section lower "
                "min_documents_per_class or min_passages_per_class, or give a url_pattern that fits the URLs, or score "
                "the held-out documents without classes: --set evaluate.benchmarks.site_section.enabled=false "
                "--set evaluate.benchmarks.language_modelling.heldout=true",
            )
        tables = {name: _build_part(passages, names) for name, passages in parts.items()}
        yield ClassificationTask().validate(
            Task(
                name="site_section",
                about=f"Which of {len(names)} sections of the site is a passage of {self.passage_words} words from?",
                kind="classes",
                names=names,
                train=tables["train"],
                validation=limit_rows(tables["validation"], self.max_validation_examples, self.seed),
                test=limit_rows(tables["test"], self.max_test_examples, self.seed),
                labels=[],
            )
        )

    def _label_pages(self, heldout: pl.DataFrame) -> list[LabelledPage]:
        """Return every document whose URL matches, in an order that depends on the seed only."""
        pattern = re.compile(self.url_pattern)
        keyed_pages = []
        for document_id, url, text in heldout.select("id", "url", "text").iter_rows():
            match = pattern.search(url)
            if match:
                # By hash of the id: new documents do not change the order of the others.
                key = hashlib.blake2b(f"{self.seed} {document_id}".encode(), digest_size=8).digest()
                keyed_pages.append((key, LabelledPage(match["label"], url, text)))
        return [page for _, page in sorted(keyed_pages)]

    def _split_passages(
        self, pages: list[LabelledPage], candidates: list[str]
    ) -> tuple[dict[str, list[LabelledPassage]], list[str]]:
        """Return the passages of each part and the classes: each part has pages of every class, whole pages only."""
        # The names of all candidates: which of them become classes is known only after masking.
        pattern = compile_name_pattern([*candidates, *self.also_mask]) if self.mask_names and candidates else None
        parts: dict[str, list[LabelledPassage]] = {name: [] for name in PARTS}
        classes: list[str] = []
        for label in candidates:
            if len(classes) == self.max_classes:
                break
            passages_of_pages = (self._cut_page(page, pattern) for page in pages if page.label == label)
            class_pages = [passages for passages in passages_of_pages if passages]
            # pages are in random order, so the first ones are a random choice
            num_test = max(1, round(self.test_fraction * len(class_pages)))
            num_validation = max(1, round(self.validation_fraction * len(class_pages)))
            split = {
                "test": class_pages[:num_test],
                "validation": class_pages[num_test : num_test + num_validation],
                "train": class_pages[num_test + num_validation :],
            }
            # a class that is too small is left out, and the next candidate may take its place
            if not split["validation"] or sum(map(len, split["train"])) < self.min_passages_per_class:
                continue
            classes.append(label)
            for name, split_pages in split.items():
                parts[name] += [passage for page in split_pages for passage in page]
        return parts, sorted(classes)

    def _cut_page(self, page: LabelledPage, pattern: re.Pattern[str] | None) -> list[LabelledPassage]:
        texts = split_passages(page.text, self.passage_words)
        if pattern is not None:
            texts = [mask_names(text, pattern, self.mask) for text in texts]
        texts = [text for text in texts if count_words(text, self.mask) >= self.min_words]
        # evenly spaced, so that a long page is not represented by its beginning
        step = max(1.0, len(texts) / self.max_passages_per_document)
        picked = [texts[int(number * step)] for number in range(min(len(texts), self.max_passages_per_document))]
        return [LabelledPassage(text, page.label, page.url) for text in picked]


def _build_part(passages: list[LabelledPassage], names: list[str]) -> pl.DataFrame:
    labels = [names.index(passage.label) for passage in passages]
    columns = {"text": [passage.text for passage in passages], "second": [""] * len(passages), "label": labels}
    table = pl.DataFrame(columns, schema=ClassificationTask.columns)
    return table.with_columns(pl.Series(ORIGIN, [passage.url for passage in passages]))
