"""Which tokens make a word together, read from how the vocabulary spells them.

A word is a run of letters and digits; any other token is a unit of its own. In scripts without spaces each token is,
unless it begins within a character, or a segmenter knows longer words.
"""

import json
import re
from collections.abc import Callable
from functools import cache

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from tasks.errors import StageFailure

Bools = npt.NDArray[np.bool_]
Int64s = npt.NDArray[np.int64]

# Thai and Lao, Myanmar, Khmer, kana, Han
UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff]"
)
BYTE = re.compile(r"<0x([0-9A-F]{2})>")
TORN = re.compile(r"[\udc80-\udcff]")


class Words:
    """The spelling of each token, and what follows from it for two tokens side by side."""

    def __init__(self, spelled: list[bytes]) -> None:
        self.spelled = spelled
        self._inside = np.array([bool(text) and 0x80 <= text[0] < 0xC0 for text in spelled])
        letters = [text.decode(errors="surrogateescape") for text in spelled]
        # half a character: most that begin with these bytes are letters of Latin, Greek, Cyrillic, Hebrew or Arabic
        self._first = np.array([is_letter(text[:1]) or "\udcc3" <= text[:1] <= "\udcdf" for text in letters])
        self._last = np.array([is_letter(text[-1:]) or "\udc80" <= text[-1:] <= "\udcbf" for text in letters])

    def begin(self, tokens_BT: Int64s) -> Bools:
        """Where a word begins, as (B, T)."""
        begins_BT = np.ones(tokens_BT.shape, dtype=bool)
        before, here = tokens_BT[:, :-1], tokens_BT[:, 1:]
        begins_BT[:, 1:] = ~(self._inside[here] | (self._first[here] & self._last[before]))
        return begins_BT

    def segmented(self, tokens_BT: Int64s) -> Bools:
        """The same with Chinese words as jieba cuts them. Raises StageFailure when it is not installed."""
        return self.begin(tokens_BT) & np.stack([self._cut(row) for row in tokens_BT])

    def _cut(self, tokens_T: Int64s) -> Bools:
        texts = [self.spelled[token] for token in tokens_T.tolist()]
        text = b"".join(texts).decode(errors="surrogateescape")  # a token may hold half a character
        words = segmenter()(TORN.sub("\ufffd", text))
        behind = np.cumsum([len(word) for word in words])[:-1]
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
        sizes = 1 + (codes >= 0x80).astype(np.int64) + (codes >= 0x800) + (codes >= 0x10000)
        sizes[(codes >= 0xDC80) & (codes <= 0xDCFF)] = 1
        borders = np.concatenate([[0], np.cumsum(sizes)[behind - 1]])
        lengths = np.array([len(each) for each in texts])
        return np.isin(np.cumsum(lengths) - lengths, borders)


def is_letter(letter: str) -> bool:
    """Whether it is a letter or digit of a script that has spaces between words."""
    return letter.isalnum() and not UNSPACED.match(letter)


@cache
def segmenter() -> Callable[[str], list[str]]:
    """Cuts Chinese text into words; their sum is the text."""
    try:
        import rjieba  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise StageFailure(
            "whole Chinese words need the package rjieba", "pip install 'textmill[chinese]', or take characters"
        ) from error
    return rjieba.cut


def spelling(tokenizer: Tokenizer) -> list[bytes]:
    """The text of each token in UTF-8, by number; one that surely begins a word has a space before it."""
    named = json.loads(tokenizer.decoder.__getstate__()) if tokenizer.decoder is not None else {}
    kinds = {each.get("type") for each in [named, *named.get("decoders", [])]}
    read = _byte_level if "ByteLevel" in kinds else _word_piece if "WordPiece" in kinds else _metaspace
    texts = {number: text for text, number in tokenizer.get_vocab().items()}
    return [read(texts.get(number, "")) for number in range(tokenizer.get_vocab_size())]


def _byte_level(text: str) -> bytes:
    # special tokens are spelled as they are
    table = letters_of_bytes()
    return bytes(map(table.__getitem__, text)) if all(letter in table for letter in text) else text.encode()


def _word_piece(text: str) -> bytes:
    return text[2:].encode() if text.startswith("##") else f" {text}".encode()


def _metaspace(text: str) -> bytes:
    """SentencePiece's way, with its bytes for what it does not know."""
    byte = BYTE.fullmatch(text)
    return bytes([int(byte[1], 16)]) if byte else text.replace("▁", " ").encode()


@cache
def letters_of_bytes() -> dict[str, int]:
    """Byte-level vocabularies write printable bytes as themselves and the others as letters from U+0100 on (GPT-2)."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = [byte for byte in range(0x100) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(0x100 + n): byte for n, byte in enumerate(others)}
