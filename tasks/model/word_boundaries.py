"""Words in rows of tokens, found by the tokens' spelling.

A word is a run of letters and digits; any other token is a word of its own. In scripts without spaces every token is,
unless it begins within a character, or a segmenter finds longer words.

Shape suffixes: B rows, T positions in a row.
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
BYTE_TOKEN = re.compile(r"<0x([0-9A-F]{2})>")
PARTIAL_CHARACTER = re.compile(r"[\udc80-\udcff]")


class WordBoundaries:
    """Finds the positions at which words begin, from the UTF-8 spelling of each token by id."""

    def __init__(self, spellings: list[bytes]) -> None:
        self.spellings = spellings
        # 80 to BF are UTF-8's continuation bytes.
        self._continues_character = np.array([bool(text) and 0x80 <= text[0] < 0xC0 for text in spellings])
        letters = [text.decode(errors="surrogateescape") for text in spellings]
        # surrogateescape turns each byte that is no valid UTF-8 into U+DC00 + byte, which the comparisons below look
        # for.
        # A token may begin or end within a character. Most characters whose first byte is C3 to DF are letters of
        # Latin, Greek, Cyrillic, Hebrew or Arabic, so such a partial character counts as a letter.
        self._starts_with_letter = np.array(
            [is_letter(text[:1]) or "\udcc3" <= text[:1] <= "\udcdf" for text in letters]
        )
        self._ends_with_letter = np.array(
            [is_letter(text[-1:]) or "\udc80" <= text[-1:] <= "\udcbf" for text in letters]
        )

    def find_starts(self, tokens_BT: Int64s) -> Bools:
        """Return flags (B, T) of the positions at which a word begins."""
        starts_BT = np.ones(tokens_BT.shape, dtype=bool)
        previous, current = tokens_BT[:, :-1], tokens_BT[:, 1:]
        # a word goes on where a token continues a character, or two letters meet
        starts_BT[:, 1:] = ~(
            self._continues_character[current] | (self._starts_with_letter[current] & self._ends_with_letter[previous])
        )
        return starts_BT

    def find_segmented_starts(self, tokens_BT: Int64s) -> Bools:
        """Return flags (B, T) of word starts, with Chinese words as jieba segments them.

        Raises StageFailure when jieba is not installed.
        """
        return self.find_starts(tokens_BT) & np.stack([self._segmenter_starts(row) for row in tokens_BT])

    def _segmenter_starts(self, tokens_T: Int64s) -> Bools:
        token_texts = [self.spellings[token] for token in tokens_T.tolist()]
        # the first and the last token may hold a part of a character: each of its bytes becomes one surrogate
        text = b"".join(token_texts).decode(errors="surrogateescape")
        words = load_segmenter()(PARTIAL_CHARACTER.sub("\ufffd", text))
        char_ends = np.cumsum([len(word) for word in words])[:-1]
        # from offsets in characters to offsets in UTF-8 bytes, in which tokens are measured; a surrogate is one byte
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
        char_bytes = 1 + (codes >= 0x80).astype(np.int64) + (codes >= 0x800) + (codes >= 0x10000)
        char_bytes[(codes >= 0xDC80) & (codes <= 0xDCFF)] = 1
        byte_starts = np.concatenate([[0], np.cumsum(char_bytes)[char_ends - 1]])
        token_bytes = np.array([len(token_text) for token_text in token_texts])
        return np.isin(np.cumsum(token_bytes) - token_bytes, byte_starts)


def is_letter(letter: str) -> bool:
    """Return whether `letter` is a letter or digit of a script that puts spaces between words."""
    return letter.isalnum() and not UNSPACED.match(letter)


@cache
def load_segmenter() -> Callable[[str], list[str]]:
    """Load jieba's function that splits Chinese text into words, which joined again are the text.

    Raises StageFailure when the package rjieba is missing.
    """
    try:
        import rjieba  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise StageFailure(
            "whole Chinese words need the package rjieba",
            "pip install 'textmill[chinese]', or set the segmenter to characters",
        ) from error
    return rjieba.cut


def read_spellings(tokenizer: Tokenizer) -> list[bytes]:
    """Return the text of each token in UTF-8, by id; a token that begins a word has a space before it."""
    decoder = json.loads(tokenizer.decoder.__getstate__()) if tokenizer.decoder is not None else {}
    # The decoder tells how tokens are spelled; it may be a sequence of decoders.
    kinds = {component.get("type") for component in [decoder, *decoder.get("decoders", [])]}
    spell = (
        _spell_byte_level if "ByteLevel" in kinds else _spell_word_piece if "WordPiece" in kinds else _spell_metaspace
    )
    texts = {token_id: text for text, token_id in tokenizer.get_vocab().items()}
    return [spell(texts.get(token_id, "")) for token_id in range(tokenizer.get_vocab_size())]


def _spell_byte_level(text: str) -> bytes:
    # special tokens are not encoded in the byte alphabet: they are spelled as they are
    byte_of = build_byte_alphabet()
    return bytes(map(byte_of.__getitem__, text)) if all(letter in byte_of for letter in text) else text.encode()


def _spell_word_piece(text: str) -> bytes:
    return text[2:].encode() if text.startswith("##") else f" {text}".encode()


def _spell_metaspace(text: str) -> bytes:
    """Spell a token of SentencePiece: ▁ is a space, <0xE4> a byte of a character that it does not know."""
    byte = BYTE_TOKEN.fullmatch(text)
    return bytes([int(byte[1], 16)]) if byte else text.replace("▁", " ").encode()


@cache
def build_byte_alphabet() -> dict[str, int]:
    """Return the byte that each letter of a byte-level vocabulary stands for (GPT-2).

    Printable bytes are written as themselves, the others as letters from U+0100 on.
    """
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    # In ascending order: the n-th of them is U+0100 + n.
    others = [byte for byte in range(0x100) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(0x100 + n): byte for n, byte in enumerate(others)}
