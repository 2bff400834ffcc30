"""The tables and the JSON that an evaluation writes beside its report."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl

from tasks.downstream.skewed_tests import find_largest_class, is_skewed
from tasks.evaluate.results.benchmark_results import BenchmarkResults
from tasks.evaluate.results.one_class import find_one_class_fits


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
        {"first": "pretrained", "second": other, "labels": labels, "sure": difference.sure} | asdict(difference)
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
    one_class = [
        {"model": model, "labels": labels, "fits": marked.num_fits, "texts": marked.texts, "answers": marked.counts}
        for labels in results.label_counts
        for model in results.models
        if (marked := find_one_class_fits(results, model, labels)).counts
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
        "caveats": [*results.caveats],
        "comparisons": results.num_comparisons,
        "test part": {
            "largest class": largest._asdict() if (largest := find_largest_class(results.task)) else None,
            "skewed": is_skewed(results.task),
            "training texts": int(results.repeated_rows.sum()),
        },
        "one class": one_class,
        "fits": fits,
    }


def _build_mean_json(results: BenchmarkResults, model: str, labels: int, metric: str) -> dict[str, Any]:
    spread = results.score_spread(model, labels, metric)
    row = {"model": model, "labels": labels, "metric": metric, "mean": spread.mean, "deviation": spread.deviation}
    if metric == results.metric:  # intervals cost a bootstrap each, so only the compared score has one
        low, high = results.score_interval(model, labels)
        row |= {"low": low, "high": high}
        if results.repeated_rows.any():
            row["without training texts"] = results.score_without_repeats(model, labels)
    return row


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write JSON with sorted keys and indents, so that people can read it and diffs stay small."""
    path.write_text(json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
