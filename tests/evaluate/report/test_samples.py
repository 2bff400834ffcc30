"""Samples of clean in the report: the nearest ones of all snapshots, as text and never as markup."""

from pathlib import Path
from typing import Any

import polars as pl

from tasks.evaluate.report.rendering import render_template
from tasks.evaluate.report.samples import COLUMNS, EXCERPT_CHARACTERS, load_rule_samples

SCHEMA = {"score": pl.Float32, "margin": pl.Float32} | dict.fromkeys(
    ("rule", "verdict", "bounds", "id", "url", "excerpt"), pl.String
)


def sample(rule: str, verdict: str, identity: str, **other: Any) -> dict[str, Any]:
    row = {"rule": rule, "verdict": verdict, "id": identity, "score": 1.5, "margin": None, "bounds": "at most 2"}
    return row | {"url": f"http://a.test/{identity}", "excerpt": "A text."} | other


def write_clean_artifact(folder: Path, rows: list[dict[str, Any]], **counts: dict[str, int]) -> dict[str, Any]:
    """Write a clean artifact with samples, and return its manifest as a draft's lineage has it."""
    (folder / "samples").mkdir(parents=True)
    for index, row in enumerate(rows):
        pl.DataFrame([row], schema=SCHEMA).select(COLUMNS).write_parquet(folder / "samples" / f"{index:05}.parquet")
    return {"stage": "clean", "key": "k" * 16, "digest": "d" * 32, "path": str(folder), "counts": counts}


def test_of_every_rule_the_nearest_of_all_snapshots_are_shown(tmp_path: Path) -> None:
    dropped = [sample("length", "dropped", name, score=score) for name, score in (("d", 1), ("b", 2), ("c", 3))]
    kept = [sample("length", "barely kept", name, margin=margin) for name, margin in (("x", 9.0), ("y", 0.5))]
    first = write_clean_artifact(tmp_path / "one", dropped + kept, dropped={"length": 3}, failing={"length": 4})
    others = [sample("length", "dropped", "d"), sample("length", "dropped", "a"), sample("words", "dropped", "w")]
    second = write_clean_artifact(
        tmp_path / "two", others, dropped={"length": 2, "words": 9}, failing={"length": 2, "words": 9}
    )
    rules = load_rule_samples([first, {"stage": "dedup", "path": "elsewhere"}, second])
    assert [(rule.name, rule.dropped, rule.failing) for rule in rules] == [("words", 9, 9), ("length", 5, 6)]
    shown = [(document.verdict, document.url[-1]) for document in rules[1].samples]
    assert shown == [("dropped", "a"), ("dropped", "b"), ("dropped", "c"), ("barely kept", "y"), ("barely kept", "x")]


def test_without_samples_there_is_nothing_to_show(tmp_path: Path) -> None:
    removed = {"stage": "clean", "key": "k", "digest": "d", "path": str(tmp_path / "gone"), "counts": {}}
    for lineage in ([removed], [], [{"stage": "clean", "counts": {}}]):
        assert load_rule_samples(lineage) == []
    assert render_template("rule_samples.html", rules=[]).strip() == ""


def test_what_pages_say_is_no_markup(tmp_path: Path) -> None:
    hostile = {"url": "http://a.test/<script>", "excerpt": "</blockquote><script>alert(1)</script>\n" + "x" * 500}
    rows = [sample("mean_word_length", "dropped", "a", score=12_345.6, **hostile)]
    html = render_template("rule_samples.html", rules=load_rule_samples([write_clean_artifact(tmp_path, rows)]))
    assert "<script" not in html
    assert "<b>mean word length</b> (at most 2)" in html
    assert "<b>dropped</b> at 12,346, kept if at most 2 <small>http://a.test/&lt;script&gt;</small>" in html
    assert html.count("x") <= EXCERPT_CHARACTERS + 10
    assert html.count("<details>") == html.count("</details>") == 1
