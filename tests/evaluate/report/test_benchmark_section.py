"""The parts of a benchmark's section that are drawn as HTML."""

from tasks.evaluate.report.benchmark_section import MAX_MISTAKE_CHARACTERS, scale_intervals, shorten_text


def test_intervals_lie_on_one_scale_that_holds_zero() -> None:
    bars = scale_intervals([("a<", "var(--x)", -0.5, 0.0, 0.5), ("b", "var(--x)", 0.5, 1.0, 1.5)])
    assert [(bar.start, bar.width) for bar in bars] == [(0.0, 50.0), (50.0, 50.0)]
    assert [bar.score_position for bar in bars] == [25.0, 75.0]
    assert [bar.zero for bar in bars] == [25.0, 25.0]
    assert [bar.score for bar in bars] == ["0.0", "100.0"]


def test_texts_are_shortened_to_their_beginning() -> None:
    assert shorten_text("a\n\n  \nb  \n") == "a\nb"
    assert len(shorten_text("x" * 1000)) == MAX_MISTAKE_CHARACTERS + 1
