"""The report in a browser as wide as a desk's and as a phone's: nothing sticks out, nothing is missing or too small."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from html import escape, unescape
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks.downstream.data.contamination import Contamination, TextOverlap
from tasks.downstream.data.data_files import build_table
from tasks.downstream.data.task_data import Task
from tasks.downstream.task_types import load_task_type
from tasks.downstream.task_types.choices import ChoiceTask
from tasks.downstream.task_types.classes import ClassificationTask
from tasks.downstream.task_types.documents import DocumentLikelihoodTask
from tasks.evaluate.report.groups import score_groups
from tasks.evaluate.report.html_report import ReportData, render_report
from tasks.evaluate.report.provenance import FunnelStep, LossCurve, draw_training_curves
from tasks.evaluate.report.samples import DocumentSample, RuleSamples
from tasks.evaluate.results.benchmark_results import BenchmarkResults, Fit
from tests.evaluate.report.made_results import make_report_data, make_twelve_sets

CHROMIUM = shutil.which("chromium")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")]

ORIGIN = "http://127.0.0.1:8000/a/long/address/without/any/blank/at/which/a/line/could/end/" + "x" * 60
NAMES = [f"a_class_of_many_{number:02}" for number in range(19)] + ["财经新闻和股票市场消息"]
MEASURE = """
onload = () => {
  const measures = {}
  for (const frame of document.querySelectorAll('iframe')) {
    const inside = frame.contentDocument, width = frame.clientWidth
    const all = (chosen) => [...inside.querySelectorAll(chosen)]
    const box = (each) => each.getBoundingClientRect()
    const lines = (each) => {
      const range = inside.createRange()
      range.selectNodeContents(each.firstChild)
      return new Set([...range.getClientRects()].map((line) => line.top)).size
    }
    measures[frame.title] = {
      page: inside.documentElement.scrollWidth,
      scrolled: all('.wide').filter((each) => each.scrollWidth > each.clientWidth).map((each) => each.textContent),
      outside: all('main *').filter((each) => box(each).right > width + 1).map((each) => each.outerHTML),
      clipped: all('svg text').filter((each) => box(each).left < box(each.ownerSVGElement).left - 1)
        .map((each) => each.outerHTML),
      pictures: all('img').map((each) => each.complete && each.naturalWidth > 0),
      drawings: all('svg').map((each) => box(each).width),
      small: all('svg text:not([transform])').filter((each) => box(each).height < 9).map((each) => each.outerHTML),
      broken: all('td').filter((each) => /^[−+]?[\\d.]+( ±|$)/.test(each.textContent.trim()) && lines(each) > 1)
        .map((each) => each.textContent),
    }
  }
  document.body.textContent = 'measured' + JSON.stringify(measures) + 'measured'
}
"""


def classes() -> BenchmarkResults:
    """Many classes with long names, and a curve over label counts."""
    rng = np.random.default_rng(0)
    train, test = (
        build_table(
            [{"text": f"a text {n} " * 9, "second": "", "label": n % 20, "origin": ORIGIN} for n in range(num_rows)],
            ClassificationTask.columns,
        )
        for num_rows in (600, 60)
    )
    task = Task("topics_of_an_unbroken_and_long_name", "Topics.", "classes", NAMES, train, test, test, [2, 8, 0])

    def answers(share: float) -> pl.DataFrame:
        right = rng.random(60) < share
        predicted = np.where(right, test["label"].to_numpy(), rng.integers(0, 20, 60))
        return pl.DataFrame({"predicted": predicted.astype(np.int32), "confidence": rng.random(60)})

    shares = {"pretrained": 0.99, "random": 0.6, "tfidf": 0.8, "majority": 0.0}
    return BenchmarkResults(task, [fit(task, *run, answers) for run in runs(shares, task.labels)])


def runs(shares: dict[str, float], labels: list[int]) -> list[tuple[str, float, int, int]]:
    return [(model, share, count, seed) for model, share in shares.items() for count in labels for seed in range(3)]


def fit(task: Task, model: str, share: float, labels: int, seed: int, answers: Callable[[float], pl.DataFrame]) -> Fit:
    predictions = answers(share)
    metrics = {
        name: score.value for name, score in load_task_type(task).score_answers(task, task.test, predictions).items()
    }
    chosen = {"learning rate": 0.001}
    curve = [(step, 1.3 + 1 / step) for step in range(1, 9)]
    return Fit(task.name, model, labels, seed, metrics, chosen, 0.5, curve, predictions.with_row_index("row"))


def choices() -> BenchmarkResults:
    """Answered as it is, with groups of long names."""
    rows = [{"prompt": "", "options": ["a", "b"], "right": 0, "group": g, "origin": ORIGIN} for g in ("x_" * 30, "y")]
    test = build_table(rows, ChoiceTask.columns)
    task = Task("grammar", "", "choices", [], test.clear(), test.clear(), test, [0])

    def answers(share: float) -> pl.DataFrame:
        return pl.DataFrame({"likelihoods": [[-1.0, -2.0], [-share, -0.5]]})

    shares = dict.fromkeys(("pretrained", "random", "shortest", "chance"), 0.4)
    return BenchmarkResults(task, [fit(task, *run, answers) for run in runs(shares, [0])])


def documents() -> BenchmarkResults:
    """Scores that are no shares, some of them long."""
    test = build_table([{"text": "abcd" * 9, "group": "a", "origin": ORIGIN}] * 3, DocumentLikelihoodTask.columns)
    task = Task("texts", "", "documents", [], test.clear(), test.clear(), test, [0])
    rng = np.random.default_rng(0)

    def answers(share: float) -> pl.DataFrame:
        return pl.DataFrame({"nats": rng.normal(170 * share, 1, 3), "tokens": [20] * 3})

    shares = dict.fromkeys(("pretrained", "random", "lzma", "bytes"), 1.0)
    return BenchmarkResults(task, [fit(task, *run, answers) for run in runs(shares, [0])])


def report_data(folder: Path) -> ReportData:
    results = [classes(), choices(), documents()]
    metrics = [{"step": n, "gradient_norm": 1.0 * n, "learning_rate_factor": 0.1 * n} for n in range(9)]
    (folder / "metrics.jsonl").write_text("\n".join(map(json.dumps, metrics)))
    pieces = [[" piece", 0.5, False], [" of", -0.2, True], [" " + "w" * 90, 0.1, False]] * 9
    example = {"predicted": NAMES[0], "truth": NAMES[-1], "probability": 0.9, "empty": 0.1, "origin": ORIGIN}
    curve = [(step, 2.1 + 1 / step) for step in range(1, 90)]
    return ReportData(
        results=results,
        groups={benchmark.task.name: score_groups(benchmark) for benchmark in results},
        attributions={results[0].task.name: [example | {"texts": [pieces]}]},
        contamination=Contamination(
            639,
            123_456,
            123_456_789,
            0,
            600,
            {benchmark.task.name: TextOverlap(1234, 56, 789, 0.1) for benchmark in results},
        ),
        crawl=[("responses by status", "200 41, unchanged 39, 404 2")],
        funnel=[
            FunnelStep("pages fetched", 123_456, ""),
            FunnelStep("after clean", 23_456, "dropped: word count 15, stop words 5"),
        ],
        rules=[RuleSamples("length", 3, 4, [DocumentSample("dropped", 1.5, "at most 2", ORIGIN, "y" * 160)])],
        loss=LossCurve([(float(step), loss) for step, loss in curve], []),
        training_curves=draw_training_curves(folder),
        ancestors=[],
        settings=["evaluate.a.setting = " + "z" * 120],
        versions={"torch": "2.9.1"},
        model=[("architecture", "GPT2LMHeadModel"), ("vocabulary", "32,000")],
        incomplete=["crawl (113 pages of example.org got no answer)"],
    )


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("browser")
    reports = {"kinds": report_data(folder), "twelve": make_report_data(make_twelve_sets())}
    pages = {name: escape(render_report(data)) for name, data in reports.items()}
    frames = "".join(
        f'<iframe title="{name} {width}" style="width:{width}px;height:900px;border:0" srcdoc="{report}"></iframe>'
        for name, report in pages.items()
        for width in (1280, 390)
    )
    page = folder / "frames.html"
    page.write_text(f'<!doctype html><meta charset="utf-8"><body>{frames}<script>{MEASURE}</script>', encoding="utf-8")
    flags = [
        "--headless",
        "--hide-scrollbars",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={folder / 'profile'}",
    ]
    browser = subprocess.run(
        [str(CHROMIUM), *flags, "--dump-dom", page.as_uri()], capture_output=True, text=True, timeout=240, check=True
    )
    (measures,) = re.findall(r"measured(\{.*\})measured", unescape(browser.stdout))
    by_width: dict[str, Any] = json.loads(measures)
    return by_width


@pytest.mark.parametrize("width", ["1280", "390"])
@pytest.mark.parametrize("report", ["kinds", "twelve"])
def test_nothing_sticks_out_is_missing_or_too_small(measured: dict[str, Any], report: str, width: str) -> None:
    page = measured[f"{report} {width}"]
    assert page["page"] == int(width)
    assert page["outside"] == page["clipped"] == page["scrolled"] == []
    assert page["broken"] == []
    assert page["small"] == []
    assert page["pictures"] == [True] * (2 if report == "kinds" else 0)
    assert len(page["drawings"]) == (4 if report == "kinds" else 2 * 12 + 11)
    assert min(page["drawings"]) > 0.8 * min(860, int(width))
