"""Results of models that were never fitted: answers are drawn, so that a test decides what a report has to say."""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from tasks.downstream.data.contamination import Contamination, TextOverlap
from tasks.downstream.data.data_files import build_table
from tasks.downstream.data.task_data import Task
from tasks.downstream.skewed_tests import choose_metrics
from tasks.downstream.task_types import load_task_type
from tasks.downstream.task_types.classes import ClassificationTask
from tasks.evaluate.report.html_report import ReportData
from tasks.evaluate.report.provenance import LossCurve
from tasks.evaluate.results.benchmark_results import BenchmarkResults, Fit, correct_results

Abilities = Mapping[str, float]
"""Model → fraction of the test examples that it knows; of the others it guesses"""


def make_results(
    name: str,
    abilities: Abilities,
    *,
    counts: Sequence[int] = (100, 100),
    labels: Sequence[int] = (8,),
    one_class: Mapping[str, int] | None = None,
    num_repeated: int = 0,
    caveats: tuple[str, ...] = (),
    left_out: Mapping[str, str] | None = None,
) -> BenchmarkResults:
    """Make the results of a set with `counts` test examples of each class.

    The models in `one_class` give that class nearly always. `num_repeated` test texts are training texts.
    """
    rng = np.random.default_rng([len(name), *name.encode()])
    truth = np.repeat(np.arange(len(counts)), counts)
    train = make_part("train", np.repeat(np.arange(len(counts)), 40))
    texts = train["text"][:num_repeated].to_list()
    test = make_part("test", truth)
    test = test.with_columns(text=pl.Series([*texts, *test["text"][num_repeated:]]))
    names = [f"class {index}" for index in range(len(counts))]
    task = choose_metrics(Task(name, f"Texts of {name}.", "classes", names, train, train, test, [*labels]), "mcc")
    fits = []
    for model in (*abilities, "majority", "chance"):
        for label_count in labels:
            for seed in range(3):
                if model in {"majority", "chance"}:
                    answers = load_task_type(task).baselines[model](task, task.train).answers
                else:
                    known = rng.random(len(truth)) < abilities[model]
                    predicted = np.where(known, truth, rng.integers(0, len(counts), len(truth)))
                    if model in (one_class or {}):
                        predicted[2:] = (one_class or {})[model]
                    answers = pl.DataFrame(
                        {"predicted": predicted.astype(np.int32), "confidence": rng.random(len(truth))}
                    )
                fits.append(make_fit(task, model, label_count, seed, answers))
    return BenchmarkResults(task, fits, dict(left_out or {}), caveats)


def make_part(part: str, labels: np.ndarray) -> pl.DataFrame:
    rows = [
        {"text": f"{part} text {row}", "second": "", "label": int(label), "origin": f"data/{part}.tsv, row {row + 1}"}
        for row, label in enumerate(labels)
    ]
    return build_table(rows, ClassificationTask.columns)


def make_fit(task: Task, model: str, labels: int, seed: int, answers: pl.DataFrame) -> Fit:
    scores = load_task_type(task).score_answers(task, task.test, answers)
    metrics = {name: score.value for name, score in scores.items()}
    chosen = {"learning rate": 0.001}
    return Fit(
        task.name, model, labels, seed, metrics, chosen, 0.5, [(1, 1.0), (2, 0.5)], answers.with_row_index("row")
    )


def make_twelve_sets() -> list[BenchmarkResults]:
    """Make twelve sets: 8 with a sure gain, 1 with a sure loss, 3 where nothing is sure; 4 are skewed."""
    gain, loss, none = (
        {"pretrained": a, "random": b, "tfidf": c} for a, b, c in ((0.7, 0.1, 0.4), (0.1, 0.6, 0.3), (0.3, 0.3, 0.3))
    )
    counts = 8, 32
    return correct_results(
        [
            make_results(
                "topics_of_news", gain | {"stock-encoder-with-a-long-name": 0.8}, counts=(60, 60, 60, 60), labels=counts
            ),
            make_results("mood", gain | {"stock-encoder-with-a-long-name": 0.0}, labels=counts),
            make_results("paraphrase_skewed", gain, counts=(160, 70), labels=counts),
            make_results("intents_of_customers_who_call", gain, counts=(90, 30, 30, 30, 30), labels=counts),
            make_results("subjectivity", gain, labels=counts, num_repeated=12),
            make_results("questions", gain, counts=(50, 50, 50), labels=(8,)),
            make_results("spam_skewed", gain, counts=(300, 40), labels=counts),
            make_results("stance", gain, counts=(70, 70, 70), labels=(8, 0)),
            make_results("entailment", loss, labels=counts),
            make_results(
                "acceptability_skewed", none, counts=(150, 65), labels=counts, one_class={"pretrained": 0, "random": 1}
            ),
            make_results("irony", none, labels=counts),
            make_results(
                "财经新闻", none, counts=(40, 40, 40), labels=counts, caveats=("This rests on one learning rate.",)
            ),
        ]
    )


def make_report_data(results: Sequence[BenchmarkResults]) -> ReportData:
    """Make the data of a report that shows these results."""
    overlaps = {
        benchmark.task.name: TextOverlap(len(benchmark.task.test), index % 3, 0, 0.1)
        for index, benchmark in enumerate(results)
    }
    return ReportData(
        results=results,
        groups={benchmark.task.name: [] for benchmark in results},
        attributions={},
        contamination=Contamination(600, 10_000, 1_000_000, 0, 3, overlaps),
        crawl=[],
        funnel=[],
        rules=[],
        loss=LossCurve([], []),
        training_curves=[],
        ancestors=[],
        settings=[],
        versions={},
        model=[("architecture", "GPT2LMHeadModel")],
    )
