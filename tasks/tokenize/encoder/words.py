"""Count words, to say how many a token stands for: letters and digits in a row; of Han characters, each is one."""

from typing import Any

import numpy as np
import pyarrow as pa

from tasks.runtime.array_types import Bytes, Offsets
from tasks.runtime.jit import jit
from tasks.runtime.text_kernels import decode_character, text_buffers
from tasks.tokenize.encoder.array_types import Ints
from tasks.tokenize.encoder.split_points import classify_code_points

HAN, LETTER = 1, 2
PATTERNS = (r"\p{Han}", r"[[\p{L}\p{M}\p{N}]&&[^\p{Han}]]")


@jit
def fill_word_counts(data: Bytes, offsets: Offsets, classes: Bytes) -> Any:
    """Return the number of words of each text; `classes` has the class of every code point."""
    counts = np.zeros(offsets.size - 1, np.int64)
    for row in range(offsets.size - 1):
        position, end, before_class = offsets[row], offsets[row + 1], 0
        while position < end:
            code, position = decode_character(data, position, end)
            own_class = classes[code]
            counts[row] += own_class == HAN or (own_class == LETTER and before_class != LETTER)
            before_class = own_class
    return counts


def count_words(texts: pa.Array) -> Ints:
    """Count the words of each text of a string column."""
    data, offsets = text_buffers(texts)
    counts: Ints = fill_word_counts(data, offsets, classify_code_points(PATTERNS))
    return counts
