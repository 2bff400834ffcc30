"""Filters that read files given by the user: lists, examples, classifiers."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from tasks.clean.classifier import load_classifier
from tasks.clean.filters.bad_words import BadWords
from tasks.clean.filters.license import License
from tasks.clean.filters.quality import ABOUT_FILE, MODEL_FILE, Quality
from tasks.clean.filters.url_blocklist import UrlBlocklist
from tasks.clean.settings import Clean
from tasks.errors import StageFailure
from tasks.store import Draft
from tests.clean.filters.judge import keep_texts, make_documents, score_texts

Make = Callable[..., Draft]


def write_list(folder: Path, *lines: str) -> str:
    (folder / "list.txt").write_text("\n".join(["# a comment", "", *lines]), encoding="utf-8")
    return str(folder / "list.txt")


def test_bad_words_are_whole_words_and_phrases_in_any_case(tmp_path: Path) -> None:
    block = BadWords(enabled=True, path=write_list(tmp_path, "Rope", "old pier", "赌博"))
    texts = ["a ROPE.", "ropes", "the Old\npier", "old, pier", "old stone pier", "网络赌博平台", "", "..."]
    assert keep_texts(block, *texts) == [False, True, False, False, True, False, True, True]
    assert score_texts(block, "rope one two three", "网络赌博平台") == [0.25, pytest.approx(1 / 6)]
    assert keep_texts(BadWords(enabled=True, path=block.path, max=0.25), "rope one two three") == [True]


def test_many_bad_words(tmp_path: Path) -> None:
    block = BadWords(enabled=True, path=write_list(tmp_path, *(f"word{number}" for number in range(20_000))))
    assert keep_texts(block, "word19999", "word20000") == [False, True]


@pytest.mark.parametrize(
    ("url", "is_kept"),
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
def test_urls_below_a_host_or_an_address(tmp_path: Path, url: str | None, is_kept: bool) -> None:
    block = UrlBlocklist(enabled=True, path=write_list(tmp_path, "BAD.org", "https://mixed.org/spam/"))
    frame = make_documents(["text"]).with_columns(url=pl.lit(url, dtype=pl.String))
    score = frame.select(block.score().cast(pl.Float32).alias("score"))
    assert score.select(block.keeps(pl.col("score")))["score"].to_list() == [is_kept]


def test_licenses() -> None:
    frame = pl.DataFrame({"license": ["CC-BY-4.0", "cc0-1.0", "CC-BY-NC-4.0", "CC-BY-SA-3.0", "https://x.org/", None]})
    for block, is_kept in (
        (License(), [True, True, False, True, False, False]),
        (License(licenses=["https://x.org/"], undeclared=True), [False, False, False, False, True, True]),
        (License(licenses=[]), [False] * 6),
    ):
        assert frame.select(stays=block.keeps(pl.lit(1.0)))["stays"].to_list() == is_kept


def test_keys_hold_what_lists_say_and_not_where_they_lie(tmp_path: Path) -> None:
    def key(**settings: object) -> object:
        return Clean.model_validate({"filters": {"bad_words": settings}}).semantic()

    (tmp_path / "other").mkdir()
    first, second = write_list(tmp_path, "rope"), write_list(tmp_path / "other", "rope")
    assert key(enabled=True, path=first) == key(enabled=True, path=second)
    assert key(path=first) == key(path="/nowhere")
    before = key(enabled=True, path=first)
    write_list(tmp_path, "pier")
    assert key(enabled=True, path=first) != before
    settings = Clean.model_validate({"filters": {"bad_words": {"enabled": True, "path": first}}})
    assert "bad_words" not in settings.extract_settings().semantic()["filters"]


@pytest.mark.parametrize("kind", ["bad_words", "url_blocklist"])
def test_lists_that_cannot_be_used_name_the_setting(tmp_path: Path, kind: str) -> None:
    block = {"bad_words": BadWords, "url_blocklist": UrlBlocklist}[kind]
    (tmp_path / "bytes.txt").write_bytes(b"\x89PNG\0\0\0")
    for path, message in (
        ("", "is empty"),
        ("/nowhere/list", "holds no file"),
        (str(tmp_path / "bytes.txt"), "is no text file"),
    ):
        with pytest.raises(StageFailure, match=rf"{message}.*clean\.filters\.{kind}\.path"):
            block(enabled=True, path=path).score()
    with pytest.raises(StageFailure, match="has no entry"):
        block(enabled=True, path=write_list(tmp_path)).score()


def write_examples(folder: Path) -> dict[str, str]:
    """Write a folder of sentences about the harbour and one of advertisements; return them as settings of Quality."""
    for kind, words in (("good", "boat pier harbour tide master"), ("bad", "buy cheap click offer sale")):
        (folder / kind).mkdir(parents=True)
        for number in range(30):
            text = " ".join(words.split()[number % 5 :]) + f" and number {number} with the others"
            (folder / kind / f"{number}.txt").write_text(text)
    return {"positive_examples": str(folder / "good"), "negative_examples": str(folder / "bad")}


def test_a_classifier_learns_from_two_folders(tmp_path: Path, make_draft: Make) -> None:
    folders = write_examples(tmp_path)
    draft = make_draft("one")
    block = Quality(enabled=True, **folders).prepare(draft)
    high, low = score_texts(block, "the boat left the harbour", "click now and buy cheap")
    assert high > 0.6
    assert low < 0.4
    page = (draft.path / ABOUT_FILE).read_text()
    assert "30 positive and 30 negative" in page
    assert "100.0%" in page
    assert page.index("| harbour |") < page.index("| cheap |")
    assert load_classifier(draft.path / MODEL_FILE).weights.any()


def test_the_same_examples_give_the_same_classifier_wherever_they_lie(tmp_path: Path, make_draft: Make) -> None:
    first, second = write_examples(tmp_path / "a"), write_examples(tmp_path / "b")
    for name, folders in (("one", first), ("two", second)):
        Quality(enabled=True, **folders).prepare(make_draft(name))
    drafts = [make_draft(name) for name in ("one", "two")]
    for name in (MODEL_FILE, ABOUT_FILE):
        assert (drafts[0].path / name).read_bytes() == (drafts[1].path / name).read_bytes()
    assert Quality(enabled=True, **first).semantic() == Quality(enabled=True, **second).semantic()


def test_an_exported_classifier_can_be_taken_up_again(tmp_path: Path, make_draft: Make) -> None:
    trained = Quality(enabled=True, **write_examples(tmp_path)).prepare(make_draft("one"))
    again = Quality(enabled=True, model=trained.model).prepare(make_draft("two"))
    assert score_texts(again, "boat", "buy") == score_texts(trained, "boat", "buy")


def test_examples_in_rows_and_what_is_wrong_with_some(tmp_path: Path, make_draft: Make) -> None:
    folders = write_examples(tmp_path)
    pl.DataFrame({"text": [f"a boat {number}" for number in range(5)]}).write_ndjson(tmp_path / "good" / "rows.jsonl")
    pl.DataFrame({"text": ["a pier", None]}).write_parquet(tmp_path / "good" / "rows.parquet")
    draft = make_draft("rows")
    Quality(enabled=True, **folders).prepare(draft)
    assert "36 positive and 30 negative" in (draft.path / ABOUT_FILE).read_text()
    pl.DataFrame({"body": ["a pier"]}).write_parquet(tmp_path / "bad" / "rows.parquet")
    with pytest.raises(StageFailure, match=r"cannot read example texts from .*bad/rows\.parquet"):
        Quality(enabled=True, **folders).prepare(make_draft("wrong"))
    (tmp_path / "few").mkdir()
    (tmp_path / "few" / "one.txt").write_text("one")
    with pytest.raises(
        StageFailure, match=r"has only 1 different examples.*clean\.filters\.quality\.positive_examples"
    ):
        Quality(
            enabled=True, positive_examples=str(tmp_path / "few"), negative_examples=folders["positive_examples"]
        ).prepare(make_draft("few"))


def test_a_file_that_is_no_classifier(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"no model")
    with pytest.raises(StageFailure, match=r"model\.safetensors cannot be read as a classifier"):
        Quality(enabled=True, model=str(tmp_path / "model.safetensors")).score()
