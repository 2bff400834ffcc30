import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tokenizers import Tokenizer
from transformers import AutoTokenizer

from tasks.tokenize.settings import NUM_SPECIAL
from tasks.tokenize.vocabulary.special_tokens import (
    BOS,
    EOS,
    FURTHER,
    MASK,
    PAD,
    SPECIAL,
    UNK,
    list_further_tokens,
    save_trained_tokenizer,
)
from tasks.tokenize.vocabulary.train import is_split_off, select_alphabet, train_tokenizer
from tests.tokenize.samples import ALGORITHMS, train_small, yield_code_points, yield_odd_texts, yield_texts

LOSSLESS = ("bpe", "unigram")


@pytest.fixture(scope="module")
def tokenizers() -> dict[str, Tokenizer]:
    return {algorithm: train_small(algorithm) for algorithm in ALGORITHMS}


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", LOSSLESS)
def test_byte_level_gives_every_text_back(tokenizers: dict[str, Tokenizer], algorithm: str) -> None:
    tokenizer = Tokenizer.from_str(tokenizers[algorithm].to_str())
    tokenizer.encode_special_tokens = True
    for text in (*yield_odd_texts(2_000), *yield_code_points()):
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        assert tokenizer.decode(ids, skip_special_tokens=False) == text
        assert UNK not in ids


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_special_tokens_have_their_numbers(tokenizers: dict[str, Tokenizer], algorithm: str) -> None:
    tokenizer = tokenizers[algorithm]
    assert [tokenizer.id_to_token(number) for number in range(5)] == list(SPECIAL)
    assert tokenizer.encode("the number").ids[:: len(tokenizer.encode("the number").ids) - 1] == [BOS, EOS]
    assert [
        tokenizer.id_to_token(number) for number in range(5, 5 + len(list_further_tokens(20)))
    ] == list_further_tokens(20)
    assert set(tokenizer.get_added_tokens_decoder()) == set(range(5 + len(list_further_tokens(20))))
    assert tokenizer.get_vocab_size() <= 700
    assert len(SPECIAL) + len(FURTHER) == NUM_SPECIAL


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_transformers_opens_it_without_our_code(
    tokenizers: dict[str, Tokenizer], algorithm: str, tmp_path: Path
) -> None:
    save_trained_tokenizer(tokenizers[algorithm], tmp_path, 20)
    opened = AutoTokenizer.from_pretrained(tmp_path)
    assert (opened.pad_token_id, opened.unk_token_id, opened.mask_token_id) == (PAD, UNK, MASK)
    assert opened.bos_token_id == opened.cls_token_id == BOS
    assert opened.eos_token_id == opened.sep_token_id == EOS
    text = "The number 5 follows 北京大学。"
    ids = tokenizers[algorithm].encode(text, add_special_tokens=False).ids
    assert opened(text)["input_ids"] == [BOS, *ids, EOS]
    assert opened(text, add_special_tokens=False)["input_ids"] == ids
    assert opened("The <mask> 5")["input_ids"].count(MASK) == 1
    assert opened("a", "b")["input_ids"].count(EOS) == 2
    assert opened.convert_tokens_to_ids(["<fim_middle>", "<extra_id_19>"]) == [6, 40]
    assert {"<fim_prefix>", "<extra_id_0>", "<e1>"} <= set(opened.all_special_tokens)
    assert opened.decode([BOS, 6, 40, *ids, EOS], skip_special_tokens=True) == opened.decode(ids)
    if algorithm in LOSSLESS:
        assert opened.decode(ids) == text


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_training_gives_the_same_in_another_process(tokenizers: dict[str, Tokenizer], algorithm: str) -> None:
    # hash tables of the library are seeded anew in every process
    code = f"from tests.tokenize.samples import train_small; print(train_small({algorithm!r}).to_str())"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[3], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == tokenizers[algorithm].to_str()


def test_chinese_phrases_are_tokens_of_byte_level_and_characters_of_wordpiece(tokenizers: dict[str, Tokenizer]) -> None:
    # four characters, twelve bytes
    assert len(tokenizers["bpe"].encode("北京大学", add_special_tokens=False).ids) <= 3
    assert tokenizers["wordpiece"].encode("北京大学", add_special_tokens=False).tokens == list("北京大学")


def test_no_token_of_byte_level_joins_han_and_latin(tokenizers: dict[str, Tokenizer]) -> None:
    tokenizer = train_tokenizer(lambda: iter([["Python语言 " * 50]]), "bpe", 600, lowercase=True, sentinels=0)
    assert tokenizer.encode("Python语言", add_special_tokens=False).offsets == [(0, 6), (6, 8)]


def test_wordpiece_folds_case_only_when_asked() -> None:
    lower, upper = (train_small("wordpiece", 500, lowercase=folds) for folds in (True, False))
    assert lower.encode("THE Café").ids == lower.encode("the cafe").ids
    assert upper.encode("The").ids != upper.encode("the").ids


def test_the_rarest_characters_are_left_out(tokenizers: dict[str, Tokenizer]) -> None:
    normalizer = tokenizers["wordpiece"].normalizer
    assert select_alphabet([["aaabbc", "dd ee"]], normalizer, 3) == ["a", "b", "d"]
    assert UNK in tokenizers["wordpiece"].encode("ж").ids


def test_stands_alone_is_what_berts_pre_tokenizer_does(tokenizers: dict[str, Tokenizer]) -> None:
    tokenizer = tokenizers["wordpiece"]
    for letter in "a1é,$-。！”北Яव€→_~ひ":
        normal = tokenizer.normalizer.normalize_str(f"x{letter}x")
        split = [word for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(normal)]
        assert (len(split) == 3) == is_split_off(letter), letter


def test_shared_chinese_has_no_unknowns_in_byte_level(
    tokenizers: dict[str, Tokenizer], shared: Callable[[str], Path]
) -> None:
    file = max(
        (path for path in shared("thucnews-titles").rglob("*") if path.is_file()), key=lambda path: path.stat().st_size
    )
    for line in file.read_text(encoding="utf-8").splitlines()[:500]:
        ids = tokenizers["bpe"].encode(line, add_special_tokens=False).ids
        assert tokenizers["bpe"].decode(ids) == line


def test_unigram_keeps_bytes_and_what_is_used_most(tokenizers: dict[str, Tokenizer]) -> None:
    tokenizer = tokenizers["unigram"]
    assert tokenizer.get_vocab_size() == 700
    assert tokenizer.encode(" Parsing", add_special_tokens=False).tokens == ["ĠParsing"]
    sizes = [len(tokenizers[name].encode("".join(next(yield_texts()))).ids) for name in LOSSLESS]
    assert sizes[1] < 1.1 * sizes[0]
