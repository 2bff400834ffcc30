import polars as pl
import pytest
from pydantic import ValidationError

from tasks.downstream.benchmarks.site_section import SiteSection
from tasks.errors import StageFailure

SMALL = SiteSection(passage_words=12, min_words=6, min_passages_per_class=8, min_documents_per_class=5)


def test_no_page_is_in_two_parts(heldout: pl.DataFrame) -> None:
    (data,) = SMALL.make_tasks(heldout)
    pages = [set(part["origin"]) for part in data.parts.values()]
    assert all(pages)
    assert not pages[0] & pages[1] | pages[0] & pages[2] | pages[1] & pages[2]
    assert data.names == ["music", "ships", "trees"]
    assert all(name in origin for part in data.parts.values() for name, origin in name_labels(part, data.names))


def name_labels(part, names):  # type: ignore[no-untyped-def]
    return [(names[label], origin) for label, origin in zip(part["label"], part["origin"], strict=True)]


def test_the_same_documents_in_another_order_give_the_same_task(heldout: pl.DataFrame) -> None:
    (first,), (second,) = SMALL.make_tasks(heldout), SMALL.make_tasks(heldout.reverse())
    assert first.train.equals(second.train)
    assert first.test.equals(second.test)
    (other,) = SMALL.model_copy(update={"seed": 1}).make_tasks(heldout)
    assert not other.test.equals(first.test)


def test_labels_are_hidden(heldout: pl.DataFrame) -> None:
    named = heldout.with_columns(
        text=pl.col("text").str.replace_all("oak", "trees.Oak").str.replace_all("the", "TREES")
    )
    (data,) = SMALL.make_tasks(named)
    assert not any("trees" in text.lower() for part in data.parts.values() for text in part["text"])
    (plain,) = SMALL.model_copy(update={"mask_names": False}).make_tasks(named)
    assert any("trees" in text.lower() for text in plain.train["text"])


def test_limits_hold(heldout: pl.DataFrame) -> None:
    settings = SMALL.model_copy(update={"max_passages_per_document": 2, "max_test_examples": 5, "max_classes": 2})
    (data,) = settings.make_tasks(heldout)
    assert len(data.names) == 2
    assert len(data.test) == 5
    assert max(data.train["origin"].value_counts()["count"]) == 2


def test_one_section_is_no_task(heldout: pl.DataFrame) -> None:
    with pytest.raises(StageFailure, match=r"make 1 classes with 5 documents.*trees': 8"):
        list(SMALL.make_tasks(heldout.filter(pl.col("url").str.contains("trees"))))


def test_passages_too_short_for_the_words_asked_make_no_task(heldout: pl.DataFrame) -> None:
    with pytest.raises(StageFailure, match="make 0 classes"):
        list(SMALL.model_copy(update={"passage_words": 500}).make_tasks(heldout))


@pytest.mark.parametrize("pattern", ["(", "no group", "(?P<other>x)"])
def test_a_pattern_without_a_label_is_refused(pattern: str) -> None:
    with pytest.raises(ValidationError, match=r"regular expression|named group"):
        SiteSection(url_pattern=pattern)
