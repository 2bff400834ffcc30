"""For every rule some documents that it dropped, and some that it barely kept."""

from pathlib import Path

import polars as pl

from tasks.clean.decide.apply_filters import build_failure_masks, list_failed_rules
from tasks.clean.decide.samples import BARELY_KEPT, DROPPED, MAX_SAMPLES, choose_samples, merge_samples, render_samples
from tasks.clean.filters.length import Length
from tasks.clean.filters.word_count import WordCount

FILTERS = {"length": Length(), "word_count": WordCount()}


def make_judged(*lengths: int) -> pl.DataFrame:
    frame = pl.DataFrame(
        {
            "id": [f"{length:05d}" for length in lengths],
            "url": [f"http://a/{length}" for length in lengths],
            "text": [f"*text*\n<b>{length}" for length in lengths],
            "score_length": lengths,
            "score_word_count": [float("nan")] * len(lengths),
        },
        schema_overrides={"id": pl.String, "url": pl.String, "text": pl.String}
        | dict.fromkeys(("score_length", "score_word_count"), pl.Float32),
    )
    return frame.with_columns(rules=list_failed_rules(build_failure_masks(FILTERS)))


def test_the_nearest_to_the_bounds_stay_in_the_sample() -> None:
    samples = choose_samples(make_judged(10, 20, 30, 40, 100, 101, 500, 999_999, 103), FILTERS)
    by_verdict = {verdict: samples.filter(verdict=verdict) for verdict in (DROPPED, BARELY_KEPT)}
    assert by_verdict[DROPPED]["score"].to_list() == [10, 20, 30]
    assert by_verdict[BARELY_KEPT]["score"].to_list() == [100, 101, 999_999]
    assert by_verdict[BARELY_KEPT]["margin"].to_list() == [0, 1, 1]
    assert set(samples["rule"]) == {"length"}  # word_count has no opinion
    assert samples["bounds"][0] == "100 to 1,000,000"


def test_shards_are_merged_to_the_same_sample_in_any_order(tmp_path: Path) -> None:
    for index, lengths in enumerate([(10, 150, 160, 170, 180), (5, 110, 120), ()]):
        choose_samples(make_judged(*lengths), FILTERS).write_parquet(tmp_path / f"{index}.parquet")
    files = sorted(tmp_path.glob("*.parquet"))
    samples = merge_samples(files, list(FILTERS))
    assert samples.equals(merge_samples(files[::-1], list(FILTERS)))
    assert samples["score"].to_list() == [5, 10, 110, 120, 150]
    assert samples.group_by("verdict").len()["len"].max() == MAX_SAMPLES


def test_what_pages_say_is_no_markup(tmp_path: Path) -> None:
    page = render_samples(choose_samples(make_judged(10, 200), FILTERS))
    assert "**length**, 100 to 1,000,000" in page
    assert r"| dropped | 10 | http://a/10 | \*text\* &lt;b&gt;10 |" in page
    assert "| barely kept | 200 |" in page


def test_no_samples_at_all(tmp_path: Path) -> None:
    assert render_samples(merge_samples([], [])) == ""
