import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tokenizers import Tokenizer
from transformers import AutoTokenizer

from tasks.tokenize.vocabulary import (
    BOS,
    EOS,
    MASK,
    PAD,
    SPECIAL,
    UNK,
    Algorithm,
    characters,
    save,
    stands_alone,
    trained,
)

ENGLISH = [
    f"The number {n} follows {n - 1}, don't you think? Parsing returns {n * 7} values. naïve café" for n in range(99)
]
CHINESE = [f"北京大学创办于{n}年，是中国第一所国立综合性大学。第{n}个人說：長江发源于青藏高原！" for n in range(99)]
ALGORITHMS: tuple[Algorithm, ...] = ("bpe", "wordpiece")


def texts() -> Iterator[list[str]]:
    yield ENGLISH
    yield CHINESE


@pytest.fixture(scope="module")
def tokenizers() -> dict[str, Tokenizer]:
    return {each: trained(texts, each, 600, lowercase=True) for each in ALGORITHMS}


def every_code_point() -> Iterator[str]:
    """All of Unicode (a string has no UTF-8 with surrogates in it), in strings that are easy to print."""
    codes = [code for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]
    for start in range(0, len(codes), 4096):
        yield "".join(map(chr, codes[start : start + 4096]))


def odd_texts(count: int) -> Iterator[str]:
    """Random mixtures of scripts, spaces, control characters, combining marks, emoji and what looks special."""
    draw = random.Random(0)
    pieces = [
        " ",
        "\n",
        "\t",
        "\r\n",
        "\x00",
        "\u200d",
        "\u0301",
        "\ufeff",
        "don't",
        "'S",
        "<eos>",
        "<mask>",
        "123456",
        "  ",
    ]
    blocks = [(0x20, 0x7F), (0xA0, 0x250), (0x370, 0x530), (0x4E00, 0x5000), (0x1F300, 0x1F600), (0x20, 0x10FFFF)]
    for _ in range(count):
        text = ""
        for _ in range(draw.randrange(1, 30)):
            low, high = draw.choice(blocks)
            code = draw.randrange(low, high)
            text += draw.choice(pieces) if draw.random() < 0.3 or 0xD800 <= code < 0xE000 else chr(code)
        yield text


def test_byte_level_gives_every_text_back(tokenizers: dict[str, Tokenizer]) -> None:
    tokenizer = Tokenizer.from_str(tokenizers["bpe"].to_str())
    tokenizer.encode_special_tokens = True
    for text in (*odd_texts(3_000), *every_code_point()):
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        assert tokenizer.decode(ids, skip_special_tokens=False) == text
        assert UNK not in ids


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_special_tokens_have_their_numbers(tokenizers: dict[str, Tokenizer], algorithm: str) -> None:
    tokenizer = tokenizers[algorithm]
    assert [tokenizer.id_to_token(number) for number in range(5)] == list(SPECIAL)
    assert tokenizer.encode("the number").ids[:: len(tokenizer.encode("the number").ids) - 1] == [BOS, EOS]
    assert set(tokenizer.get_added_tokens_decoder()) == set(range(5))
    assert tokenizer.get_vocab_size() <= 600


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_transformers_opens_it_without_our_code(
    tokenizers: dict[str, Tokenizer], algorithm: str, tmp_path: Path
) -> None:
    save(tokenizers[algorithm], tmp_path)
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
    if algorithm == "bpe":
        assert opened.decode(ids) == text


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_training_gives_the_same_in_another_process(tokenizers: dict[str, Tokenizer], algorithm: str) -> None:
    # hash tables of the library are seeded anew in every process
    here = Path(__file__)
    code = (
        "import importlib.util; spec = importlib.util.spec_from_file_location('there', __import__('sys').argv[1]); "
        "there = importlib.util.module_from_spec(spec); spec.loader.exec_module(there); "
        "print(there.trained(there.texts, __import__('sys').argv[2], 600, lowercase=True).to_str())"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(here), algorithm],
        cwd=here.parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == tokenizers[algorithm].to_str()


def test_chinese_phrases_are_tokens_of_byte_level_and_characters_of_wordpiece(tokenizers: dict[str, Tokenizer]) -> None:
    # four characters, twelve bytes
    assert len(tokenizers["bpe"].encode("北京大学", add_special_tokens=False).ids) <= 3
    assert tokenizers["wordpiece"].encode("北京大学", add_special_tokens=False).tokens == list("北京大学")


def test_no_token_of_byte_level_joins_han_and_latin(tokenizers: dict[str, Tokenizer]) -> None:
    made = trained(lambda: iter([["Python语言 " * 50]]), "bpe", 600, lowercase=True)
    assert made.encode("Python语言", add_special_tokens=False).offsets == [(0, 6), (6, 8)]


def test_wordpiece_folds_case_only_when_asked() -> None:
    lower, upper = (trained(texts, "wordpiece", 500, lowercase=folds) for folds in (True, False))
    assert lower.encode("THE Café").ids == lower.encode("the cafe").ids
    assert upper.encode("The").ids != upper.encode("the").ids


def test_the_rarest_characters_are_left_out(tokenizers: dict[str, Tokenizer]) -> None:
    normalizer = tokenizers["wordpiece"].normalizer
    assert characters([["aaabbc", "dd ee"]], normalizer, 3) == ["a", "b", "d"]
    assert UNK in tokenizers["wordpiece"].encode("ж").ids


def test_stands_alone_is_what_berts_pre_tokenizer_does(tokenizers: dict[str, Tokenizer]) -> None:
    tokenizer = tokenizers["wordpiece"]
    for letter in "a1é,$-。！”北Яव€→_~ひ":
        normal = tokenizer.normalizer.normalize_str(f"x{letter}x")
        split = [word for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(normal)]
        assert (len(split) == 3) == stands_alone(letter), letter


def test_shared_chinese_has_no_unknowns_in_byte_level(
    tokenizers: dict[str, Tokenizer], shared: Callable[[str], Path]
) -> None:
    file = max(
        (path for path in shared("thucnews-titles").rglob("*") if path.is_file()), key=lambda path: path.stat().st_size
    )
    for line in file.read_text(encoding="utf-8").splitlines()[:500]:
        ids = tokenizers["bpe"].encode(line, add_special_tokens=False).ids
        assert tokenizers["bpe"].decode(ids) == line
