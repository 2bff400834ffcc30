"""Gopher's quality rules at their thresholds."""

import math

import polars as pl
import pytest

from tasks.clean.filters import SCORE
from tasks.clean.filters._scores import with_scores
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
from tests.clean.filters.judge import documents, judged, scores

WORDS = (
    "The harbour master keeps a list of every boat that lies at the pier and writes down when it leaves. " * 10
).split()
CHINESE = (
    "港口管理员记录每一艘停靠码头的船只，并写下它们离开的时间。天气好的时候，渔民清晨出海，傍晚归来。\n\n"
    "“今天的收获不错！”老船长说，“明天还要更早出发……”人们在岸边等待，孩子们在沙滩上奔跑。\n"
)


def test_word_count_at_both_ends() -> None:
    assert judged(WordCount(), " ".join(WORDS[:49]), "\n".join(WORDS[:50])) == [False, True]
    assert judged(WordCount(most=60), " ".join(WORDS[:60]), " ".join(WORDS[:61])) == [True, False]


def test_every_chinese_character_is_a_word_and_its_punctuation_none() -> None:
    assert scores(WordCount(), "港口管理员，记录。Python 3 代码", language="zh") == [11]
    assert scores(WordCount(), "ひらがなカタカナ สวัสดี 한국어 단어") == [8 + 6 + 2]


def test_mean_word_length_at_both_ends() -> None:
    assert scores(MeanWordLength(), "abc abcde\nabcd") == [4]
    assert judged(MeanWordLength(), "abc abc", "ab abc", "abcdefghij " * 3, "abcdefghijk " * 3) == [
        True,
        False,
        True,
        False,
    ]


def test_mean_word_length_says_nothing_about_chinese() -> None:
    assert math.isnan(scores(MeanWordLength(), CHINESE)[0])
    assert judged(MeanWordLength(), CHINESE) == [True]


def test_symbol_ratio_takes_the_worse_symbol() -> None:
    nine, ten = " ".join(WORDS[:9]), " ".join(WORDS[:10])
    assert judged(SymbolRatio(), ten + "#", nine + "#", ten + "...", nine + "…") == [True, False, True, False]
    assert scores(SymbolRatio(), " ".join(WORDS[:20]) + "# ... …") == [pytest.approx(2 / 22)]


def test_bullet_lines() -> None:
    assert judged(BulletLines(), "• rope\n" * 9 + "\nText", "- rope\n" * 10 + "Text") == [True, False]
    assert scores(BulletLines(), "  * rope\n\nA line - with a dash\n") == [0.5]


def test_ellipsis_lines() -> None:
    assert judged(EllipsisLines(), "More…\n" * 3 + "Text.\n" * 7, "More...\n" * 4 + "Text.\n" * 6) == [True, False]
    assert scores(EllipsisLines(), "wait ... what\n\nno") == [0]


def test_alphabetic_words() -> None:
    assert judged(AlphabeticWords(), "a1 b b é — ", "a b c 12 --") == [True, False]
    assert scores(AlphabeticWords(), "3 + x2 = 7") == [pytest.approx(0.2)]
    assert scores(AlphabeticWords(), "价格 25 元") == [pytest.approx(3 / 4)]


def test_stop_words_count_once_each_and_as_whole_words() -> None:
    assert judged(StopWords(), "The boat lies there, the pier too", "The boat and the pier") == [False, True]
    assert scores(StopWords(), "THE theatre ofthe bees. To be, to be!") == [3]


def test_stop_words_are_for_english() -> None:
    assert judged(StopWords(), "Der Hafen liegt still", language="de") == [True]
    assert judged(StopWords(), "Harbour pier boat", language="en") == [False]


def test_length_in_characters() -> None:
    assert judged(Length(fewest=3, most=5), "ab", "abc", "中文字", "abcde", "abcdef") == [
        False,
        True,
        True,
        True,
        False,
    ]


def test_language_by_name_and_by_certainty() -> None:
    assert judged(Language(), "x", certainty=0.3) == [True]
    assert judged(Language(), "x", certainty=0.29) == [False]
    assert judged(Language(languages=["en", "zh"]), "x", language="de") == [False]
    assert judged(Language(languages=["en", "zh"]), "x", language="zh") == [True]


@pytest.mark.parametrize(
    "block",
    [WordCount(), MeanWordLength(), SymbolRatio(), BulletLines(), EllipsisLines(), AlphabeticWords(), StopWords()],
)
def test_no_rule_made_for_english_drops_chinese(block) -> None:
    assert judged(block, CHINESE, language="zh") == [True]


def test_documents_in_several_languages_go_when_asked() -> None:
    scored = documents(["one", "two"]).with_columns(languages=pl.Series([["en"], ["en", "zh"]]))
    block = MixedLanguages(enabled=True)
    found = with_scores(scored, {"it": block}).select(block.keeps(pl.col(SCORE + "it")).alias("stays"))
    assert found["stays"].to_list() == [True, False]
    assert not MixedLanguages().enabled, "a phrase book may be wanted"
