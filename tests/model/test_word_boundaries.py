"""Word boundaries in each kind of vocabulary."""

from itertools import pairwise

import numpy as np
import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from tasks.model.word_boundaries import WordBoundaries, read_spellings

TEXTS = ["unbelievable things don't happen, 2026 naïve façades", "我们在北京大学学习自然语言处理。", "они говорят"]


def train_byte_level() -> Tokenizer:
    table = Tokenizer(models.BPE())
    table.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    table.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    table.train_from_iterator(
        TEXTS, trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet, show_progress=False)
    )
    return table


def train_word_piece() -> Tokenizer:
    table = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    table.normalizer = normalizers.BertNormalizer()
    table.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    table.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(vocab_size=90, special_tokens=["[UNK]"], show_progress=False)
    table.train_from_iterator(TEXTS, trainer)
    return table


def train_unigram() -> Tokenizer:
    table = Tokenizer(models.Unigram())
    table.pre_tokenizer = pre_tokenizers.Metaspace()
    table.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=90, unk_token="<unk>", special_tokens=["<unk>"], show_progress=False)
    table.train_from_iterator(TEXTS, trainer)
    return table


def group_into_words(table: Tokenizer, text: str, segmented: bool = False) -> list[str]:
    words = WordBoundaries(read_spellings(table))
    ids = np.array([table.encode(text).ids])
    begins = (words.find_segmented_starts if segmented else words.find_starts)(ids)[0]
    pieces = [words.spellings[token] for token in ids[0]]
    edges = [*np.flatnonzero(begins).tolist(), len(pieces)]
    assert edges[0] == 0
    return [b"".join(pieces[begin:end]).decode() for begin, end in pairwise(edges)]


def test_byte_level_spelling_gives_the_text_back() -> None:
    table = train_byte_level()
    for text in TEXTS:
        assert b"".join(read_spellings(table)[token] for token in table.encode(text).ids).decode() == text


@pytest.mark.parametrize("make", [train_byte_level, train_word_piece, train_unigram])
def test_letters_go_on_and_marks_stand_alone(make: object) -> None:
    assert callable(make)
    words = [word.strip() for word in group_into_words(make(), "unbelievable things happen, 2026")]
    assert [word for word in words if word] == ["unbelievable", "things", "happen", ",", "2026"]


def test_characters_split_over_tokens_stay_in_one_word() -> None:
    """grouped() decodes each word, so a torn character would raise."""
    words = group_into_words(train_byte_level(), "бездна 語学 Ünï")
    assert "".join(words) == "бездна 語学 Ünï"
    assert [word.strip() for word in words if word.strip()] == ["бездна", "語", "学", "Ünï"]


def test_chinese_words_are_those_of_the_segmenter() -> None:
    pytest.importorskip("rjieba", reason="the extra `chinese` is not installed")
    table = train_byte_level()
    text = "清华大学校长他说The校长didn't"
    apart, whole = group_into_words(table, text), group_into_words(table, text, segmented=True)
    assert len(whole) < len(apart)
    assert whole[:2] == ["清华大学", "校长"]
    assert "".join(whole) == text


def test_half_a_character_at_the_end_of_a_row_is_no_trouble() -> None:
    pytest.importorskip("rjieba", reason="the extra `chinese` is not installed")
    table = train_byte_level()
    words = WordBoundaries(read_spellings(table))
    ids = np.array([table.encode("鱻").ids[:2]])
    assert words.find_segmented_starts(ids).tolist() == words.find_starts(ids).tolist()
    assert words.find_starts(ids)[0, 0]
