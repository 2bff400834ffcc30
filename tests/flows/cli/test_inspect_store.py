"""Lines about an artifact."""

from flows.cli.inspect_store import MAX_COUNTS, format_counts
from flows.cli.run_summary import remove_images
from tasks.store.manifest import Manifest


def format_given_counts(**counts: object) -> str:
    return format_counts(Manifest.model_construct(key="0123", counts=counts))


def test_counts_are_given_in_one_line_also_those_of_groups() -> None:
    scores = {"mood": {"8": {"pretrained": 0.61803}}}
    assert format_given_counts(pages=2_700, scores=scores) == "pages 2,700, scores.mood.8.pretrained 0.618"
    assert format_given_counts(named="x", none={}) == ""


def test_many_counts_are_cut_short() -> None:
    line = format_given_counts(of={str(number): number for number in range(MAX_COUNTS + 3)})
    assert line.endswith(f"of.{MAX_COUNTS - 1} {MAX_COUNTS - 1}, and 3 more (textmill show 0123)")


def test_a_terminal_shows_no_pictures() -> None:
    assert remove_images("### news\n\n| a |\n![x](data:y)\n") == "### news\n\n| a |"
