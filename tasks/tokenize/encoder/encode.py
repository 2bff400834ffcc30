"""Texts to token ids and sentence starts, in Arrow columns.

Peers hand a batch of strings to `encode_batch` and get an object of Python lists for each. Most of what that costs is
spared here: a text is cut where its pre-tokenizer always cuts, every different piece is encoded once, and the rest is
copying arrays. The ids are those of `encode_batch` on the whole texts.
"""

import json
from collections.abc import Sequence
from itertools import chain, pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from tokenizers import Tokenizer

from tasks.runtime.jit import jit
from tasks.runtime.text_kernels import text_buffers
from tasks.tokenize.encoder.bpe import MAX_PRETOKEN_BYTES, MergeTable, encode_pretokens, read_merges
from tasks.tokenize.encoder.pretoken_cache import END, MAX_PRETOKENS, Bytes, Int32s, Ints, PretokenCache, allocate_spans
from tasks.tokenize.encoder.sentences import find_sentence_starts
from tasks.tokenize.encoder.split_points import PretokenizerFamily, detect_family


class EncodedTexts(NamedTuple):
    """Token ids of N documents one after the other; those of document i end at `ends[i]`. So with sentences."""

    ids: Int32s
    ends: Ints
    sentences: Ints  # token offsets within the document, the first 0
    sentence_ends: Ints


class Units(NamedTuple):
    """What a sentence's start is looked up in: the last byte of each unit (or of its last letter), and its first token.

    A unit may begin with the blank before it, so the one that a sentence starts in is the first that ends behind.
    """

    lasts: Ints
    tokens: Ints


class BatchEncoder:
    """A tokenizer as a function of many texts, with one end token a text. Text that looks special is text."""

    def __init__(self, tokenizer: Tokenizer, end: int) -> None:
        tokenizer.encode_special_tokens = True
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self.end = end
        size = tokenizer.get_vocab_size()
        self.integer = pa.uint16() if size <= 1 << 16 else pa.uint32()
        pipeline = json.loads(tokenizer.to_str())
        self.num_bytes = bytes_a_token(pipeline, size)
        family = detect_family(pipeline)
        self.encode: Whole | PretokenEncoder
        if family is None:
            self.encode = Whole(tokenizer, end, with_offsets=self.num_bytes is None)
        else:
            self.encode = PretokenEncoder(tokenizer, family, read_merges(pipeline["model"]), end)

    def __call__(self, texts: pa.Array) -> EncodedTexts:
        """Ids, and where sentences start. Texts are strings without nulls."""
        data, offsets = text_buffers(texts)
        ids, ends, units = self.encode(data, offsets)
        sentences = find_sentence_starts(data, offsets)
        if self.num_bytes is None:
            tokens = units.tokens[np.searchsorted(units.lasts, sentences)]
        else:
            sizes = self.num_bytes[ids]
            sizes[ends - 1] = 0
            begins = offsets[0] + np.cumsum(sizes) - sizes
            tokens = np.searchsorted(begins, sentences, side="right") - 1
        return EncodedTexts(ids, ends, *within(tokens, ends))


def within(tokens: Ints, ends: Ints) -> tuple[Ints, Ints]:
    """Sentence starts counted from their document's first token, and where each document's end in the list.

    What starts at the end token is no sentence (nothing but blanks), and of those that start at one token one counts.
    """
    tokens = tokens[np.diff(tokens, prepend=-1) > 0]
    rows = np.searchsorted(ends, tokens, side="right")
    sentences = tokens < ends[rows] - 1
    tokens, rows = tokens[sentences], rows[sentences]
    return tokens - np.r_[0, ends][rows], np.cumsum(np.bincount(rows, minlength=len(ends)))


def bytes_a_token(pipeline: dict[str, Any], size: int) -> Ints | None:
    """How many bytes of text each token stands for, where that is fixed: of bytes, a letter stands for one."""
    splitter, model = pipeline["pre_tokenizer"] or {}, pipeline["model"]
    parts = splitter.get("pretokenizers", [splitter])
    adds_space = any(part.get("add_prefix_space") for part in parts)
    if pipeline["normalizer"] or adds_space or parts[-1].get("type") != "ByteLevel":
        return None
    entries = model["vocab"]
    if model["type"] == "Unigram":
        entries = {entry: number for number, (entry, _) in enumerate(entries)}
    lengths = np.zeros(size, np.int64)
    lengths[list(entries.values())] = [len(entry) for entry in entries]
    return lengths


class Whole:
    """Any tokenizer at all: whole texts through the library."""

    def __init__(self, tokenizer: Tokenizer, end: int, *, with_offsets: bool) -> None:
        self.tokenizer, self.end, self.with_offsets = tokenizer, end, with_offsets

    def __call__(self, data: Bytes, offsets: Ints) -> tuple[Int32s, Ints, Units]:
        """Ids, where each text's end, and a unit a token (none without offsets, which cost most)."""
        encode = self.tokenizer.encode_batch if self.with_offsets else self.tokenizer.encode_batch_fast
        bounds = list(pairwise(offsets.tolist()))
        found = encode([data[first:last].tobytes().decode() for first, last in bounds], add_special_tokens=False)
        ids = np.fromiter(chain.from_iterable((*each.ids, self.end) for each in found), np.int32)
        ends = np.cumsum([len(each.ids) + 1 for each in found], dtype=np.int64)
        if not self.with_offsets:
            return ids, ends, Units(ends[:0], ends[:0])
        lasts: list[int] = []
        for (first, last), each in zip(bounds, found, strict=True):
            letters = first + np.flatnonzero((data[first:last] & 0xC0) != 0x80)  # the first byte of each
            lasts += [*(letters[max(end - 1, 0)] for _, end in each.offsets), last - 1]
        return ids, ends, Units(np.maximum.accumulate(np.array(lasts, np.int64)), np.arange(len(ids)))


class Learned(NamedTuple):
    """The ids of every piece: those of number n are ids[begins[n] : ends[n]]."""

    ids: Int32s
    begins: Ints
    ends: Ints


class PretokenEncoder:
    """A tokenizer whose texts may be cut: each different piece is encoded once."""

    def __init__(
        self,
        tokenizer: Tokenizer,
        family: PretokenizerFamily,
        merges: MergeTable | None,
        end: int,
        most: int = MAX_PRETOKENS,
    ) -> None:
        self.tokenizer = tokenizer
        self.pieces = PretokenCache(family, most)
        self.merges = merges
        begins, ends = np.zeros((2, most + 1), np.int64)
        self.learned = Learned(np.full(1 << 16, end, np.int32), begins, ends)
        self.learned.ends[END] = 1
        self.num_learned = self.used = 1

    def __call__(self, data: Bytes, offsets: Ints) -> tuple[Int32s, Ints, Units]:
        """Ids, where each text's end, and a unit a piece."""
        room = allocate_spans(offsets)
        row, place = 0, int(offsets[0])
        ids, lengths, numbers, ends = [], [], [], []
        while row < len(offsets) - 1:
            count, row, place = self.pieces.cut(data, offsets, row, place, room)
            self._learn()
            mine = room.numbers[:count].copy()
            numbers.append(mine)
            ends.append(room.ends[:count].copy())
            lengths.append(self.learned.ends[mine] - self.learned.begins[mine])
            ids.append(gathered(mine, self.learned, lengths[-1].sum()))
            if row < len(offsets) - 1:  # no room for more pieces
                self.pieces.clear()
                self.num_learned = self.used = 1
        is_end, piece_ends = joined(numbers, np.int32) == END, joined(ends, np.int64)
        last = np.cumsum(joined(lengths, np.int64))
        return joined(ids, np.int32), last[is_end], Units(piece_ends - 1, np.r_[0, last][:-1])

    def _learn(self) -> None:
        """Encode the pieces that were seen for the first time."""
        first, last = self.num_learned, self.pieces.count
        numbers, known = np.arange(first, last), self.pieces.known
        if self.merges:
            sizes = known.ends[first:last] - known.ends[first - 1 : last - 1]
            mine = self.pieces.are_words(first, last) & (sizes <= MAX_PRETOKEN_BYTES)
            self._make_room(int(sizes.sum()))
            words, numbers = numbers[mine], numbers[~mine]
            self.used = encode_pretokens(known, words, self.merges, self.learned, self.used)
        if len(numbers):
            self._ask(numbers)
        self.num_learned = last

    def _ask(self, numbers: Ints) -> None:
        """Have pieces encoded by the library."""
        texts = [self.pieces[number].decode() for number in numbers]
        found = [each.ids for each in self.tokenizer.encode_batch_fast(texts, add_special_tokens=False)]
        bounds = self.used + np.r_[0, np.cumsum([len(each) for each in found])]
        self._make_room(int(bounds[-1]) - self.used)
        self.learned.ids[self.used : bounds[-1]] = np.fromiter(chain.from_iterable(found), np.int32)
        self.learned.begins[numbers], self.learned.ends[numbers] = bounds[:-1], bounds[1:]
        self.used = int(bounds[-1])

    def _make_room(self, more: int) -> None:
        ids = self.learned.ids
        if self.used + more > len(ids):
            self.learned = self.learned._replace(ids=np.r_[ids, np.empty(max(more, len(ids)), np.int32)])


def joined(parts: Sequence[npt.NDArray[Any]], of: type) -> npt.NDArray[Any]:
    """All parts as one array."""
    return np.concatenate([np.zeros(0, of), *parts])


@jit
def gathered(numbers: Any, learned: Any, total: Any) -> Any:
    """The ids of these pieces, one after the other."""
    out = np.empty(total, np.int32)
    place = 0
    for number in numbers:
        for source in range(learned.begins[number], learned.ends[number]):
            out[place] = learned.ids[source]
            place += 1
    return out


def make_schema(encoder: BatchEncoder) -> pa.Schema:
    """The columns of a shard of tokens."""
    return pa.schema({"id": pa.string(), "input_ids": pa.list_(encoder.integer), "sentences": pa.list_(pa.uint32())})


def make_record_batch(encoder: BatchEncoder, ids: pa.Array, encoded: EncodedTexts) -> pa.RecordBatch:
    """One row a document."""
    columns = [
        ids,
        lists(encoded.ids, encoded.ends, encoder.integer),
        lists(encoded.sentences, encoded.sentence_ends, pa.uint32()),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=make_schema(encoder))


def lists(values: npt.NDArray[Any], ends: Ints, of: pa.DataType) -> pa.ListArray:
    """A list column from its values and where each row ends."""
    offsets = pa.array(np.r_[0, ends].astype(np.int32))
    return pa.ListArray.from_arrays(offsets, pa.array(values.astype(of.to_pandas_dtype())))
