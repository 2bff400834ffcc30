"""Tables by which a user can check every score: the answers of all models, and the examples that they learnt from."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from tasks.downstream.data.task_data import ORIGIN, Task, hash_text
from tasks.downstream.task_types import TaskType
from tasks.evaluate.results.benchmark_results import BenchmarkResults

PREDICTION = pl.Struct(
    {
        "model": pl.String(),
        "seed": pl.Int32(),
        "predicted": pl.String(),
        "probabilities": pl.List(pl.Float32()),
        "log_likelihoods": pl.List(pl.Float64()),
    }
)
"""An answer: as text, with the probabilities of all classes or the log-likelihoods of all options where it has them"""


def tabulate_answers(results: Sequence[BenchmarkResults], *, copy_texts: bool) -> pl.DataFrame:
    """Return one row per test example and label count, with the answers of all models and seeds.

    `parts` are the numbers that the pretrained model's compared score is computed from, a list over seeds; by these
    `tasks.evaluate.query` compares later models with this one. `text` is a hash of question and right answer. Without
    `copy_texts` there is no text of the test part, only its hash and its place (`origin`); answers that are texts of
    the data set themselves are hashes too.
    """
    return pl.concat(
        _tabulate_benchmark_answers(benchmark, labels, copy_texts=copy_texts)
        for benchmark in results
        for labels in benchmark.label_counts
    )


def _tabulate_benchmark_answers(results: BenchmarkResults, labels: int, *, copy_texts: bool) -> pl.DataFrame:
    task, task_type = results.task, results.task_type
    scores = results.seed_scores("pretrained", labels)
    rows = task.test.to_dicts()
    hides_answers = task_type.copies_texts and not copy_texts
    truths = [[_hide(text, hides_answers) for text in task_type.list_truths(task, row)] for row in rows]
    return pl.DataFrame(
        {
            "benchmark": task.name,
            "kind": task.kind,
            "labels": labels,
            "budget": results.describe_budget(labels),
            "metric": results.title,
            "function": scores[0].function,
            "data": task.digest,
            "row": range(len(rows)),
            "origin": task.test[ORIGIN],
            "text": [hash_example(task_type, task, row) for row in rows],
            "question": [task_type.format_complete_question(row) if copy_texts else None for row in rows],
            "truth": [texts[0] for texts in truths],
            "other_truths": [texts[1:] for texts in truths],
            "in_training": results.repeated_rows,
            "predictions": _list_predictions(results, labels, hides_answers=hides_answers),
            # (texts, seeds, sums), as `query` reads it.
            "parts": np.stack([score.parts for score in scores], 1).tolist(),
        },
        schema_overrides={
            "labels": pl.Int32,
            "row": pl.Int64,
            "text": pl.UInt64,
            "question": pl.String,
            "truth": pl.String,
            "other_truths": pl.List(pl.String),
            "predictions": pl.List(PREDICTION),
            "parts": pl.List(pl.List(pl.Float64)),
        },
    )


def hash_example(task_type: TaskType, task: Task, row: dict[str, Any]) -> int:
    """Return a hash of an example's question and right answer: equal in two evaluations that share the example."""
    return hash_text(f"{task_type.format_question(row)}\0{task_type.format_truth(task, row)}")


def _hide(text: str, is_hidden: bool) -> str:
    """Return the text's hash where answers are texts that may not be copied: equal ones stay equal."""
    return f"{hash_text(text):016x}" if is_hidden else text


def _list_predictions(results: BenchmarkResults, labels: int, *, hides_answers: bool) -> list[list[dict[str, Any]]]:
    """Return for each test example the answers of all models and seeds."""
    predictions: list[list[dict[str, Any]]] = [[] for _ in range(len(results.task.test))]
    for model in results.models:
        for fit in results.select_fits(model, labels):
            for answer in fit.answers.iter_rows(named=True):
                predictions[answer["row"]].append(
                    {
                        "model": model,
                        "seed": fit.seed,
                        "predicted": _hide(results.task_type.write_answer(results.task, answer), hides_answers),
                        "probabilities": answer.get("probabilities"),
                        "log_likelihoods": answer.get("likelihoods"),
                    }
                )
    return predictions


def tabulate_samples(results: Sequence[BenchmarkResults]) -> pl.DataFrame:
    """Return one row for each labelled example that models were fitted on: its place, by label count and seed."""
    tables = []
    for benchmark in (benchmark for benchmark in results if benchmark.task_type.is_fine_tuned):
        for labels in benchmark.label_counts:
            for fit in benchmark.select_fits("pretrained", labels):
                sample = benchmark.task_type.sample(benchmark.task, labels, fit.seed)
                rows = sample.iter_rows(named=True)
                hashes = [hash_example(benchmark.task_type, benchmark.task, row) for row in rows]
                columns = {"benchmark": benchmark.task.name, "labels": labels, "seed": fit.seed}
                tables.append(pl.DataFrame(columns | {"origin": sample[ORIGIN], "text": hashes}, schema=SAMPLE_COLUMNS))
    return pl.concat(tables) if tables else pl.DataFrame(schema=SAMPLE_COLUMNS)


SAMPLE_COLUMNS = {
    "benchmark": pl.String,
    "labels": pl.Int32,
    "seed": pl.Int32,
    "origin": pl.String,
    "text": pl.UInt64,
}
