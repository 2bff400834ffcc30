"""What kind of character a code point is: one table that all loops over text read."""

import functools

import numpy as np
import numpy.typing as npt
import polars as pl

from tasks.runtime.text_kernels import text_buffers

# An entry is the lower-case code point, and above it these flags.
FLAGS = 21
POINT = (1 << FLAGS) - 1
SPACE, ALONE, BREAK, LETTER, WORD, TERMINAL, PUNCTUATION, HAN, CLOSING, MARK = (1 << bit for bit in range(10))

# Scripts written without spaces: each of their code points counts as a word, as a five-letter word does in English
# (a Chinese word is 1.5 code points long). Without this a Chinese page would be a dozen endless words.
UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
PATTERNS = {
    SPACE: r"\s",
    ALONE: f"[{UNSPACED}]",
    # CJK and full-width punctuation stands between words as a space does; it is no word
    BREAK: r"[\u3000-\u303F\uFF01-\uFF0F\uFF1A-\uFF20\uFF3B-\uFF40\uFF5B-\uFF65--\p{Han}]",
    LETTER: r"\p{L}",
    WORD: r"\w",
    TERMINAL: r"\p{Sentence_Terminal}",
    PUNCTUATION: r"\p{P}",
    HAN: r"\p{Han}",
    # quotation marks and closing brackets, which stand after the mark that ends a sentence
    CLOSING: r"[\"'＂＇\p{Pe}\p{Pi}\p{Pf}]",
    # a word that has none is done with when its letters are
    MARK: r"[^\w\s]|\p{P}",
}
KNOWN = 0x40000  # above lie tags and private use

STEP = 0x9E3779B97F4A7C15  # an odd 64-bit multiplier


@functools.cache
def character_table() -> npt.NDArray[np.uint32]:
    """Lower case and flags of every code point, shape (KNOWN,): 1 MB, of which a text touches a few pages."""
    characters = [chr(code) if not 0xD800 <= code < 0xE000 else "" for code in range(KNOWN)]
    lower = (each.lower() for each in characters)
    table = np.fromiter((ord(each) if len(each) == 1 else 0 for each in lower), np.uint32, KNOWN)
    table = np.where(table == 0, np.arange(KNOWN, dtype=np.uint32), table)
    column = pl.Series(characters)
    for flag, pattern in PATTERNS.items():
        table |= column.str.contains(pattern).to_numpy().astype(np.uint32) * np.uint32(flag << FLAGS)
    return table


def bytes_of(texts: pl.Series) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """`kernels.buffers` of a polars column."""
    return text_buffers(texts.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest()))
