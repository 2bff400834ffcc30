"""Encode texts to token ids and sentence starts, in Arrow columns.

Others hand a batch of strings to `encode_batch` and get an object of Python lists for each. Most of what that costs is
saved here: a text is split where its pre-tokenizer always splits, every different pre-token is encoded once, and the
rest is copying arrays. The ids are those of `encode_batch` on the whole texts.
"""

import json
from collections.abc import Sequence
from itertools import chain, pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from tokenizers import Tokenizer

from tasks.runtime.array_types import Bytes, Offsets
from tasks.runtime.jit import jit
from tasks.runtime.literal_text import hide_special_tokens
from tasks.runtime.text_kernels import text_buffers
from tasks.tokenize.encoder.array_types import Int32s, Ints
from tasks.tokenize.encoder.bpe import MAX_PRETOKEN_BYTES, MergeTable, encode_pretokens, read_merges
from tasks.tokenize.encoder.pretoken_cache import END, MAX_PRETOKENS, PretokenCache, allocate_spans
from tasks.tokenize.encoder.sentences import find_sentence_starts
from tasks.tokenize.encoder.split_points import PretokenizerFamily, detect_family


class EncodedTexts(NamedTuple):
    """Token ids of N documents one after the other, those of document i up to `ends[i]`; and their sentence starts."""

    ids: Int32s
    ends: Ints
    sentences: Ints  # token positions within the document, the first 0
    sentence_ends: Ints  # the sentences of document i are those up to sentence_ends[i]


class TokenUnits(NamedTuple):
    """The units in which a sentence's start is looked up: tokens, or pre-tokens where tokens have no offsets.

    A unit may begin with the blank before it, so a sentence starts in the first unit that ends behind its start.
    """

    last_bytes: Ints  # of each unit, or the first byte of its last letter
    tokens: Ints  # the first token of each unit


class BatchEncoder:
    """A tokenizer as a function of many texts, with one end token a text. Text that looks like a special token is text.

    Call it with texts that are strings without nulls.
    """

    def __init__(self, tokenizer: Tokenizer, end: int) -> None:
        tokenizer = hide_special_tokens(tokenizer)
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self.end = end
        vocab_size = tokenizer.get_vocab_size()
        # 16 bits hold the ids of 65,536 entries, in half of the space
        self.integer = pa.uint16() if vocab_size <= 1 << 16 else pa.uint32()
        pipeline = json.loads(tokenizer.to_str())
        self.token_bytes = count_token_bytes(pipeline, vocab_size)
        family = detect_family(pipeline)
        self.encode: WholeTextEncoder | PretokenEncoder
        if family is None:
            self.encode = WholeTextEncoder(tokenizer, end, with_offsets=self.token_bytes is None)
        else:
            self.encode = PretokenEncoder(tokenizer, family, read_merges(pipeline["model"]), end)

    def __call__(self, texts: pa.Array) -> EncodedTexts:
        """Return the ids of the texts, and the tokens where their sentences start."""
        data, offsets = text_buffers(texts)
        ids, ends, units = self.encode(data, offsets)
        starts = find_sentence_starts(data, offsets)
        if self.token_bytes is None:
            tokens = units.tokens[np.searchsorted(units.last_bytes, starts)]
        else:
            # tokens stand for fixed numbers of bytes, so their sizes add up to where each begins in the buffer
            sizes = self.token_bytes[ids]
            # the end token stands for no text
            sizes[ends - 1] = 0
            token_starts = offsets[0] + np.cumsum(sizes) - sizes
            # An end token begins where the next document does: side="right" takes the last of those that begin there.
            tokens = np.searchsorted(token_starts, starts, side="right") - 1
        return EncodedTexts(ids, ends, *locate_sentences(tokens, ends))


def locate_sentences(tokens: Ints, ends: Ints) -> tuple[Ints, Ints]:
    """Return sentence starts counted from their document's first token, and where each document's end in that list.

    A start at the end token is no sentence (nothing but blanks), and of several that start in one token one counts.
    """
    # tokens never fall, so several starts in one token are neighbours
    tokens = tokens[np.diff(tokens, prepend=-1) > 0]
    rows = np.searchsorted(ends, tokens, side="right")
    is_sentence = tokens < ends[rows] - 1
    tokens, rows = tokens[is_sentence], rows[is_sentence]
    return tokens - np.r_[0, ends][rows], np.cumsum(np.bincount(rows, minlength=len(ends)))


def count_token_bytes(pipeline: dict[str, Any], vocab_size: int) -> Ints | None:
    """Return the number of bytes of text that each token stands for; None where that is not fixed.

    It is fixed in byte-level vocabularies, where each letter of an entry stands for a byte.
    """
    splitter, model = pipeline["pre_tokenizer"] or {}, pipeline["model"]
    steps = splitter.get("pretokenizers", [splitter])
    adds_space = any(step.get("add_prefix_space") for step in steps)
    if pipeline["normalizer"] or adds_space or steps[-1].get("type") != "ByteLevel":
        return None
    entries = model["vocab"]
    if model["type"] == "Unigram":
        entries = {entry: index for index, (entry, _) in enumerate(entries)}
    token_bytes = np.zeros(vocab_size, np.int64)
    token_bytes[list(entries.values())] = [len(entry) for entry in entries]
    return token_bytes


class WholeTextEncoder:
    """Any tokenizer at all: whole texts go through the library."""

    def __init__(self, tokenizer: Tokenizer, end: int, *, with_offsets: bool) -> None:
        self.tokenizer, self.end, self.with_offsets = tokenizer, end, with_offsets

    def __call__(self, data: Bytes, offsets: Offsets) -> tuple[Int32s, Ints, TokenUnits]:
        """Return ids, where each text's end, and a unit a token (none without offsets, which cost most)."""
        encode = self.tokenizer.encode_batch if self.with_offsets else self.tokenizer.encode_batch_fast
        bounds = list(pairwise(offsets.tolist()))
        texts = [data[start:end].tobytes().decode() for start, end in bounds]
        encodings = encode(texts, add_special_tokens=False)
        ids = np.fromiter(chain.from_iterable((*encoding.ids, self.end) for encoding in encodings), np.int32)
        ends = np.cumsum([len(encoding.ids) + 1 for encoding in encodings], dtype=np.int64)
        if not self.with_offsets:
            return ids, ends, TokenUnits(ends[:0], ends[:0])
        last_bytes: list[int] = []
        for (start, end), encoding in zip(bounds, encodings, strict=True):
            letters = start + np.flatnonzero((data[start:end] & 0xC0) != 0x80)  # the first byte of each letter
            # the library counts in characters, and `letters` turns them into bytes; the end token gets the last byte
            last_bytes += [*(letters[max(last - 1, 0)] for _, last in encoding.offsets), end - 1]
        # searchsorted needs rising values, and the offsets of a normalised text may fall
        return ids, ends, TokenUnits(np.maximum.accumulate(np.array(last_bytes, np.int64)), np.arange(len(ids)))


class PretokenIds(NamedTuple):
    """The ids of every pre-token: those of number n are ids[starts[n] : ends[n]]."""

    ids: Int32s
    starts: Ints
    ends: Ints


class PretokenEncoder:
    """A tokenizer the texts of which may be split: each different pre-token is encoded once."""

    def __init__(
        self,
        tokenizer: Tokenizer,
        family: PretokenizerFamily,
        merges: MergeTable | None,
        end: int,
        max_pretokens: int = MAX_PRETOKENS,
    ) -> None:
        self.tokenizer = tokenizer
        self.cache = PretokenCache(family, max_pretokens)
        self.merges = merges
        starts, ends = np.zeros((2, max_pretokens + 1), np.int64)
        self.encoded = PretokenIds(np.full(1 << 16, end, np.int32), starts, ends)
        # END has one id, ids[0], which `np.full` has set to the end token; `clear` leaves it there
        self.encoded.ends[END] = 1
        self.num_encoded = self.num_ids = 1

    def __call__(self, data: Bytes, offsets: Offsets) -> tuple[Int32s, Ints, TokenUnits]:
        """Return ids, where each text's end, and a unit a pre-token."""
        spans = allocate_spans(offsets)
        row, position = 0, int(offsets[0])
        ids, lengths, indices, ends = [], [], [], []
        while row < len(offsets) - 1:
            num_spans, row, position = self.cache.split(data, offsets, row, position, spans)
            self._encode_new()
            new_indices = spans.indices[:num_spans].copy()  # the room is used again in the next round
            indices.append(new_indices)
            ends.append(spans.ends[:num_spans].copy())
            # ids are copied now: after a `clear` the same indices mean other pre-tokens
            lengths.append(self.encoded.ends[new_indices] - self.encoded.starts[new_indices])
            ids.append(gather_ids(new_indices, self.encoded, lengths[-1].sum()))
            if row < len(offsets) - 1:  # no room for more pre-tokens
                self.cache.clear()
                self.num_encoded = self.num_ids = 1
        is_end, span_ends = concatenate_arrays(indices, np.int32) == END, concatenate_arrays(ends, np.int64)
        id_ends = np.cumsum(concatenate_arrays(lengths, np.int64))
        return concatenate_arrays(ids, np.int32), id_ends[is_end], TokenUnits(span_ends - 1, np.r_[0, id_ends][:-1])

    def _encode_new(self) -> None:
        """Encode the pre-tokens that were seen for the first time: single words here, the others by the library."""
        first, last = self.num_encoded, self.cache.count
        indices, known = np.arange(first, last), self.cache.known
        if self.merges:
            sizes = known.ends[first:last] - known.ends[first - 1 : last - 1]
            is_ours = self.cache.are_words(first, last) & (sizes <= MAX_PRETOKEN_BYTES)
            # a pre-token never has more ids than bytes
            self._reserve(int(sizes.sum()))
            words, indices = indices[is_ours], indices[~is_ours]
            self.num_ids = encode_pretokens(known, words, self.merges, self.encoded, self.num_ids)
        if len(indices):
            self._encode_by_library(indices)
        self.num_encoded = last

    def _encode_by_library(self, indices: Ints) -> None:
        texts = [self.cache[index].decode() for index in indices]
        ids = [encoding.ids for encoding in self.tokenizer.encode_batch_fast(texts, add_special_tokens=False)]
        bounds = self.num_ids + np.r_[0, np.cumsum([len(text_ids) for text_ids in ids])]
        self._reserve(int(bounds[-1]) - self.num_ids)
        self.encoded.ids[self.num_ids : bounds[-1]] = np.fromiter(chain.from_iterable(ids), np.int32)
        self.encoded.starts[indices], self.encoded.ends[indices] = bounds[:-1], bounds[1:]
        self.num_ids = int(bounds[-1])

    def _reserve(self, num_more: int) -> None:
        """Make room for this many more ids, doubling at least, so that copies stay few."""
        ids = self.encoded.ids
        if self.num_ids + num_more > len(ids):
            self.encoded = self.encoded._replace(ids=np.r_[ids, np.empty(max(num_more, len(ids)), np.int32)])


def concatenate_arrays(arrays: Sequence[npt.NDArray[Any]], dtype: type) -> npt.NDArray[Any]:
    """Concatenate arrays, of which there may be none."""
    return np.concatenate([np.zeros(0, dtype), *arrays])


@jit
def gather_ids(indices: Int32s, encoded: Any, total: int) -> Any:
    """Return the ids of these pre-tokens, `total` of them, one after the other."""
    ids = np.empty(total, np.int32)
    position = 0
    for index in indices:
        for source in range(encoded.starts[index], encoded.ends[index]):
            ids[position] = encoded.ids[source]
            position += 1
    return ids


def make_schema(encoder: BatchEncoder) -> pa.Schema:
    """Make the schema of a shard of tokens."""
    return pa.schema({"id": pa.string(), "input_ids": pa.list_(encoder.integer), "sentences": pa.list_(pa.uint32())})


def make_record_batch(encoder: BatchEncoder, document_ids: pa.Array, encoded: EncodedTexts) -> pa.RecordBatch:
    """Make a batch of a shard of tokens, one row a document."""
    columns = [
        document_ids,
        make_list_array(encoded.ids, encoded.ends, encoder.integer),
        make_list_array(encoded.sentences, encoded.sentence_ends, pa.uint32()),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=make_schema(encoder))


def make_list_array(values: npt.NDArray[Any], ends: Ints, dtype: pa.DataType) -> pa.ListArray:
    """Make a list column from its values and where each row ends."""
    # the offsets of a list column have 32 bits: a batch must stay below 2^31 tokens
    offsets = pa.array(np.r_[0, ends].astype(np.int32))
    return pa.ListArray.from_arrays(offsets, pa.array(values.astype(dtype.to_pandas_dtype())))
