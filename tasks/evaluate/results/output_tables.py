"""The tables and the JSON that an evaluation writes beside its report."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tasks.downstream.data.task_data import hash_text
from tasks.evaluate.results.benchmark_results import BenchmarkResults


def tabulate_scores(results: Sequence[BenchmarkResults]) -> pl.DataFrame:
    """Return one row per benchmark, model, label count, seed and metric."""
    return pl.DataFrame(
        [
            {
                "benchmark": fit.benchmark,
                "model": fit.model,
                "labels": fit.labels,
                "seed": fit.seed,
                "metric": metric,
                "value": fit.metrics[metric],
            }
            for benchmark in results
            for fit in benchmark.fits
            for metric in fit.metrics
        ],
        schema={
            "benchmark": pl.String,
            "model": pl.String,
            "labels": pl.Int32,
            "seed": pl.Int32,
            "metric": pl.String,
            "value": pl.Float64,
        },
    )


def tabulate_answers(results: Sequence[BenchmarkResults]) -> pl.DataFrame:
    """Return one row per test example and label count: its part of the pretrained model's score, a list over seeds.

    `tasks.evaluate.query` compares later models with this one by these rows.
    """
    return pl.concat(
        _tabulate_benchmark_answers(benchmark, labels) for benchmark in results for labels in benchmark.label_counts
    )


def _tabulate_benchmark_answers(results: BenchmarkResults, labels: int) -> pl.DataFrame:
    task, task_type = results.task, results.task_type
    scores = results.seed_scores("pretrained", labels)
    # Two evaluations share an example if both its question and its right answer are the same: so the hash is of both.
    examples = [
        f"{task_type.format_question(row)}\0{task_type.format_truth(task, row)}"
        for row in task.test.iter_rows(named=True)
    ]
    return pl.DataFrame(
        {
            "benchmark": task.name,
            "labels": labels,
            "budget": results.describe_budget(labels),
            "metric": results.title,
            "function": scores[0].function,
            "data": task.digest,
            "text": list(map(hash_text, examples)),
            # (texts, seeds, sums), as `query` reads it.
            "parts": np.stack([score.parts for score in scores], 1).tolist(),
        },
        schema_overrides={"labels": pl.Int32, "text": pl.UInt64, "parts": pl.List(pl.List(pl.Float64))},
    )


def build_scores_json(
    results: Sequence[BenchmarkResults], contamination: dict[str, Any], groups: dict[str, Any]
) -> dict[str, Any]:
    """Return everything that was measured, without timings, so that the bytes depend on the inputs only."""
    return {
        "benchmarks": {
            benchmark.task.name: _build_benchmark_json(benchmark) | {"groups": groups[benchmark.task.name]}
            for benchmark in results
        },
        "contamination": contamination,
        "scores": tabulate_scores(results).to_dicts(),
    }


def _build_benchmark_json(results: BenchmarkResults) -> dict[str, Any]:
    means = [
        _build_mean_json(results, model, labels, metric)
        for labels in results.label_counts
        for model in results.models
        for metric in results.metrics
    ]
    differences = [
        {"first": "pretrained", "second": other, "labels": labels} | asdict(difference)
        for labels, other, difference in results.list_differences()
    ]
    fits = [
        {
            "model": fit.model,
            "labels": fit.labels,
            "seed": fit.seed,
            "chosen": fit.chosen,
            "validation": fit.validation,
        }
        for fit in results.fits
    ]
    return {
        "about": results.task.about,
        "kind": results.task.kind,
        "metric": results.metric,
        "classes": results.task.names,
        "examples": {name: len(part) for name, part in results.task.parts.items()},
        "means": means,
        "differences": differences,
        "left out": results.left_out,
        "fits": fits,
    }


def _build_mean_json(results: BenchmarkResults, model: str, labels: int, metric: str) -> dict[str, Any]:
    spread = results.score_spread(model, labels, metric)
    row = {"model": model, "labels": labels, "metric": metric, "mean": spread.mean, "deviation": spread.deviation}
    if metric == results.metric:  # intervals cost a bootstrap each, so only the compared score has one
        low, high = results.score_interval(model, labels)
        row |= {"low": low, "high": high}
    return row


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write JSON with sorted keys and indents, so that people can read it and diffs stay small."""
    path.write_text(json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
