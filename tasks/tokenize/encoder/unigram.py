"""Choose a Unigram vocabulary from a larger one of byte pairs, by how often the likeliest splits use each entry.

Kudo, "Subword Regularization", 2018, with two changes, because the library's own trainer sums in the order of a
randomly seeded hash table, so that no two processes train the same: candidates are the merges of byte-pair encoding,
not all frequent substrings, and counts come from the likeliest split of each word, not from all splits.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
from tokenizers import Tokenizer, models, pre_tokenizers

from tasks.runtime.text_kernels import text_buffers
from tasks.tokenize.encoder.array_types import Ints
from tasks.tokenize.encoder.bpe import make_byte_alphabet
from tasks.tokenize.encoder.pretoken_cache import PretokenCache, allocate_spans
from tasks.tokenize.encoder.split_points import TEXTMILL

ScoredEntries = list[tuple[str, float]]

KEPT_FRACTION = 0.75  # of the entries, in each round; Kudo's value
COUNTS_PER_ROUND = 2
UNUSED_COUNT = 0.1  # the count of an entry that no split uses
SPECIAL_SCORE = -1000.0  # never the likeliest of anything
MAX_WORDS = 1_000_000
BATCH_WORDS = 100_000


def choose_entries(seeds: Tokenizer, texts: Iterable[list[str]], size: int, special: list[str]) -> ScoredEntries:
    """Choose `size` entries of the seeds: the special tokens, then bytes and merges, the likeliest first.

    Each has its log probability.
    """
    words = count_words(texts, seeds.pre_tokenizer)
    alphabet = set(pre_tokenizers.ByteLevel.alphabet())
    ranked = sorted(seeds.get_vocab().items(), key=lambda item: item[1])
    # the special tokens have the first ids, and compete with nothing
    entries = [entry for entry, index in ranked if index >= len(special)]
    counts = count_uses(Tokenizer(seeds.model), words)[len(special) :]
    # Likelihoods and splits depend on each other: each round counts, estimates and counts again, then drops the least
    # used entries, until so many are left as were asked for.
    while True:
        for _ in range(COUNTS_PER_ROUND):
            # the library asks for an id of the unknown; it is never used, as all bytes are entries
            model = models.Unigram(compute_log_probabilities(entries, counts), unk_id=0)
            counts = count_uses(Tokenizer(model), words)
        if len(entries) <= size - len(special):
            break
        num_kept = max(size - len(special), int(KEPT_FRACTION * len(entries)))
        # Bytes are always kept, or not every text could be encoded: False sorts before True. Ties are broken by index,
        # so that every machine keeps the same entries.
        order = sorted(range(len(entries)), key=lambda index: (entries[index] not in alphabet, -counts[index], index))
        entries, counts = [entries[index] for index in order[:num_kept]], counts[order[:num_kept]]
    likeliest = sorted(compute_log_probabilities(entries, counts), key=lambda item: -item[1])
    return [*((token, SPECIAL_SCORE) for token in special), *likeliest]


def compute_log_probabilities(entries: list[str], counts: Ints) -> ScoredEntries:
    """Return the entries with their log probabilities.

    Rounded, because the last digits of a logarithm are not the same on every machine.
    """
    total = math.log(max(int(counts.sum()), 1))
    scores = (round(math.log(count or UNUSED_COUNT) - total, 6) for count in counts.tolist())
    return list(zip(entries, scores, strict=True))


def count_uses(tokenizer: Tokenizer, words: Counter[str]) -> Ints:
    """Count how often each entry is used in the splits of the words."""
    uses = np.zeros(tokenizer.get_vocab_size(), np.int64)
    word_list = list(words)
    for start in range(0, len(word_list), BATCH_WORDS):
        batch = word_list[start : start + BATCH_WORDS]
        splits = [encoding.ids for encoding in tokenizer.encode_batch_fast(batch, add_special_tokens=False)]
        word_counts = np.repeat([words[word] for word in batch], [len(split) for split in splits])
        # `uses[ids] += …` would add once where an id comes twice
        np.add.at(uses, np.concatenate(splits), word_counts)
    return uses


def count_words(texts: Iterable[list[str]], splitter: pre_tokenizers.PreTokenizer) -> Counter[str]:
    """Count the most frequent words of the texts, written in the alphabet of bytes."""
    letters = str.maketrans({byte: letter for letter, byte in make_byte_alphabet().items()})
    counts: Counter[str] = Counter()
    for batch in texts:
        for pretoken, is_word, count in count_pretokens(pa.array(batch, pa.string())):
            if is_word:
                # latin-1 makes of each byte the character of that number, which `translate` replaces by its letter
                counts[pretoken.decode("latin-1").translate(letters)] += count
            else:
                for word, _ in splitter.pre_tokenize_str(pretoken.decode()):
                    counts[word] += count
    return Counter(dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:MAX_WORDS]))


def count_pretokens(texts: pa.Array) -> Iterator[tuple[bytes, bool, int]]:
    """Yield the different pre-tokens, whether each is a single word, and how often it occurs.

    One that was forgotten in between is yielded again.
    """
    data, offsets = text_buffers(texts)
    cache, spans = PretokenCache(TEXTMILL), allocate_spans(offsets)
    row, position = 0, int(offsets[0])
    while row < len(offsets) - 1:
        num_spans, row, position = cache.split(data, offsets, row, position, spans)
        counts = np.bincount(spans.indices[:num_spans], minlength=cache.count)
        for index, is_word in enumerate(cache.are_words(1, cache.count), 1):
            yield cache[index], bool(is_word), int(counts[index])
        cache.clear()
