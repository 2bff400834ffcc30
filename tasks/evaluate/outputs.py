"""The files of an evaluation: tables, summary and report."""

import json
from pathlib import Path
from typing import Any

from tasks.downstream.data.contamination import Contamination
from tasks.downstream.finetuning.shards import attribution_file
from tasks.errors import StageFailure
from tasks.evaluate.report.attribution_texts import load_attributions
from tasks.evaluate.report.groups import score_groups
from tasks.evaluate.report.html_report import ReportData, render_report
from tasks.evaluate.report.provenance import (
    describe_crawl,
    draw_training_curves,
    format_settings,
    list_ancestors,
    list_funnel_steps,
    list_incomplete_ancestors,
    load_loss_curve,
)
from tasks.evaluate.report.samples import load_rule_samples
from tasks.evaluate.report.summary import render_summary
from tasks.evaluate.results.answer_tables import tabulate_answers, tabulate_samples
from tasks.evaluate.results.benchmark_results import BenchmarkResults
from tasks.evaluate.results.output_tables import build_scores_json, tabulate_scores, write_json
from tasks.evaluate.settings import Evaluate
from tasks.store import Draft
from tasks.store.manifest import package_versions

REPORTED_PACKAGES = ("textmill", "torch", "transformers", "tokenizers", "scikit-learn", "numpy", "polars")


def write_outputs(
    settings: Evaluate, draft: Draft, checkpoint: Path, results: list[BenchmarkResults], contamination: Contamination
) -> None:
    """Write the tables, the summary and the report into the artifact."""
    groups = {benchmark.task.name: score_groups(benchmark) for benchmark in results}
    attribution_files = {
        # With the largest label count, the last one.
        benchmark.task.name: draft.path / attribution_file(benchmark.task.name, benchmark.label_counts[-1])
        for benchmark in results
    }
    data = ReportData(
        results=results,
        groups=groups,
        attributions={name: load_attributions(path) for name, path in attribution_files.items() if path.exists()},
        contamination=contamination,
        crawl=describe_crawl(draft.lineage),
        funnel=list_funnel_steps(draft.lineage),
        rules=load_rule_samples(draft.lineage),
        loss=load_loss_curve(checkpoint / "metrics.jsonl"),
        training_curves=draw_training_curves(checkpoint),
        ancestors=list_ancestors(draft.lineage),
        incomplete=list_incomplete_ancestors(draft.lineage),
        settings=format_settings(settings.semantic()),
        versions={name: version for name, version in package_versions().items() if name in REPORTED_PACKAGES},
        model=describe_model(checkpoint),
        copies_texts=settings.copy_texts,
    )
    with draft.write("scores.parquet") as path:
        tabulate_scores(results).write_parquet(path)
    with draft.write("answers.parquet") as path:
        tabulate_answers(results, copy_texts=settings.copy_texts).write_parquet(path)
    with draft.write("samples.parquet") as path:
        tabulate_samples(results).write_parquet(path)
    with draft.write("scores.json") as path:
        write_json(path, build_scores_json(results, contamination.as_dict(), groups))
    with draft.write("summary.md") as path:
        path.write_text(render_summary(results, contamination), encoding="utf-8")
    with draft.write("report.html") as path:
        path.write_text(render_report(data), encoding="utf-8")


def describe_model(checkpoint: Path) -> list[tuple[str, str]]:
    """Return the model's architecture and sizes from its configuration, as rows of name and text."""
    try:
        config: dict[str, Any] = json.loads((checkpoint / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StageFailure(
            f"{checkpoint / 'config.json'} cannot be read: {error}", "Give a transformers folder"
        ) from error
    # model families call the same sizes by different names
    rows = [
        ("architecture", ", ".join(config.get("architectures") or [str(config.get("model_type", ""))])),
        ("layers", config.get("num_hidden_layers", config.get("n_layer", config.get("num_layers")))),
        ("width", config.get("hidden_size", config.get("n_embd", config.get("d_model")))),
        ("vocabulary", config.get("vocab_size")),
    ]
    return [(name, f"{value:,}" if isinstance(value, int) else str(value)) for name, value in rows if value]


def average_scores(results: list[BenchmarkResults]) -> dict[str, Any]:
    """Return the mean scores for the manifest: benchmark → label count → model → score."""
    return {
        benchmark.task.name: {
            str(labels): {
                model: round(benchmark.score_spread(model, labels, benchmark.metric).mean, 4)
                for model in benchmark.models
            }
            for labels in benchmark.label_counts
        }
        for benchmark in results
    }
