"""Count words, to say how many a token stands for: letters and digits in a row; of Han characters, each is one."""

from typing import Any

import numpy as np
import pyarrow as pa

from tasks.runtime.jit import jit
from tasks.runtime.text_kernels import text_buffers
from tasks.tokenize.encoder.pretoken_cache import Ints, decode_code_point
from tasks.tokenize.encoder.split_points import classify_code_points

HAN, LETTER = 1, 2
PATTERNS = (r"\p{Han}", r"[[\p{L}\p{M}\p{N}]&&[^\p{Han}]]")


@jit
def counted(data: Any, offsets: Any, kinds: Any) -> Any:
    """Words of each text."""
    counts = np.zeros(offsets.size - 1, np.int64)
    for row in range(offsets.size - 1):
        place, before = offsets[row], 0
        while place < offsets[row + 1]:
            code, place = decode_code_point(data, place)
            kind = kinds[code]
            counts[row] += kind == HAN or (kind == LETTER and before != LETTER)
            before = kind
    return counts


def count_words(texts: pa.Array) -> Ints:
    """Words of each text of a string column."""
    data, offsets = text_buffers(texts)
    found: Ints = counted(data, offsets, classify_code_points(PATTERNS))
    return found
