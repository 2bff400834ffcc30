"""Choose a Unigram vocabulary from a larger one of byte pairs, by how often the likeliest splits use each entry.

Kudo, "Subword Regularization", 2018, with two changes, because the library's own trainer sums in the order of a
randomly seeded hash table, so that no two processes train the same: candidates are the merges of byte-pair encoding,
not all frequent substrings, and counts come from the likeliest split of each word, not from all splits.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from tokenizers import Tokenizer, models, pre_tokenizers

from tasks.runtime.text_kernels import text_buffers
from tasks.tokenize.encoder.bpe import make_byte_alphabet
from tasks.tokenize.encoder.pretoken_cache import PretokenCache, allocate_spans
from tasks.tokenize.encoder.split_points import TEXTMILL

Counts = npt.NDArray[np.int64]
Scored = list[tuple[str, float]]

KEPT_A_ROUND = 0.75  # Kudo's share
COUNTS_A_ROUND = 2
UNUSED = 0.1  # the frequency of what no split uses
OF_SPECIAL = -1000.0  # never the likeliest of anything
MOST_WORDS = 1_000_000
WORDS_A_BATCH = 100_000


def choose_entries(seeds: Tokenizer, texts: Iterable[list[str]], size: int, special: list[str]) -> Scored:
    """Entries with their log probabilities: the special tokens, then bytes and merges, the likeliest first."""
    words = counted(texts, seeds.pre_tokenizer)
    bytes_ = set(pre_tokenizers.ByteLevel.alphabet())
    ranked = sorted(seeds.get_vocab().items(), key=lambda item: item[1])
    entries = [entry for entry, number in ranked if number >= len(special)]
    counts = uses(Tokenizer(seeds.model), words)[len(special) :]
    while True:
        for _ in range(COUNTS_A_ROUND):
            model = models.Unigram(log_shares(entries, counts), unk_id=0)
            counts = uses(Tokenizer(model), words)
        if len(entries) <= size - len(special):
            break
        most = max(size - len(special), int(KEPT_A_ROUND * len(entries)))
        order = sorted(range(len(entries)), key=lambda number: (entries[number] not in bytes_, -counts[number], number))
        entries, counts = [entries[number] for number in order[:most]], counts[order[:most]]
    likeliest = sorted(log_shares(entries, counts), key=lambda item: -item[1])
    return [*((token, OF_SPECIAL) for token in special), *likeliest]


def log_shares(entries: list[str], counts: Counts) -> Scored:
    """Log probabilities, rounded: the last digits of a logarithm are not the same on every machine."""
    total = math.log(max(int(counts.sum()), 1))
    shares = (round(math.log(count or UNUSED) - total, 6) for count in counts.tolist())
    return list(zip(entries, shares, strict=True))


def uses(tokenizer: Tokenizer, words: Counter[str]) -> Counts:
    """How often each entry stands in the splits of the words."""
    found = np.zeros(tokenizer.get_vocab_size(), np.int64)
    listed = list(words)
    for first in range(0, len(listed), WORDS_A_BATCH):
        batch = listed[first : first + WORDS_A_BATCH]
        splits = [each.ids for each in tokenizer.encode_batch_fast(batch, add_special_tokens=False)]
        times = np.repeat([words[word] for word in batch], [len(split) for split in splits])
        np.add.at(found, np.concatenate(splits), times)
    return found


def counted(texts: Iterable[list[str]], splitter: pre_tokenizers.PreTokenizer) -> Counter[str]:
    """The most frequent words of the texts in the alphabet of bytes, and how often they occur."""
    letters = str.maketrans({byte: letter for letter, byte in make_byte_alphabet().items()})
    counts: Counter[str] = Counter()
    for batch in texts:
        for piece, is_word, count in pieces_of(pa.array(batch, pa.string())):
            if is_word:
                counts[piece.decode("latin-1").translate(letters)] += count
            else:
                for word, _ in splitter.pre_tokenize_str(piece.decode()):
                    counts[word] += count
    return Counter(dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:MOST_WORDS]))


def pieces_of(texts: pa.Array) -> Iterator[tuple[bytes, bool, int]]:
    """The different pieces, whether each is a single word, and how often it occurs."""
    data, offsets = text_buffers(texts)
    pieces, room = PretokenCache(TEXTMILL), allocate_spans(offsets)
    row, place = 0, int(offsets[0])
    while row < len(offsets) - 1:
        count, row, place = pieces.cut(data, offsets, row, place, room)
        times = np.bincount(room.numbers[:count], minlength=pieces.count)
        for number, is_word in enumerate(pieces.are_words(1, pieces.count), 1):
            yield pieces[number], bool(is_word), int(times[number])
        pieces.clear()
