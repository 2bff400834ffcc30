"""The kinds of characters: one table by code point, which all loops over text use."""

import functools

import numpy as np
import numpy.typing as npt
import polars as pl

from tasks.runtime.text_kernels import text_buffers

# An entry of the table is the lower-case code point in its lower 21 bits, and these flags above it.
# 21 bits hold every code point, and the ten flags end below bit 31.
FLAG_SHIFT = 21
POINT_MASK = (1 << FLAG_SHIFT) - 1
SPACE, WORD_ALONE, BREAK, LETTER, WORD, TERMINAL, PUNCTUATION, HAN, CLOSING, MARK = (1 << bit for bit in range(10))

# Scripts written without spaces: each of their code points counts as a word, as a five-letter word does in English
# (a Chinese word is 1.5 code points long). Without this a Chinese page would be a dozen endless words.
UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
FLAG_PATTERNS = {
    SPACE: r"\s",
    WORD_ALONE: f"[{UNSPACED}]",
    # CJK and full-width punctuation separates words as a space does, and is no word
    # (々 and 〇 are Han characters within these blocks: `--` takes them away)
    BREAK: r"[\u3000-\u303F\uFF01-\uFF0F\uFF1A-\uFF20\uFF3B-\uFF40\uFF5B-\uFF65--\p{Han}]",
    LETTER: r"\p{L}",
    WORD: r"\w",
    TERMINAL: r"\p{Sentence_Terminal}",
    PUNCTUATION: r"\p{P}",
    HAN: r"\p{Han}",
    # quotation marks and closing brackets, which may follow the mark that ends a sentence
    CLOSING: r"[\"'＂＇\p{Pe}\p{Pi}\p{Pf}]",
    # a word without any needs no second look for punctuation
    MARK: r"[^\w\s]|\p{P}",
}
NUM_POINTS = 0x40000  # above are tags and private use

HASH_STEP = 0x9E3779B97F4A7C15  # an odd 64-bit multiplier


@functools.cache
def build_character_table() -> npt.NDArray[np.uint32]:
    """Build the table of lower case and flags, (NUM_POINTS,): 1 MB, of which a text uses a few memory pages."""
    # a lone surrogate cannot be in a polars string: an empty text stands for it
    characters = [chr(code) if not 0xD800 <= code < 0xE000 else "" for code in range(NUM_POINTS)]
    lower = (character.lower() for character in characters)
    # 0 where the lower case is several code points
    table = np.fromiter((ord(text) if len(text) == 1 else 0 for text in lower), np.uint32, NUM_POINTS)
    table = np.where(table == 0, np.arange(NUM_POINTS, dtype=np.uint32), table)
    column = pl.Series(characters)
    for flag, pattern in FLAG_PATTERNS.items():
        table |= column.str.contains(pattern).to_numpy().astype(np.uint32) * np.uint32(flag << FLAG_SHIFT)
    return table


def read_buffers(texts: pl.Series) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Return the UTF-8 bytes and the offsets of a polars column, as `text_kernels.text_buffers` does for Arrow."""
    return text_buffers(texts.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest()))
