import pkgutil
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from datasketch import LeanMinHash, MinHash, MinHashLSH

from tasks.dedup.minhash.signatures import (
    EMPTY,
    compute_shingle_set,
    draw_permutations,
    sketch_texts,
    sort_unique,
    to_lean_minhash,
)
from tasks.dedup.minhash.words import build_character_table, hash_shingle, iterate_shingles
from tasks.runtime.text_kernels import text_buffers

CHINESE = [
    "北京大学创办于1898年，初名京师大学堂，是中国第一所国立综合性大学，也是当时中国最高教育行政机关。",
    "人工智能（Artificial Intelligence，缩写为AI）亦稱智械、機器智能，指由人製造出來的機器所表現出來的智慧。",
    "长江发源于“世界屋脊”——青藏高原的唐古拉山脉各拉丹冬峰西南侧。干流流经11个省级行政区，全长约6,300公里。",
]
ODD = [
    "",
    "!?",
    "one",
    "one two",
    "\x00\x00 a",
    "𠀀𠀁𠀂",
    "İSTANBUL ẞ Ǆ ﬀ",
    "a\u0301 e\u0308 नमस्ते ไทย 🙂 ok ＦＵＬＬ",
    " \n\t" * 50,
]


def read_real_english(count: int) -> list[str]:
    """Source files of the standard library: prose, names and code that every machine has."""
    names = sorted(module.name for module in pkgutil.iter_modules() if not module.ispkg)
    specs = [find_spec(name) for name in names if name not in {"antigravity", "this", "__main__"}]
    files = [Path(spec.origin) for spec in specs if spec and spec.origin and spec.origin.endswith(".py")]
    return [path.read_text(encoding="utf-8", errors="replace")[:20_000] for path in files[:count]]


def compute_peer_signature(text: str, num_perm: int, size: int, seed: int) -> np.ndarray:
    peer = MinHash(num_perm=num_perm, seed=seed, hashfunc=hash_shingle, scheme="affine32")
    peer.update_batch(iterate_shingles(text, size))
    return np.asarray(peer.hashvalues)


@pytest.mark.parametrize(("num_perm", "size", "seed"), [(128, 5, 1), (100, 3, 42), (17, 1, 7)])
def test_signatures_are_those_of_datasketch(num_perm: int, size: int, seed: int) -> None:
    texts = [*read_real_english(12), *CHINESE, *ODD]
    sketches = sketch_texts(pa.array(texts), num_perm, size, seed)
    for text, signature in zip(texts, sketches.signatures, strict=True):
        np.testing.assert_array_equal(signature, compute_peer_signature(text, num_perm, size, seed))


@pytest.mark.slow
def test_signatures_are_those_of_datasketch_on_chinese_pages(shared: Callable[[str], Path]) -> None:
    files = sorted(path for path in shared("zhwiki-a").rglob("*") if path.is_file() and path.stat().st_size > 100_000)
    text = files[0].read_text(encoding="utf-8")
    texts = [text[start : start + 4_000] for start in range(0, 80_000, 4_000)]
    sketches = sketch_texts(pa.array(texts), 128, 5, 1)
    for passage, signature in zip(texts, sketches.signatures, strict=True):
        np.testing.assert_array_equal(signature, compute_peer_signature(passage, 128, 5, 1))


def test_permutations_are_those_of_datasketch() -> None:
    np.testing.assert_array_equal(
        draw_permutations(64, 9), MinHash(num_perm=64, seed=9, scheme="affine32").permutations
    )


def test_signatures_go_to_datasketch_as_lean_minhashes() -> None:
    texts = [*CHINESE, CHINESE[0] + "！"]
    lean_minhashes = to_lean_minhash(sketch_texts(pa.array(texts), 128, 5, 7).signatures, 7)
    for text, ours in zip(texts, lean_minhashes, strict=True):
        peer = MinHash(num_perm=128, seed=7, hashfunc=hash_shingle, scheme="affine32")
        peer.update_batch(iterate_shingles(text, 5))
        assert ours == LeanMinHash(peer)
        buffer = bytearray(ours.bytesize())
        ours.serialize(buffer)
        assert LeanMinHash.deserialize(buffer) == LeanMinHash(peer)
    index = MinHashLSH(threshold=0.8, num_perm=128)
    index.insert("first", lean_minhashes[0])
    assert index.query(lean_minhashes[3]) == ["first"]
    assert index.query(lean_minhashes[1]) == []


def test_threads_share_the_kernel() -> None:
    parts = [pa.array(read_real_english(8)[row : row + 2]) for row in range(0, 8, 2)]
    alone = [sketch_texts(part, 64, 5, 1).signatures for part in parts]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(lambda part: sketch_texts(part, 64, 5, 1).signatures, parts))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


def test_chunks_slices_nulls_and_wide_offsets_change_nothing() -> None:
    texts = [*CHINESE, *ODD, *read_real_english(3)]
    whole = sketch_texts(pa.array(texts), 64, 5, 1)
    wide = sketch_texts(pa.array(texts, pa.large_string()), 64, 5, 1)
    chunked = sketch_texts(pa.chunked_array([texts[:4], [], texts[4:]], pa.string()), 64, 5, 1)
    sliced = sketch_texts(pa.array(["before", *texts, "after"]).slice(1, len(texts)), 64, 5, 1)
    for other in (wide, chunked, sliced):
        for ours, theirs in zip(whole, other, strict=True):
            np.testing.assert_array_equal(ours, theirs)
    null = sketch_texts(pa.array(["a", None, ""]), 64, 5, 1)
    assert (null.signatures[1:] == EMPTY).all()
    assert null.num_words.tolist() == [1, 0, 0]


def test_other_column_types_are_refused() -> None:
    with pytest.raises(TypeError, match="int64, not string"):
        text_buffers(pa.array([1, 2]))


def test_torn_utf8_is_skipped_and_read_no_further_than_its_text() -> None:
    data = "ab 中".encode()[:4] + "中 cd".encode()[:4]  # the first text ends within a character
    offsets = np.array([0, 4, 8], np.int32)
    torn = pa.Array.from_buffers(pa.string(), 2, [None, pa.py_buffer(offsets), pa.py_buffer(data)])
    assert sketch_texts(torn, 16, 2, 1).num_words.tolist() == [1, 1]


@pytest.mark.parametrize("size", [0, 1, 2, 3, 100, 5_000])
@pytest.mark.parametrize("different", [1, 3, 1_000, 1 << 32])
def test_distinct_hashes_are_sorted(size: int, different: int) -> None:
    draw = np.random.default_rng(size)
    values = draw.integers(0, 1 << 32, different if different < 1 << 32 else size).astype(np.uint32)
    hashes = draw.choice(values, size) if size else np.zeros(0, np.uint32)
    np.testing.assert_array_equal(sort_unique(hashes), np.unique(hashes))


def test_digests_tell_words_apart_and_nothing_else() -> None:
    sketches = sketch_texts(
        pa.array(["Hello, world", "hello WORLD!", "world hello", "hello worlds", "?", "!", "?"]), 16, 5, 1
    )
    digests = [tuple(digest) for digest in sketches.digests.tolist()]
    assert digests[0] == digests[1]
    assert digests[4] == digests[6]
    assert len(set(digests)) == 5


@pytest.mark.parametrize("shared_part", [0.3, 0.5, 0.8, 0.95])
def test_the_estimate_is_within_three_sigma_of_the_jaccard_similarity(shared_part: float) -> None:
    draw = random.Random(int(shared_part * 100))
    vocabulary = [f"w{number}" for number in range(5_000)]
    both = draw.choices(vocabulary, k=int(2_000 * shared_part))
    one, other = (" ".join(both + draw.choices(vocabulary, k=2_000 - len(both))) for _ in range(2))
    texts = pa.array([one, other])
    data, ends = text_buffers(texts)
    sets = [
        set(compute_shingle_set(data, ends[row], ends[row + 1], build_character_table(), 5).tolist())
        for row in range(2)
    ]
    # the upper half is what signatures are made of
    assert {value >> 32 for value in sets[0]} == {hash_shingle(shingle) for shingle in iterate_shingles(one, 5)}
    true = len(sets[0] & sets[1]) / len(sets[0] | sets[1])
    sketches = sketch_texts(texts, 512, 5, 3)
    estimate = (sketches.signatures[0] == sketches.signatures[1]).mean()
    assert abs(estimate - true) <= 3 * np.sqrt(true * (1 - true) / 512)
