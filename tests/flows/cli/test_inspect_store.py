"""Looking at a store: what is said of an artifact."""

from flows.cli.inspect_store import MOST_FIGURES, figures, without_pictures
from tasks.store.manifest import Manifest


def counted(**counts: object) -> str:
    return figures(Manifest.model_construct(key="0123", counts=counts))


def test_counts_are_said_in_a_line_also_those_of_groups() -> None:
    scores = {"mood": {"8": {"pretrained": 0.61803}}}
    assert counted(pages=2_700, scores=scores) == "pages 2,700, scores.mood.8.pretrained 0.618"
    assert counted(named="x", none={}) == ""


def test_many_counts_are_cut_short() -> None:
    told = counted(of={str(number): number for number in range(MOST_FIGURES + 3)})
    assert told.endswith(f"of.{MOST_FIGURES - 1} {MOST_FIGURES - 1}, and 3 more (textmill show 0123)")


def test_a_terminal_shows_no_pictures() -> None:
    assert without_pictures("### news\n\n| a |\n![x](data:y)\n") == "### news\n\n| a |"
