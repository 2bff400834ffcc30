"""Filters that look into files which the user gives."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from tasks.clean.classifier import load
from tasks.clean.filters.bad_words import BadWords
from tasks.clean.filters.license import License
from tasks.clean.filters.quality import ABOUT, MODEL, Quality
from tasks.clean.filters.url_blocklist import UrlBlocklist
from tasks.clean.settings import Clean
from tasks.errors import StageFailure
from tasks.store import Draft
from tests.clean.filters.judge import documents, judged, scores

Make = Callable[..., Draft]


def listed(folder: Path, *lines: str) -> str:
    (folder / "list.txt").write_text("\n".join(["# a comment", "", *lines]), encoding="utf-8")
    return str(folder / "list.txt")


def test_bad_words_are_whole_words_and_phrases_in_any_case(tmp_path: Path) -> None:
    block = BadWords(enabled=True, path=listed(tmp_path, "Rope", "old pier", "赌博"))
    texts = ["a ROPE.", "ropes", "the Old\npier", "old, pier", "old stone pier", "网络赌博平台", "", "..."]
    assert judged(block, *texts) == [False, True, False, False, True, False, True, True]
    assert scores(block, "rope one two three", "网络赌博平台") == [0.25, pytest.approx(1 / 6)]
    assert judged(BadWords(enabled=True, path=block.path, most=0.25), "rope one two three") == [True]


def test_many_bad_words(tmp_path: Path) -> None:
    block = BadWords(enabled=True, path=listed(tmp_path, *(f"word{number}" for number in range(20_000))))
    assert judged(block, "word19999", "word20000") == [False, True]


@pytest.mark.parametrize(
    ("url", "stays"),
    [
        ("https://bad.org/page", False),
        ("http://user@www.Bad.org:8080/?q=1", False),
        ("https://notbad.org/", True),
        ("https://bad.org.example.com/", True),
        ("https://mixed.org/spam", False),
        ("https://mixed.org/spam/page.html#top", False),
        ("https://mixed.org/spammer", True),
        ("https://mixed.org/Spam", True),
        ("file:///data/spam", True),
        (None, True),
    ],
)
def test_urls_below_a_host_or_an_address(tmp_path: Path, url: str | None, stays: bool) -> None:
    block = UrlBlocklist(enabled=True, path=listed(tmp_path, "BAD.org", "https://mixed.org/spam/"))
    frame = documents(["text"]).with_columns(url=pl.lit(url, dtype=pl.String))
    score = frame.select(block.score().cast(pl.Float32).alias("score"))
    assert score.select(block.keeps(pl.col("score")))["score"].to_list() == [stays]


def test_licenses() -> None:
    frame = pl.DataFrame({"license": ["CC-BY-4.0", "cc0-1.0", "CC-BY-NC-4.0", "CC-BY-SA-3.0", "https://x.org/", None]})
    for block, stays in (
        (License(), [True, True, False, True, False, False]),
        (License(licenses=["https://x.org/"], undeclared=True), [False, False, False, False, True, True]),
        (License(licenses=[]), [False] * 6),
    ):
        assert frame.select(stays=block.keeps(pl.lit(1.0)))["stays"].to_list() == stays


def test_keys_hold_what_lists_say_and_not_where_they_lie(tmp_path: Path) -> None:
    def key(**settings: object) -> object:
        return Clean.model_validate({"filters": {"bad_words": settings}}).semantic()

    (tmp_path / "other").mkdir()
    first, second = listed(tmp_path, "rope"), listed(tmp_path / "other", "rope")
    assert key(enabled=True, path=first) == key(enabled=True, path=second)
    assert key(path=first) == key(path="/nowhere")
    before = key(enabled=True, path=first)
    listed(tmp_path, "pier")
    assert key(enabled=True, path=first) != before
    scored_by = Clean.model_validate({"filters": {"bad_words": {"enabled": True, "path": first}}}).scoring().semantic()
    assert "bad_words" not in scored_by["filters"]


@pytest.mark.parametrize("kind", ["bad_words", "url_blocklist"])
def test_lists_that_cannot_be_used_name_the_setting(tmp_path: Path, kind: str) -> None:
    block = {"bad_words": BadWords, "url_blocklist": UrlBlocklist}[kind]
    (tmp_path / "bytes.txt").write_bytes(b"\xff\xfe\xff")
    for path, what in (("", "is empty"), ("/nowhere/list", "holds no file"), (str(tmp_path / "bytes.txt"), "UTF-8")):
        with pytest.raises(StageFailure, match=rf"{what}.*clean\.filters\.{kind}\.path"):
            block(enabled=True, path=path).score()
    with pytest.raises(StageFailure, match="has no entry"):
        block(enabled=True, path=listed(tmp_path)).score()


def examples(folder: Path) -> dict[str, str]:
    """Sentences about the harbour, and advertisements."""
    for kind, words in (("good", "boat pier harbour tide master"), ("bad", "buy cheap click offer sale")):
        (folder / kind).mkdir(parents=True)
        for number in range(30):
            text = " ".join(words.split()[number % 5 :]) + f" and number {number} with the others"
            (folder / kind / f"{number}.txt").write_text(text)
    return {"good": str(folder / "good"), "bad": str(folder / "bad")}


def test_a_classifier_learns_from_two_folders(tmp_path: Path, make_draft: Make) -> None:
    folders = examples(tmp_path)
    draft = make_draft("one")
    block = Quality(enabled=True, **folders).ready(draft)
    high, low = scores(block, "the boat left the harbour", "click now and buy cheap")
    assert high > 0.6
    assert low < 0.4
    page = (draft.path / ABOUT).read_text()
    assert "30 good and 30 bad" in page
    assert "100.0%" in page
    assert page.index("| harbour |") < page.index("| cheap |")
    assert load(draft.path / MODEL).weights.any()


def test_the_same_examples_give_the_same_classifier_wherever_they_lie(tmp_path: Path, make_draft: Make) -> None:
    first, second = examples(tmp_path / "a"), examples(tmp_path / "b")
    for name, folders in (("one", first), ("two", second)):
        Quality(enabled=True, **folders).ready(make_draft(name))
    drafts = [make_draft(name) for name in ("one", "two")]
    for name in (MODEL, ABOUT):
        assert (drafts[0].path / name).read_bytes() == (drafts[1].path / name).read_bytes()
    assert Quality(enabled=True, **first).semantic() == Quality(enabled=True, **second).semantic()


def test_an_exported_classifier_can_be_taken_up_again(tmp_path: Path, make_draft: Make) -> None:
    trained = Quality(enabled=True, **examples(tmp_path)).ready(make_draft("one"))
    again = Quality(enabled=True, model=trained.model).ready(make_draft("two"))
    assert scores(again, "boat", "buy") == scores(trained, "boat", "buy")


def test_examples_in_rows_and_what_is_wrong_with_some(tmp_path: Path, make_draft: Make) -> None:
    folders = examples(tmp_path)
    pl.DataFrame({"text": [f"a boat {number}" for number in range(5)]}).write_ndjson(tmp_path / "good" / "rows.jsonl")
    pl.DataFrame({"text": ["a pier", None]}).write_parquet(tmp_path / "good" / "rows.parquet")
    draft = make_draft("rows")
    Quality(enabled=True, **folders).ready(draft)
    assert "36 good and 30 bad" in (draft.path / ABOUT).read_text()
    pl.DataFrame({"body": ["a pier"]}).write_parquet(tmp_path / "bad" / "rows.parquet")
    with pytest.raises(StageFailure, match=r"bad/rows\.parquet gives no example texts"):
        Quality(enabled=True, **folders).ready(make_draft("wrong"))
    (tmp_path / "few").mkdir()
    (tmp_path / "few" / "one.txt").write_text("one")
    with pytest.raises(StageFailure, match=r"holds 1 different examples.*clean\.filters\.quality\.good"):
        Quality(enabled=True, good=str(tmp_path / "few"), bad=folders["good"]).ready(make_draft("few"))


def test_a_file_that_is_no_classifier(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"no model")
    with pytest.raises(StageFailure, match=r"model\.safetensors cannot be read as a classifier"):
        Quality(enabled=True, model=str(tmp_path / "model.safetensors")).score()
