"""MinHash signatures: documents per CPU-second of our kernel against datasketch's `bulk` and `update`.

The documents are real (benchmarks/pages.py). Each side gets the texts and makes 128-entry signatures of their word
5-grams. datasketch gets its usual user code (a regular expression, joined 5-grams, its default hash); "ready" is `bulk`
on shingles that someone else already made.
"""

import re
from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
from datasketch import MinHash

from benchmarks.pages import texts as real_texts
from benchmarks.report import Scale, interleaved, print_result, print_table, print_versions, read_scale, spread
from tasks.dedup.minhash.signatures import sketch_texts
from tasks.dedup.minhash.words import hash_shingle, iterate_shingles

NUM_PERM, SIZE, SEED = 128, 5, 1
DOCUMENTS = {Scale.FULL: 1_000, Scale.QUICK: 200, Scale.SMOKE: 20}
ROUNDS = {Scale.FULL: 7, Scale.QUICK: 5, Scale.SMOKE: 2}
CALLS = {Scale.FULL: 20, Scale.QUICK: 50, Scale.SMOKE: 1}  # of ours a round, or the clock would be too coarse


def split(text: str) -> list[bytes]:
    """Word 5-grams as a user of datasketch makes them."""
    words = re.findall(r"\w+", text.lower())
    return [" ".join(words[start : start + SIZE]).encode() for start in range(max(len(words) - SIZE + 1, 1))]


def update(texts: list[str]) -> Iterator[MinHash]:
    """One call of `update` a shingle, as in datasketch's first example."""
    for text in texts:
        made = MinHash(num_perm=NUM_PERM, seed=SEED)
        for shingle in split(text):
            made.update(shingle)
        yield made


def check(texts: list[str]) -> None:
    """Stop unless our signatures are those of datasketch for the same hash of a shingle."""
    for text, ours in zip(texts, sketch_texts(pa.array(texts), NUM_PERM, SIZE, SEED).signatures, strict=True):
        peer = MinHash(num_perm=NUM_PERM, seed=SEED, hashfunc=hash_shingle)
        peer.update_batch(iterate_shingles(text, SIZE))
        np.testing.assert_array_equal(ours, peer.hashvalues)


def main() -> None:
    scale = read_scale(__doc__)
    where, texts = real_texts(DOCUMENTS[scale])
    column, ready = pa.array(texts), [split(text) for text in texts]
    few = texts[::10]  # `update` is too slow for all of them
    check(texts[::25])
    works: dict[str, Callable[[], object]] = {
        "ours": lambda: [sketch_texts(column, NUM_PERM, SIZE, SEED) for _ in range(CALLS[scale])],
        "bulk": lambda: MinHash.bulk((split(text) for text in texts), num_perm=NUM_PERM, seed=SEED),
        "ready": lambda: MinHash.bulk(ready, num_perm=NUM_PERM, seed=SEED),
        "update": lambda: list(update(few)),
    }
    done = {"ours": CALLS[scale] * len(texts), "bulk": len(texts), "ready": len(texts), "update": len(few)}
    seconds = interleaved(ROUNDS[scale], works)
    rates = {name: [done[name] / each for each in seconds[name]] for name in works}
    ratios = {name: [a / b for a, b in zip(rates["ours"], rates[name], strict=True)] for name in works}

    print_versions("datasketch", "numba", "numpy", "pyarrow")
    words = sum(map(len, ready)) / len(texts) + SIZE - 1
    print(f"{len(texts):,} {where} of {words:,.0f} words on average, {len(seconds['ours'])} rounds: median (range)\n")
    rows = [(name, spread(rates[name]), spread(ratios[name])) for name in works]
    print_table(["signatures", "documents per CPU-second", "ours is so many times faster"], rows)
    print_result(
        "minhash",
        {name: spread(ratios[name]).median for name in ("bulk", "update", "ready")},
        {name: spread(rates[name]).median for name in works} | {"words_per_document": words},
    )


if __name__ == "__main__":
    main()
