"""Training rows from memory-mapped Arrow shards: random access to any row, no prefetching, no loader processes.

Rows are packed: one row holds several documents, and padding after the last of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tasks.errors import StageFailure
from tasks.model.vocabulary import Vocabulary
from tasks.pretrain.data.packing import plan_rows
from tasks.pretrain.data.randomness import permute_indices

Int64s = npt.NDArray[np.int64]
Tokens = npt.NDArray[np.unsignedinteger]
PADDING = -1


@dataclass(frozen=True)
class Rows:
    """Packed rows; every array is (rows, length)."""

    tokens: Int64s
    positions: Int64s
    """position within the document, from 0"""
    documents: Int64s
    """index of the document within the row, PADDING after the last one"""
    vocabulary: Vocabulary
    sentences: npt.NDArray[np.bool_] | None = None
    """flags of the positions at which a sentence begins, or the rest of one that was split; None unless asked for"""


class ListColumn:
    """A column of Arrow shards with a list of integers for each document, read from the memory-mapped files."""

    def __init__(self, folders: Sequence[Path], column: str) -> None:
        self._values: list[Tokens] = []
        self.first_batches: dict[Path, Tokens] = {}
        """values of each file's first record batch"""
        chunks, starts, ends = [], [], []
        # Sorted: the order of a directory differs from machine to machine, and documents are numbered by it.
        for path in (path for folder in folders for path in sorted(folder.glob("*.arrow"))):
            for lists in _read_batches(path, column):
                # `values` of a sliced list array are those of the unsliced one; only `offsets` know the slice
                values = lists.values.to_numpy(zero_copy_only=True)
                offsets = lists.offsets.to_numpy(zero_copy_only=True).astype(np.int64)
                self.first_batches.setdefault(path, values[offsets[0] : offsets[-1]])
                chunks.append(np.full(len(lists), len(self._values), dtype=np.int32))
                starts.append(offsets[:-1])
                ends.append(offsets[1:])
                self._values.append(values)
        # Chunks are mapped record batches. Per document: its chunk and its start there, some 20 bytes in memory.
        self._chunks = np.concatenate(chunks) if chunks else np.empty(0, dtype=np.int32)
        self._starts = np.concatenate(starts) if starts else np.empty(0, dtype=np.int64)
        self.lengths: Int64s = np.concatenate(ends) - self._starts if ends else np.empty(0, dtype=np.int64)

    def read_slice(self, document: int, start: int, length: int) -> Tokens:
        """Return `length` values of a document from offset `start` on, without a copy."""
        # The offsets are absolute within the batch's values.
        absolute_start = self._starts[document] + start
        values: Tokens = self._values[self._chunks[document]]
        return values[absolute_start : absolute_start + length]


class TokenColumn(ListColumn):
    """The token ids of each document. Raises StageFailure when they do not belong to the vocabulary."""

    def __init__(self, folders: Sequence[Path], vocabulary: Vocabulary) -> None:
        super().__init__(folders, "input_ids")
        # one batch a file is enough to notice another tokenizer, without reading whole files
        for path, tokens in self.first_batches.items():
            _check_token_ids(path, tokens, vocabulary)


class SentenceColumn(ListColumn):
    """The offsets at which the sentences of each document begin, in tokens."""

    def __init__(self, folders: Sequence[Path]) -> None:
        super().__init__(folders, "sentences")

    def find_starts(self, document: int, start: int, length: int) -> Int64s:
        """Return the offsets within a piece of a document at which sentences begin.

        0 is always among them: a piece may begin with the rest of a sentence.
        """
        # Stored unsigned: cast before the subtraction, or the offsets in front of the piece wrap around.
        offsets = self.read_slice(document, 0, int(self.lengths[document])).astype(np.int64) - start
        # Only those inside the piece; 0 also begins the rest of a sentence that the previous piece began.
        return np.union1d([0], offsets[(offsets > 0) & (offsets < length)])


def _read_batches(path: Path, column: str) -> list[pa.ListArray]:
    try:
        reader = pa.ipc.open_file(pa.memory_map(str(path)))
        return [reader.get_batch(number).column(column) for number in range(reader.num_record_batches)]
    except (pa.ArrowInvalid, KeyError) as error:
        raise StageFailure(
            f"{path} is no shard of tokens: {error}", "Rebuild the tokens with --force tokenize"
        ) from error


def _check_token_ids(path: Path, tokens: Tokens, vocabulary: Vocabulary) -> None:
    if len(tokens) and int(tokens.max()) >= vocabulary.size:
        raise StageFailure(
            f"{path} holds token {int(tokens.max())}, and the tokenizer has only {vocabulary.size}",
            "The tokenizer does not belong to these shards: rebuild them with --force tokenize",
        )


class PackedDataset:
    """The documents of some folders of shards, packed into rows of one length.

    Every piece of a document begins with the token `start`, unless that is None. `sentences` also reads where sentences
    begin.
    """

    def __init__(
        self, folders: Sequence[Path], vocabulary: Vocabulary, length: int, start: int | None, sentences: bool = False
    ) -> None:
        self.shards = TokenColumn(folders, vocabulary)
        self.sentences = SentenceColumn(folders) if sentences else None
        self.vocabulary, self.length, self.start = vocabulary, length, start
        self.plan = plan_rows(self.shards.lengths, length, extra=0 if start is None else 1)
        self.num_tokens = int(self.shards.lengths.sum())

    def __len__(self) -> int:
        return self.plan.num_rows

    def read_rows(self, indices: Int64s) -> Rows:
        """Read the rows of these indices, each from 0 to `len(self)` - 1."""
        # int64, as torch's embeddings take indices; the shards hold fewer bytes a token.
        tokens = np.full((len(indices), self.length), self.vocabulary.pad, dtype=np.int64)
        documents = np.full_like(tokens, PADDING)
        positions = np.zeros_like(tokens)
        sentences = None if self.sentences is None else np.zeros(tokens.shape, dtype=bool)
        for row, index in enumerate(indices.tolist()):
            end = 0
            for document, piece in enumerate(range(self.plan.row_starts[index], self.plan.row_starts[index + 1])):
                start, end = end, self._write_piece(tokens[row], end, piece)
                if self.sentences is not None and sentences is not None:
                    text_start = end - int(self.plan.length[piece])  # after the start token
                    sentences[row, text_start + self.sentences.find_starts(*self._locate_piece(piece))] = True
                documents[row, start:end] = document
                positions[row, start:end] = np.arange(end - start)
        return Rows(tokens, positions, documents, self.vocabulary, sentences)

    def _write_piece(self, row: Int64s, start: int, piece: int) -> int:
        """Write a piece into a row at `start`, and return where it ends."""
        if self.start is not None:
            row[start] = self.start
            start += 1
        document, document_start, length = self._locate_piece(piece)
        row[start : start + length] = self.shards.read_slice(document, document_start, length)
        return start + length

    def _locate_piece(self, piece: int) -> tuple[int, int, int]:
        """Return the document of a piece, its start in the document, and its length."""
        plan = self.plan
        return int(plan.document[piece]), int(plan.start[piece]), int(plan.length[piece])

    def read_samples(self, samples: Int64s, seed: int) -> Rows:
        """Read the rows at these indices of the endless sequence: each epoch has every row once, in its own order."""
        # a batch may hold the end of an epoch and the start of the next one, which has another order
        epochs, offsets = np.divmod(samples, len(self))
        indices = np.empty_like(samples)
        for epoch in np.unique(epochs).tolist():
            in_epoch = epochs == epoch
            indices[in_epoch] = permute_indices(offsets[in_epoch], len(self), seed, epoch)
        return self.read_rows(indices)


def concatenate_rows(batches: Sequence[Rows], order: Int64s) -> Rows:
    """Concatenate batches of rows, and reorder the rows by `order`."""
    first = batches[0]
    sentences = [batch.sentences for batch in batches if batch.sentences is not None]
    return Rows(
        np.concatenate([batch.tokens for batch in batches])[order],
        np.concatenate([batch.positions for batch in batches])[order],
        np.concatenate([batch.documents for batch in batches])[order],
        first.vocabulary,
        np.concatenate(sentences)[order] if sentences else None,
    )


def split_rows(rows: Rows, parts: int) -> Rows:
    """Split each row into `parts` rows of equal length. A document that is split becomes several documents."""
    if parts == 1:
        return rows
    shape = (len(rows.tokens) * parts, -1)
    # A row-major reshape lays the parts of a row one after the other.
    documents, positions = rows.documents.reshape(shape), rows.positions.reshape(shape)
    is_text = documents >= 0
    # only the document that goes on from the previous part has a first position above 0
    positions = positions - np.where(is_text & (documents == documents[:, :1]), positions[:, :1], 0)
    # Numbered from 0 again in each part. A part that is padding throughout is all PADDING.
    documents = np.where(is_text, documents - documents[:, :1], PADDING)
    sentences = None if rows.sentences is None else rows.sentences.reshape(shape).copy()
    if sentences is not None:
        # The rest of a sentence that was cut begins one, as in `SentenceColumn.find_starts`.
        sentences[:, 0] |= is_text[:, 0]
    return Rows(rows.tokens.reshape(shape), positions, documents, rows.vocabulary, sentences)
