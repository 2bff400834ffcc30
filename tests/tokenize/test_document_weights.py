import numpy as np
import pyarrow as pa
import pytest

from tasks.tokenize.document_weights import (
    compute_weights,
    draw_repeat_counts,
    read_languages,
    read_sources,
    repeat_rows,
)
from tasks.tokenize.settings import Weight

URLS = [
    "https://Docs.Example.org:8080/a",
    "http://user:x@example.org?q",
    "file:///a/b",
    "nothing",
    None,
    "http://[::1]/",
]


def make_documents(urls: list[str | None], source: list[str | None] | None = None) -> pa.RecordBatch:
    columns = {"url": urls, "source": source or [None] * len(urls), "language": [*["en"] * (len(urls) - 1), None]}
    return pa.RecordBatch.from_pydict({name: pa.array(values, pa.string()) for name, values in columns.items()})


def test_the_source_is_the_column_or_else_the_host() -> None:
    batch = make_documents(URLS, ["books", *[None] * 5])
    assert read_sources(batch).to_pylist() == ["books", "example.org", "unknown", "unknown", "unknown", "[::1]"]
    assert read_sources(make_documents(URLS)).to_pylist()[0] == "docs.example.org"
    assert read_languages(batch).to_pylist() == ["en"] * 5 + ["unknown"]
    assert read_sources(make_documents(URLS).slice(0, 0)).to_pylist() == []


def test_weights_of_all_rules_that_match_are_multiplied() -> None:
    rules = [
        Weight(language="en", weight=2),
        Weight(source="example.org", weight=3),
        Weight(source="ample.org", weight=50),
        Weight(language="zh", source="example.org", weight=0),
    ]
    assert compute_weights(rules, make_documents(URLS)).tolist() == [6, 6, 2, 2, 2, 1]
    assert compute_weights([], make_documents(URLS)).tolist() == [1] * 6


def test_repeats_are_the_weight_on_average_and_the_same_again() -> None:
    fractions = np.random.default_rng(0).random(10_000)
    for weight in (0.0, 0.3, 1.0, 2.5):
        times = draw_repeat_counts(np.full(10_000, weight), fractions)
        assert abs(times.mean() - weight) < 0.02
        assert set(times) <= {int(weight), int(weight) + 1}
        assert (times == draw_repeat_counts(np.full(10_000, weight), fractions)).all()


def test_copies_come_after_all_have_been_there_once() -> None:
    assert repeat_rows(np.array([1, 3, 0, 2])).tolist() == [0, 1, 3, 1, 3, 1]
    assert repeat_rows(np.zeros(0, np.int64)).tolist() == []


def test_a_weight_is_checked() -> None:
    with pytest.raises(ValueError, match="weight"):
        Weight(weight=-1)
