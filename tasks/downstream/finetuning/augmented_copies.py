"""Altered copies of labelled texts, made once for a task: only of the texts that some fit gets the labels of."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tasks.downstream.data.task_data import Task, hash_of
from tasks.downstream.finetuning.back_translation import BackTranslation
from tasks.downstream.finetuning.split_examples import ROW, number_rows
from tasks.downstream.finetuning.word_operations import WordOperations
from tasks.downstream.models.one_thread import use_one_thread
from tasks.downstream.settings.augmentation import Augmentation
from tasks.downstream.task_types import kind_of

TEXT_COLUMNS = ("text", "second")
SHARD_TEXTS = 512  # texts of a shard: a model for back-translation is opened for each


def find_sampled_rows(task: Task, counts: Sequence[int], seeds: int) -> list[int]:
    """Places of the training examples that any fit with these label counts and seeds learns from."""
    pool, kind = number_rows(task), kind_of(task)
    samples = [kind.sample(pool, labels, seed)[ROW] for labels in counts for seed in range(seeds)]
    return sorted({row for sample in samples for row in sample})


def write_copies(out: Path, data: Path, settings: Augmentation, rows: list[int]) -> dict[str, Any]:
    """Write copies of these training examples into a file beside the task's. A shard of the evaluation."""
    with use_one_thread():
        made = make_copies(number_rows(Task.load(data)).train[rows], settings)
    path = out / data.parent.name / f"{data.stem}-copies-{rows[0]}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    made.write_parquet(path)
    return {"texts": len(rows), "copies": len(made)}


def read_copies(data: Path, sample: pl.DataFrame) -> pl.DataFrame:
    """The copies of a sample's examples, in the order of the sample."""
    files = [path for path in sorted(data.parent.iterdir()) if path.name.startswith(f"{data.stem}-copies-")]
    made = pl.concat([pl.read_parquet(path) for path in files])
    return sample.select(ROW).join(made, on=ROW, how="left", maintain_order="left").drop_nulls("text")[made.columns]


def make_copies(examples: pl.DataFrame, settings: Augmentation) -> pl.DataFrame:
    """Copies of all examples with their answers, those of an example one after the other; none is there twice."""
    alter = make_augmenter(settings)
    known = {(row[ROW], *(row[name] for name in TEXT_COLUMNS)) for row in examples.iter_rows(named=True)}
    made = []
    for copy in range(settings.tries):
        altered = [alter(examples[name].to_list(), copy) for name in TEXT_COLUMNS]
        for row, texts in zip(examples.iter_rows(named=True), zip(*altered, strict=True), strict=True):
            whole = all(bool(new) == bool(row[name]) for name, new in zip(TEXT_COLUMNS, texts, strict=True))
            if whole and (row[ROW], *texts) not in known:
                known.add((row[ROW], *texts))
                made.append(row | dict(zip(TEXT_COLUMNS, texts, strict=True)))
    return pl.DataFrame(made, schema=examples.schema).sort(ROW, maintain_order=True)


def make_augmenter(settings: Augmentation) -> Callable[[list[str], int], list[str]]:
    """What makes the copy of a number of all texts; an empty text stays empty."""
    if settings.way == "words":
        operations = WordOperations(settings)
        return lambda texts, copy: [
            operations(text, copy, np.random.default_rng([copy, hash_of(text)])) for text in texts
        ]
    translated = BackTranslation(settings)

    def there_and_back(texts: list[str], copy: int) -> list[str]:
        some = [text for text in texts if text]
        said = iter(translated(some, copy) if some else [])
        return [next(said) if text else "" for text in texts]

    return there_and_back
