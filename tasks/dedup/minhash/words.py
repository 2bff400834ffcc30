"""What a word is, and the hash of a shingle of words: the definition that the kernel in `minhash` computes fast.

A word is a run of letters, marks and digits, folded (NFKC and lower case, where one code point results); the rest
separates. In scripts that are written without spaces (Chinese, Japanese, Thai, Lao, Myanmar, Khmer) every code point
is a word. A shingle is so many consecutive words; a document with fewer words has one shingle of all of them.
"""

import functools
import re
import unicodedata
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from tasks.runtime.text_kernels import MIX_1, MIX_2

# One entry per code point of a character table: the folded code point, and in the bits above it its class.
CLASS_SHIFT = 24
LETTER, ALONE = 1, 2  # 0 separates

# 64-bit odd multipliers: WORD hashes the code points of a word, SHINGLE its words.
START, WORD, SHINGLE = 0xCBF29CE484222325, 0x9E3779B97F4A7C15, 0xD1342543DE82EF95
ALL = (1 << 64) - 1

WITHOUT_SPACES = re.compile(
    "[\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3038-\u303c\u3041-\u30ff\u3100-\u312f\u31a0-\u31bf"
    "\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00016ff0-\U00018cff\U0001aff0-\U0001b2ff\U00020000-\U0003ffff"
    "\u0e01-\u0eff\u1000-\u109f\u1780-\u17ff\u19e0-\u19ff\ua9e0-\ua9ff\uaa60-\uaa7f]"
)


def folded(character: str) -> str:
    """The character without case and width: `Ａ` → `a`."""
    for form in (unicodedata.normalize("NFKC", character).lower(), character.lower()):
        if len(form) == 1:
            return form
    return character


def kind(character: str) -> int:
    """Whether a folded character separates words (0), belongs to one (LETTER) or is one (ALONE)."""
    if unicodedata.category(character)[0] not in "LMN":
        return 0
    return ALONE if WITHOUT_SPACES.match(character) else LETTER


@functools.cache
def character_table() -> npt.NDArray[np.uint32]:
    """Folded code point and class of all code points, shape (0x110000,), 4 MB of which a text touches a few pages."""
    table = np.zeros(0x110000, np.uint32)
    # planes 2 and 3 are all Han; what lies above holds no letters
    table[0x20000:0x40000] = np.arange(0x20000, 0x40000, dtype=np.uint32) | ALONE << CLASS_SHIFT
    for code in (*range(0xD800), *range(0xE000, 0x20000), *range(0x2F800, 0x2FA20)):
        form = folded(chr(code))
        table[code] = ord(form) | kind(form) << CLASS_SHIFT
    return table


def entries(text: str) -> npt.NDArray[np.uint32]:
    """The entry of the character table for every character of a text."""
    found: npt.NDArray[np.uint32] = character_table()[np.fromiter(map(ord, text), np.int64, len(text))]
    return found


def spans(text: str) -> list[tuple[int, int]]:
    """Where each word begins and ends, in characters."""
    found: list[tuple[int, int]] = []
    inside = False
    for place, of_kind in enumerate((entries(text) >> CLASS_SHIFT).tolist()):
        if of_kind == LETTER and inside:
            found[-1] = found[-1][0], place + 1
        elif of_kind:
            found.append((place, place + 1))
        inside = of_kind == LETTER
    return found


def words(text: str) -> list[str]:
    """The folded words of a text, in order."""
    letters = "".join(map(chr, (entries(text) & 0xFFFFFF).tolist()))
    return [letters[start:end] for start, end in spans(text)]


def shingles(text: str, size: int) -> Iterator[bytes]:
    """Every shingle of a text as UTF-8 with a space between words: what to give to `datasketch.MinHash.update`."""
    found = words(text)
    for start in range(max(len(found) - size + 1, min(len(found), 1))):
        yield " ".join(found[start : start + size]).encode()


def mixed(value: int) -> int:
    """`kernels.mixed` of a Python integer."""
    value = (value ^ value >> 30) * MIX_1 & ALL
    value = (value ^ value >> 27) * MIX_2 & ALL
    return value ^ value >> 31


def shingle_hash(shingle: bytes) -> int:
    """The 32-bit hash: `datasketch.MinHash(num_perm, seed, hashfunc=shingle_hash)` gives our signatures."""
    rolled = 0
    for word in shingle.decode().split(" "):
        hashed = START
        for character in word:
            hashed = (hashed ^ ord(character)) * WORD & ALL
        rolled = (rolled * SHINGLE + mixed(hashed)) & ALL
    return mixed(rolled) >> 32
