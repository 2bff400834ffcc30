from pathlib import Path
from typing import Any

import polars as pl

from tasks.evaluate.report.html_report import render_rules
from tasks.evaluate.report.samples import COLUMNS, EXCERPT, rules

SCHEMA = {"score": pl.Float32, "margin": pl.Float32} | dict.fromkeys(
    ("rule", "verdict", "bounds", "id", "url", "excerpt"), pl.String
)


def sample(rule: str, verdict: str, identity: str, **other: Any) -> dict[str, Any]:
    row = {"rule": rule, "verdict": verdict, "id": identity, "score": 1.5, "margin": None, "bounds": "at most 2"}
    return row | {"url": f"http://a.test/{identity}", "excerpt": "A text."} | other


def cleaned(folder: Path, rows: list[dict[str, Any]], **counts: dict[str, int]) -> dict[str, Any]:
    """The manifest of a clean artifact with samples, as a draft's lineage holds it."""
    (folder / "samples").mkdir(parents=True)
    for number, row in enumerate(rows):
        pl.DataFrame([row], schema=SCHEMA).select(COLUMNS).write_parquet(folder / "samples" / f"{number:05}.parquet")
    return {"stage": "clean", "key": "k" * 16, "digest": "d" * 32, "path": str(folder), "counts": counts}


def test_of_every_rule_the_nearest_of_all_snapshots_are_told(tmp_path: Path) -> None:
    dropped = [sample("length", "dropped", name, score=score) for name, score in (("d", 1), ("b", 2), ("c", 3))]
    kept = [sample("length", "barely kept", name, margin=margin) for name, margin in (("x", 9.0), ("y", 0.5))]
    first = cleaned(tmp_path / "one", dropped + kept, dropped={"length": 3}, failing={"length": 4})
    again = [sample("length", "dropped", "d"), sample("length", "dropped", "a"), sample("words", "dropped", "w")]
    second = cleaned(tmp_path / "two", again, dropped={"length": 2, "words": 9}, failing={"length": 2, "words": 9})
    found = rules([first, {"stage": "dedup", "path": "elsewhere"}, second])
    assert [(rule.name, rule.dropped, rule.failing) for rule in found] == [("words", 9, 9), ("length", 5, 6)]
    told = [(each.verdict, each.url[-1]) for each in found[1].samples]
    assert told == [("dropped", "a"), ("dropped", "b"), ("dropped", "c"), ("barely kept", "y"), ("barely kept", "x")]


def test_without_samples_there_is_nothing_to_tell(tmp_path: Path) -> None:
    gone = {"stage": "clean", "key": "k", "digest": "d", "path": str(tmp_path / "gone"), "counts": {}}
    assert rules([gone]) == rules([]) == rules([{"stage": "clean", "counts": {}}]) == []
    assert render_rules([]) == ""


def test_what_pages_say_is_no_markup(tmp_path: Path) -> None:
    hostile = {"url": "http://a.test/<script>", "excerpt": "</blockquote><script>alert(1)</script>\n" + "x" * 500}
    lineage = [cleaned(tmp_path, [sample("mean_word_length", "dropped", "a", score=12_345.6, **hostile)])]
    told = render_rules(rules(lineage))
    assert "<script" not in told
    assert "<b>mean word length</b> (at most 2)" in told
    assert "<b>dropped</b> at 12,346, to stay: at most 2 <small>http://a.test/&lt;script&gt;</small>" in told
    assert told.count("x") <= EXCERPT + 10
    assert told.count("<details>") == told.count("</details>") == 1
