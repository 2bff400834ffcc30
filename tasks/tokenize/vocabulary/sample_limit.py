"""Limit the text that a vocabulary is trained on by its distinct words, which decide time and memory.

Training keeps every distinct pre-token once, with the pairs of its bytes: about 90 bytes of memory for each byte of
them. Text with spaces repeats its words, so 100 MB are no trouble. Without spaces every phrase between two punctuation
marks is a pre-token, nearly all of them distinct: 10 MB of Chinese took 0.95 GB, and 80 MB eight times as much.
"""

import hashlib
import math
from collections.abc import Callable, Iterator
from typing import Any

TextBatches = Callable[[], Iterator[list[str]]]

MAX_DISTINCT_BYTES = 6_000_000
"""bytes of distinct pre-tokens: 0.6 GB of memory beside what the process has anyway"""
PROBE_BYTES = 2_000_000
"""text by which the number of distinct pre-tokens is estimated"""


def limit_distinct_words(texts: TextBatches, pre_tokenizer: Any) -> tuple[TextBatches, float]:
    """Return the texts to train on, and which fraction of all texts they are: those with the smallest hashes.

    Distinct words grow as a power of the text (Heaps, 1978): two probes, one within the other, give the exponent.
    """
    total = sum(len(text.encode()) for batch in texts() for text in batch)
    if total <= MAX_DISTINCT_BYTES:
        return texts, 1.0
    probe = min(1.0, PROBE_BYTES / total)
    half_words: set[str] = set()
    words: set[str] = set()
    for batch in texts():
        for text in batch:
            position = compute_hash_fraction(text)
            if position < probe:
                text_words = {word for word, _ in pre_tokenizer.pre_tokenize_str(text)}
                words |= text_words
                if position < probe / 2:
                    half_words |= text_words
    half_size, size = (sum(len(word.encode()) for word in seen) for seen in (half_words, words))
    # between nothing new and all new; a probe without a text in its first half cannot tell
    growth = min(1.0, max(0.1, math.log2(size / half_size))) if half_size and size else 1.0
    if size * (1 / probe) ** growth <= MAX_DISTINCT_BYTES:
        return texts, 1.0
    fraction = min(1.0, probe * (MAX_DISTINCT_BYTES / size) ** (1 / growth))

    def select_texts() -> Iterator[list[str]]:
        return ([text for text in batch if compute_hash_fraction(text) < fraction] for batch in texts())

    return select_texts, fraction


def compute_hash_fraction(text: str) -> float:
    """Return a number from 0 to 1 that is the same for equal texts, and evenly spread."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8, person=b"vocabulary").digest(), "big") / 2**64
