"""Altered copies of labelled texts, made once for a task: only of the texts that some fit gets the labels of."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tasks.downstream.data.task_data import Task, hash_text
from tasks.downstream.finetuning.back_translation import BackTranslation
from tasks.downstream.finetuning.split_examples import ROW, number_rows
from tasks.downstream.finetuning.word_operations import WordOperations
from tasks.downstream.models.one_thread import use_one_thread
from tasks.downstream.settings.augmentation import Augmentation
from tasks.downstream.task_types import load_task_type
from tasks.runtime.parquet_files import read_parquet

TEXT_COLUMNS = ("text", "second")
SHARD_TEXTS = 512  # the models for back-translation are opened once a shard


def find_sampled_rows(task: Task, label_counts: Sequence[int], seeds: Sequence[int]) -> list[int]:
    """Return the rows of the training examples that any fit with these label counts and seeds is trained on."""
    pool, kind = number_rows(task), load_task_type(task)
    # Sampling is a function of task, count and seed, so the rows are known before any fit.
    samples = [kind.sample(pool, labels, seed)[ROW] for labels in label_counts for seed in seeds]
    return sorted({row for sample in samples for row in sample})


def write_copies(out: Path, data: Path, settings: Augmentation, rows: list[int]) -> dict[str, Any]:
    """Write copies of these training examples into a file beside the task's. A shard of the evaluation."""
    with use_one_thread():
        copies = make_copies(number_rows(Task.load(data)).train[rows], settings)
    path = out / data.parent.name / f"{data.stem}-copies-{rows[0]}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    copies.write_parquet(path)
    return {"texts": len(rows), "copies": len(copies)}


def read_copies(data: Path, sample: pl.DataFrame) -> pl.DataFrame:
    """Read the copies of a sample's examples, in the order of the sample."""
    files = [path for path in sorted(data.parent.iterdir()) if path.name.startswith(f"{data.stem}-copies-")]
    copies = pl.concat([read_parquet(path) for path in files])
    # A left join keeps rows without a copy, with nulls, which are dropped next.
    sampled = sample.select(ROW).join(copies, on=ROW, how="left", maintain_order="left")
    return sampled.drop_nulls("text")[copies.columns]


def make_copies(examples: pl.DataFrame, settings: Augmentation) -> pl.DataFrame:
    """Return copies of all examples with their answers, those of an example in a row, without duplicates."""
    augment = make_augmenter(settings)
    # The originals too: a copy that changes nothing is none.
    seen = {(row[ROW], *(row[name] for name in TEXT_COLUMNS)) for row in examples.iter_rows(named=True)}
    copies = []
    for copy in range(settings.num_attempts):
        columns = [augment(examples[name].to_list(), copy) for name in TEXT_COLUMNS]
        for row, texts in zip(examples.iter_rows(named=True), zip(*columns, strict=True), strict=True):
            # a translation may be empty: then the copy lacks what the label is of
            is_complete = all(bool(text) == bool(row[name]) for name, text in zip(TEXT_COLUMNS, texts, strict=True))
            if is_complete and (row[ROW], *texts) not in seen:
                seen.add((row[ROW], *texts))
                copies.append(row | dict(zip(TEXT_COLUMNS, texts, strict=True)))
    return pl.DataFrame(copies, schema=examples.schema).sort(ROW, maintain_order=True)


def make_augmenter(settings: Augmentation) -> Callable[[list[str], int], list[str]]:
    """Return the function that makes the copy of a number of all texts; an empty text stays empty."""
    if settings.method == "words":
        operations = WordOperations(settings)
        # seeded by copy and text, so that a text's copies do not depend on the shard it is in
        return lambda texts, copy: [
            operations(text, copy, np.random.default_rng([copy, hash_text(text)])) for text in texts
        ]
    back_translation = BackTranslation(settings)

    def translate_nonempty(texts: list[str], copy: int) -> list[str]:
        nonempty = [text for text in texts if text]
        translations = iter(back_translation(nonempty, copy) if nonempty else [])
        return [next(translations) if text else "" for text in texts]

    return translate_nonempty
