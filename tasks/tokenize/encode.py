"""Texts to token ids and sentence starts, in Arrow columns."""

from collections.abc import Iterable, Sequence
from itertools import chain, pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from tokenizers import Tokenizer

from tasks.tokenize.sentences import starts
from tasks.tokenize.vocabulary import EOS, SPECIAL

Ints = npt.NDArray[np.int64]


class Encoded(NamedTuple):
    """Token ids of N documents one after the other; those of document i end at `ends[i]`. So with sentences."""

    ids: npt.NDArray[np.uint32]
    ends: Ints
    sentences: npt.NDArray[np.uint32]  # token offsets within the document, the first 0
    sentence_ends: Ints


class Encoder:
    """A trained tokenizer as a function of many texts. Text that looks like a special token is text."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self.tokenizer.encode_special_tokens = True
        self.is_byte_level = tokenizer.normalizer is None
        size = tokenizer.get_vocab_size()
        self.integer = pa.uint16() if size <= 1 << 16 else pa.uint32()
        # in the byte-level alphabet a character is a byte
        self.num_bytes = np.array([len(tokenizer.id_to_token(number) or "") for number in range(size)])
        self.num_bytes[: len(SPECIAL)] = 0

    def __call__(self, texts: Sequence[str]) -> Encoded:
        """Ids with one end-of-document token each, and where sentences start."""
        return self._by_bytes(texts) if self.is_byte_level else self._by_sentences(texts)

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Plain ids, without any special token and without offsets, which cost most."""
        return [each.ids for each in self.tokenizer.encode_batch_fast(texts, add_special_tokens=False)]

    def _by_bytes(self, texts: Sequence[str]) -> Encoded:
        """Every token stands for so many bytes, so their running sum tells which token a sentence starts in."""
        lists = self.ids(texts)
        ids, ends = flat(chain(each, (EOS,)) for each in lists)
        begins = np.r_[0, np.cumsum(self.num_bytes[ids])]
        firsts = np.r_[0, ends[:-1]]
        found = []
        for text, first, end in zip(texts, firsts, ends, strict=True):
            offsets = np.asarray(starts(text.encode()), np.int64) + begins[first]
            tokens = np.searchsorted(begins[first:end], offsets, side="right") - 1
            found.append(np.unique(tokens))
        sentences, sentence_ends = flat(found)
        return Encoded(ids, ends, sentences, sentence_ends)

    def _by_sentences(self, texts: Sequence[str]) -> Encoded:
        """Sentences end where words do, so a text's ids are those of its sentences. One without ids is no start."""
        raw = [text.encode() for text in texts]
        cuts = [[*starts(text), len(text)] for text in raw]
        parts = [text[a:b].decode() for text, places in zip(raw, cuts, strict=True) for a, b in pairwise(places)]
        lists = iter(self.ids(parts))
        documents, found = [], []
        for places in cuts:
            mine = [next(lists) for _ in range(len(places) - 1)]
            lengths = np.array([len(each) for each in mine], np.int64)
            documents.append(chain(*mine, (EOS,)))
            found.append((np.cumsum(lengths) - lengths)[lengths > 0])
        return Encoded(*flat(documents), *flat(found))


def flat(lists: Iterable[Iterable[int]]) -> tuple[npt.NDArray[np.uint32], Ints]:
    """Many short lists as one array, and where each ends."""
    arrays = [np.fromiter(each, np.uint32) for each in lists]
    ends = np.cumsum([len(each) for each in arrays], dtype=np.int64)
    return np.concatenate([np.zeros(0, np.uint32), *arrays]), ends


def schema(encoder: Encoder) -> pa.Schema:
    """The columns of a shard of tokens."""
    return pa.schema({"id": pa.string(), "input_ids": pa.list_(encoder.integer), "sentences": pa.list_(pa.uint32())})


def record_batch(encoder: Encoder, ids: pa.Array, texts: Sequence[str]) -> pa.RecordBatch:
    """One row a document."""
    encoded = encoder(texts)
    return pa.RecordBatch.from_arrays(
        [
            ids,
            lists(encoded.ids, encoded.ends, encoder.integer),
            lists(encoded.sentences, encoded.sentence_ends, pa.uint32()),
        ],
        schema=schema(encoder),
    )


def lists(values: npt.NDArray[np.uint32], ends: Ints, of: pa.DataType) -> pa.ListArray:
    """A list column from its values and where each row ends."""
    offsets = pa.array(np.r_[0, ends].astype(np.int32))
    return pa.ListArray.from_arrays(offsets, pa.array(values.astype(of.to_pandas_dtype())))
