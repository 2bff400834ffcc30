"""The definition of a word and of the hash of a shingle of words, which the kernels in `signatures` compute fast.

A word is a run of letters, marks and digits, folded (NFKC and lower case, where one code point results); the rest
separates. In scripts that are written without spaces (Chinese, Japanese, Thai, Lao, Myanmar, Khmer) every code point
is a word. A shingle is so many consecutive words; a document with fewer words has one shingle of all of them.
"""

import functools
import re
import unicodedata
from collections.abc import Iterator

import numpy as np

from tasks.dedup.array_types import CharacterTable
from tasks.runtime.hashing import MIX_1, MIX_2

# One entry per code point of a character table: the folded code point, and in the bits above it its class.
CLASS_SHIFT = 24
LETTER, SINGLE = 1, 2  # a part of a word, a word of its own; 0 separates words

# 64-bit odd multipliers: WORD_FACTOR hashes the code points of a word, SHINGLE_FACTOR its words.
HASH_START, WORD_FACTOR, SHINGLE_FACTOR = 0xCBF29CE484222325, 0x9E3779B97F4A7C15, 0xD1342543DE82EF95
MASK_64 = (1 << 64) - 1

UNSPACED_SCRIPTS = re.compile(
    "[\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3038-\u303c\u3041-\u30ff\u3100-\u312f\u31a0-\u31bf"
    "\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00016ff0-\U00018cff\U0001aff0-\U0001b2ff\U00020000-\U0003ffff"
    "\u0e01-\u0eff\u1000-\u109f\u1780-\u17ff\u19e0-\u19ff\ua9e0-\ua9ff\uaa60-\uaa7f]"
)


def fold_character(character: str) -> str:
    """Return the character without case and width: `Ａ` → `a`."""
    for form in (unicodedata.normalize("NFKC", character).lower(), character.lower()):
        if len(form) == 1:
            return form
    return character


def classify_character(character: str) -> int:
    """Return the class of a folded character: it separates words (0), belongs to one (LETTER) or is one (SINGLE)."""
    if unicodedata.category(character)[0] not in "LMN":
        return 0
    return SINGLE if UNSPACED_SCRIPTS.match(character) else LETTER


@functools.cache
def build_character_table() -> CharacterTable:
    """Build the table of all code points, (0x110000,): 4 MB, of which a text touches a few pages."""
    table = np.zeros(0x110000, np.uint32)
    # planes 2 and 3 are all Han; what lies above holds no letters
    table[0x20000:0x40000] = np.arange(0x20000, 0x40000, dtype=np.uint32) | SINGLE << CLASS_SHIFT
    for code in (*range(0xD800), *range(0xE000, 0x20000), *range(0x2F800, 0x2FA20)):
        folded = fold_character(chr(code))
        table[code] = ord(folded) | classify_character(folded) << CLASS_SHIFT
    return table


def look_up_characters(text: str) -> CharacterTable:
    """Return the entry of the character table for every character of a text."""
    entries: CharacterTable = build_character_table()[np.fromiter(map(ord, text), np.int64, len(text))]
    return entries


def find_word_spans(text: str) -> list[tuple[int, int]]:
    """Return the start and end of each word, in characters."""
    spans: list[tuple[int, int]] = []
    in_word = False
    for position, character_class in enumerate((look_up_characters(text) >> CLASS_SHIFT).tolist()):
        if character_class == LETTER and in_word:
            # a further letter extends the word; a SINGLE in between has begun a span of its own and ended it
            spans[-1] = spans[-1][0], position + 1
        elif character_class:
            spans.append((position, position + 1))
        in_word = character_class == LETTER
    return spans


def split_words(text: str) -> list[str]:
    """Return the folded words of a text, in order."""
    folded = "".join(map(chr, (look_up_characters(text) & 0xFFFFFF).tolist()))
    return [folded[start:end] for start, end in find_word_spans(text)]


def iterate_shingles(text: str, size: int) -> Iterator[bytes]:
    """Yield every shingle of a text as UTF-8 with a space between words, as `datasketch.MinHash.update` takes it."""
    words = split_words(text)
    # one shingle of all words where they are fewer than `size`, none where there is no word
    for start in range(max(len(words) - size + 1, min(len(words), 1))):
        yield " ".join(words[start : start + size]).encode()


def mix_integer(value: int) -> int:
    """Compute `hashing.mix_bits` of a Python integer, which has no limit of bits."""
    value = (value ^ value >> 30) * MIX_1 & MASK_64
    value = (value ^ value >> 27) * MIX_2 & MASK_64
    return value ^ value >> 31


def hash_shingle(shingle: bytes) -> int:
    """Return the 32-bit hash: `datasketch.MinHash(num_perm, seed, hashfunc=hash_shingle)` gives our signatures."""
    rolling = 0
    for word in shingle.decode().split(" "):
        hashed = HASH_START
        for character in word:
            hashed = (hashed ^ ord(character)) * WORD_FACTOR & MASK_64
        rolling = (rolling * SHINGLE_FACTOR + mix_integer(hashed)) & MASK_64
    return mix_integer(rolling) >> 32
