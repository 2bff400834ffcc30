"""Odd texts, and tokenizers of every known pipeline, for the tests of this folder."""

import random
import string
import sys
import unicodedata
from collections.abc import Iterator

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from tasks.tokenize.encoder.split_points import GPT4_PATTERN
from tasks.tokenize.vocabulary.train import Algorithm, train_tokenizer

ENGLISH = [
    f"The number {n} follows {n - 1}, don't you think? Parsing returns {n * 7} values. naïve café" for n in range(99)
]
CHINESE = [f"北京大学创办于{n}年，是中国第一所国立综合性大学。第{n}个人說：長江发源于青藏高原！" for n in range(99)]
TEXTS = [
    "One sentence here. Another one follows! And e.g. a third?\n\n    def f(x):\n        return x",
    "北京大学创办于1898年。是中国第一所国立综合性大学！对吗？“是。”他说。",
    "",
    "   ",
    "Literal <eos> and <mask> tokens. They are text.",
    "no end",
    "\n\n。\n",
    "naïve 🙂 café. Ünïcode\u0301 ok.  Two  spaces. ",
]
ALGORITHMS: tuple[Algorithm, ...] = ("bpe", "wordpiece", "unigram")

SNIPPETS = (
    *(" ", "  ", "\n", "\n\n", "\t", "\r\n", "\r", "\x00", "\u00a0", "\u3000", "\u2028", "\u200d", "\u0301", "\ufeff"),
    *("'", "'s", "'S", "'ll", "don't", "'s北", "''", "\"'t", "\u2019s", "<eos>", "<mask>", "<extra_id_0>", "\ufffd"),
    *(
        "123456",
        "1〇",
        "〇〇",
        "⺀",
        "々",
        "…",
        "。",
        "！”",
        "...",
        "//",
        "ſ",
        "İ",
        "Σ",
        "ǅ",
        "가",
        "\u1100\u1161",
        "한글",
    ),
    *("日本語の", "ไทย", "العربية", "שלום", "🙂", "👨\u200d👩", "\U0001f1e9\U0001f1ea", "e\u0301", "\u0300\u0301"),
    *("x\u0301 \u0301y", "½", "²", "Ⅷ", "_", "a_b"),
)
BLOCKS = ((0x20, 0x7F), (0xA0, 0x250), (0x370, 0x530), (0x4E00, 0x5000), (0x1F300, 0x1F600), (0x20, 0x10FFFF))


def yield_texts() -> Iterator[list[str]]:
    yield ENGLISH
    yield CHINESE
    yield TEXTS


def yield_code_points() -> Iterator[str]:
    """All of Unicode (a string has no UTF-8 with surrogates in it), in strings that are easy to print."""
    codes = [code for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]
    for start in range(0, len(codes), 4096):
        yield "".join(map(chr, codes[start : start + 4096]))


def yield_shuffled_code_points(length: int = 64, seed: int = 1) -> Iterator[str]:
    """Every character that is one, and some thousand that are none yet, in random order."""
    letters = [letter for text in yield_code_points() for letter in text]
    draw = random.Random(seed)
    letters = [letter for letter in letters if unicodedata.category(letter) not in ("Cn", "Co") or draw.random() < 0.01]
    draw.shuffle(letters)
    for start in range(0, len(letters), length):
        yield "".join(letters[start : start + length])


def yield_odd_texts(count: int, seed: int = 0) -> Iterator[str]:
    """Random mixtures of scripts, spaces, control characters, combining marks, emoji and what looks special."""
    draw = random.Random(seed)
    for _ in range(count):
        text = ""
        for _ in range(draw.randrange(1, 30)):
            low, high = draw.choice(BLOCKS)
            code = draw.randrange(low, high)
            text += draw.choice(SNIPPETS) if draw.random() < 0.5 or 0xD800 <= code < 0xE000 else chr(code)
        yield text


def train_small(algorithm: Algorithm, size: int = 700, *, lowercase: bool = True, sentinels: int = 20) -> Tokenizer:
    """A vocabulary as the stage trains it."""
    return train_tokenizer(yield_texts, algorithm, size, lowercase=lowercase, sentinels=sentinels)


def train_foreign(pattern: str | None, size: int = 600) -> Tokenizer:
    """A byte-level tokenizer as others make them: split by a pattern, or as GPT-2 does."""
    tokenizer = Tokenizer(models.BPE())
    to_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=pattern is None)
    split = pre_tokenizers.Split(Regex(pattern or ""), "isolated")
    tokenizer.pre_tokenizer = to_bytes if pattern is None else pre_tokenizers.Sequence([split, to_bytes])
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=["<|endoftext|>"], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(yield_texts(), trainer)
    return tokenizer


def train_metaspace() -> Tokenizer:
    """A tokenizer whose pipeline is not known: it is never split."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    alphabet = sorted(string.ascii_letters)
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=["<unk>", "<eos>"], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(yield_texts(), trainer)
    return tokenizer


MAKERS = {
    "bpe": lambda: train_small("bpe"),
    "unigram": lambda: train_small("unigram"),
    "wordpiece": lambda: train_small("wordpiece"),
    "cased": lambda: train_small("wordpiece", lowercase=False),
    "gpt2": lambda: train_foreign(None),
    "llama3": lambda: train_foreign(GPT4_PATTERN),
    "one digit": lambda: train_foreign(GPT4_PATTERN.replace("{1,3}", "")),
    "unknown pattern": lambda: train_foreign(r"\w+|\W+"),
    "metaspace": train_metaspace,
}
