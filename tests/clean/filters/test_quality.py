"""Gopher's quality rules at their thresholds."""

import math

import polars as pl
import pytest

from tasks.clean.filters import SCORE_PREFIX
from tasks.clean.filters._scores import add_scores
from tasks.clean.filters.alphabetic_words import AlphabeticWords
from tasks.clean.filters.bullet_lines import BulletLines
from tasks.clean.filters.ellipsis_lines import EllipsisLines
from tasks.clean.filters.language import Language
from tasks.clean.filters.length import Length
from tasks.clean.filters.mean_word_length import MeanWordLength
from tasks.clean.filters.mixed_languages import MixedLanguages
from tasks.clean.filters.stop_words import StopWords
from tasks.clean.filters.symbol_ratio import SymbolRatio
from tasks.clean.filters.word_count import WordCount
from tests.clean.filters.judge import keep_texts, make_documents, score_texts

WORDS = (
    "The harbour master keeps a list of every boat that lies at the pier and writes down when it leaves. " * 10
).split()
CHINESE = (
    "港口管理员记录每一艘停靠码头的船只，并写下它们离开的时间。天气好的时候，渔民清晨出海，傍晚归来。\n\n"
    "“今天的收获不错！”老船长说，“明天还要更早出发……”人们在岸边等待，孩子们在沙滩上奔跑。\n"
)


def test_word_count_at_both_ends() -> None:
    too_short, long_enough = " ".join(WORDS[:49]), "\n".join(WORDS[:50])
    short_enough, too_long = " ".join(WORDS[:60]), " ".join(WORDS[:61])

    assert keep_texts(WordCount(min=50), too_short, long_enough) == [False, True]
    assert WordCount().min == 50
    assert keep_texts(WordCount(max=60), short_enough, too_long) == [True, False]


def test_every_chinese_character_is_a_word_and_its_punctuation_none() -> None:
    assert score_texts(WordCount(), "港口管理员，记录。Python 3 代码", language="zh") == [11]
    assert score_texts(WordCount(), "ひらがなカタカナ สวัสดี 한국어 단어") == [8 + 6 + 2]


def test_mean_word_length_at_both_ends() -> None:
    assert score_texts(MeanWordLength(), "abc abcde\nabcd") == [4]
    assert keep_texts(MeanWordLength(), "abc abc", "ab abc", "abcdefghij " * 3, "abcdefghijk " * 3) == [
        True,
        False,
        True,
        False,
    ]


def test_mean_word_length_says_nothing_about_chinese() -> None:
    assert math.isnan(score_texts(MeanWordLength(), CHINESE)[0])
    assert keep_texts(MeanWordLength(), CHINESE) == [True]


def test_symbol_ratio_takes_the_worse_symbol() -> None:
    nine, ten, twenty = (" ".join(WORDS[:count]) for count in (9, 10, 20))

    assert keep_texts(SymbolRatio(), f"{ten}#", f"{nine}#") == [True, False]
    assert keep_texts(SymbolRatio(), f"{ten}...", f"{nine}…") == [True, False]

    two_ellipses_and_one_hash = f"{twenty}# ... …"
    assert score_texts(SymbolRatio(), two_ellipses_and_one_hash) == [pytest.approx(2 / 22)]


def test_bullet_lines() -> None:
    assert keep_texts(BulletLines(), "• rope\n" * 9 + "\nText", "- rope\n" * 10 + "Text") == [True, False]
    assert score_texts(BulletLines(), "  * rope\n\nA line - with a dash\n") == [0.5]


def test_ellipsis_lines() -> None:
    assert keep_texts(EllipsisLines(), "More…\n" * 3 + "Text.\n" * 7, "More...\n" * 4 + "Text.\n" * 6) == [True, False]
    assert score_texts(EllipsisLines(), "wait ... what\n\nno") == [0]


def test_alphabetic_words() -> None:
    assert keep_texts(AlphabeticWords(), "a1 b b é — ", "a b c 12 --") == [True, False]
    assert score_texts(AlphabeticWords(), "3 + x2 = 7") == [pytest.approx(0.2)]
    assert score_texts(AlphabeticWords(), "价格 25 元") == [pytest.approx(3 / 4)]


def test_stop_words_count_once_each_and_as_whole_words() -> None:
    assert keep_texts(StopWords(), "The boat lies there, the pier too", "The boat and the pier") == [False, True]
    assert score_texts(StopWords(), "THE theatre ofthe bees. To be, to be!") == [3]


def test_stop_words_are_for_english() -> None:
    assert keep_texts(StopWords(), "Der Hafen liegt still", language="de") == [True]
    assert keep_texts(StopWords(), "Harbour pier boat", language="en") == [False]


def test_length_in_characters() -> None:
    assert keep_texts(Length(min=3, max=5), "ab", "abc", "中文字", "abcde", "abcdef") == [
        False,
        True,
        True,
        True,
        False,
    ]


def test_language_by_name_and_by_certainty() -> None:
    assert keep_texts(Language(), "x", confidence=0.3) == [True]
    assert keep_texts(Language(), "x", confidence=0.29) == [False]
    assert keep_texts(Language(languages=["en", "zh"]), "x", language="de") == [False]
    assert keep_texts(Language(languages=["en", "zh"]), "x", language="zh") == [True]


@pytest.mark.parametrize(
    "block",
    [WordCount(), MeanWordLength(), SymbolRatio(), BulletLines(), EllipsisLines(), AlphabeticWords(), StopWords()],
)
def test_no_rule_made_for_english_drops_chinese(block) -> None:
    assert keep_texts(block, CHINESE, language="zh") == [True]


def test_documents_in_several_languages_go_when_asked() -> None:
    scored = make_documents(["one", "two"]).with_columns(languages=pl.Series([["en"], ["en", "zh"]]))
    block = MixedLanguages(enabled=True)
    kept = add_scores(scored, {"it": block}).select(block.keeps(pl.col(SCORE_PREFIX + "it")).alias("kept"))
    assert kept["kept"].to_list() == [True, False]
    assert not MixedLanguages().enabled, "a phrase book may be wanted"
