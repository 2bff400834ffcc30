"""Training rows from memory-mapped Arrow shards: any row at once, nothing read ahead, no loader processes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tasks.errors import StageFailure
from tasks.model.vocabulary import Vocabulary
from tasks.pretrain.data.packing import packed
from tasks.pretrain.data.randomness import permuted

Int64s = npt.NDArray[np.int64]
Tokens = npt.NDArray[np.unsignedinteger]
PADDING = -1


@dataclass(frozen=True)
class Rows:
    """Packed rows, each (rows, length)."""

    tokens: Int64s
    positions: Int64s
    """places within the document, from 0"""
    documents: Int64s
    """number of the document within the row, PADDING behind the last"""
    vocabulary: Vocabulary
    sentences: npt.NDArray[np.bool_] | None = None
    """whether a sentence begins at the place, or the rest of one that was cut; None unless the objective asks"""


class Lists:
    """A column of lists of numbers, one list a document, straight from the mapped files."""

    def __init__(self, folders: Sequence[Path], column: str) -> None:
        self._values: list[Tokens] = []
        self.first: dict[Path, Tokens] = {}
        """the numbers of each file's first record batch"""
        chunks, begins, ends = [], [], []
        for path in (path for folder in folders for path in sorted(folder.glob("*.arrow"))):
            for lists in _batches(path, column):
                # of a sliced list array, `values` is the whole and `offsets` the slice
                values = lists.values.to_numpy(zero_copy_only=True)
                offsets = lists.offsets.to_numpy(zero_copy_only=True).astype(np.int64)
                self.first.setdefault(path, values[offsets[0] : offsets[-1]])
                chunks.append(np.full(len(lists), len(self._values), dtype=np.int32))
                begins.append(offsets[:-1])
                ends.append(offsets[1:])
                self._values.append(values)
        self._chunk = np.concatenate(chunks) if chunks else np.empty(0, dtype=np.int32)
        self._begin = np.concatenate(begins) if begins else np.empty(0, dtype=np.int64)
        self.lengths: Int64s = np.concatenate(ends) - self._begin if ends else np.empty(0, dtype=np.int64)

    def folder_with(self, document: int, begin: int, length: int) -> Tokens:
        """Some numbers of a document, without a copy."""
        start = self._begin[document] + begin
        values: Tokens = self._values[self._chunk[document]]
        return values[start : start + length]


class Shards(Lists):
    """Documents as token arrays."""

    def __init__(self, folders: Sequence[Path], vocabulary: Vocabulary) -> None:
        super().__init__(folders, "input_ids")
        for path, tokens in self.first.items():  # enough to notice another tokenizer, without reading all of a file
            _check_fit(path, tokens, vocabulary)


class Sentences(Lists):
    """Where the sentences of each document begin."""

    def __init__(self, folders: Sequence[Path]) -> None:
        super().__init__(folders, "sentences")

    def within(self, document: int, begin: int, length: int) -> Int64s:
        """Offsets in a piece of a document at which a sentence, or the rest of one that was cut, begins."""
        starts = self.folder_with(document, 0, int(self.lengths[document])).astype(np.int64) - begin
        return np.union1d([0], starts[(starts > 0) & (starts < length)])


def _batches(path: Path, column: str) -> list[pa.ListArray]:
    try:
        reader = pa.ipc.open_file(pa.memory_map(str(path)))
        return [reader.get_batch(number).column(column) for number in range(reader.num_record_batches)]
    except (pa.ArrowInvalid, KeyError) as error:
        raise StageFailure(
            f"{path} is no shard of tokens: {error}", "Rebuild the tokens with --force tokenize"
        ) from error


def _check_fit(path: Path, tokens: Tokens, vocabulary: Vocabulary) -> None:
    if len(tokens) and int(tokens.max()) >= vocabulary.size:
        raise StageFailure(
            f"{path} holds token {int(tokens.max())}, and the tokenizer has only {vocabulary.size}",
            "The tokenizer does not belong to these shards: rebuild them with --force tokenize",
        )


class PackedRows:
    """The documents of some folders of shards, packed into rows of one length.

    With `start`, every piece of a document begins with that token.
    """

    def __init__(
        self, folders: Sequence[Path], vocabulary: Vocabulary, length: int, start: int | None, sentences: bool = False
    ) -> None:
        self.shards = Shards(folders, vocabulary)
        self.sentences = Sentences(folders) if sentences else None
        self.vocabulary, self.length, self.start = vocabulary, length, start
        self.plan = packed(self.shards.lengths, length, extra=0 if start is None else 1)
        self.num_tokens = int(self.shards.lengths.sum())

    def __len__(self) -> int:
        return self.plan.num_rows

    def take(self, indices: Int64s) -> Rows:
        """The rows of these numbers."""
        tokens = np.full((len(indices), self.length), self.vocabulary.pad, dtype=np.int64)
        documents = np.full_like(tokens, PADDING)
        positions = np.zeros_like(tokens)
        sentences = None if self.sentences is None else np.zeros(tokens.shape, dtype=bool)
        for row, index in enumerate(indices.tolist()):
            end = 0
            for number, piece in enumerate(range(self.plan.first[index], self.plan.first[index + 1])):
                begin, end = end, self._place(tokens[row], end, piece)
                if self.sentences is not None and sentences is not None:
                    text = end - int(self.plan.length[piece])  # behind the start token
                    sentences[row, text + self.sentences.within(*self._span(piece))] = True
                documents[row, begin:end] = number
                positions[row, begin:end] = np.arange(end - begin)
        return Rows(tokens, positions, documents, self.vocabulary, sentences)

    def _place(self, row: Int64s, begin: int, piece: int) -> int:
        if self.start is not None:
            row[begin] = self.start
            begin += 1
        document, first, length = self._span(piece)
        row[begin : begin + length] = self.shards.folder_with(document, first, length)
        return begin + length

    def _span(self, piece: int) -> tuple[int, int, int]:
        """Document, begin in it, and length of a piece."""
        plan = self.plan
        return int(plan.document[piece]), int(plan.begin[piece]), int(plan.length[piece])

    def at(self, slots: Int64s, seed: int) -> Rows:
        """The rows at these places of the endless sequence: each epoch has every row once, in its own order."""
        epochs, places = np.divmod(slots, len(self))
        indices = np.empty_like(slots)
        for epoch in np.unique(epochs).tolist():
            chosen = epochs == epoch
            indices[chosen] = permuted(places[chosen], len(self), seed, epoch)
        return self.take(indices)


def joined(pieces: Sequence[Rows], order: Int64s) -> Rows:
    """The rows of all pieces one after the other, then taken in this order."""
    first = pieces[0]
    marks = [piece.sentences for piece in pieces if piece.sentences is not None]
    return Rows(
        np.concatenate([piece.tokens for piece in pieces])[order],
        np.concatenate([piece.positions for piece in pieces])[order],
        np.concatenate([piece.documents for piece in pieces])[order],
        first.vocabulary,
        np.concatenate(marks)[order] if marks else None,
    )


def cut(rows: Rows, parts: int) -> Rows:
    """Each row cut into so many of equal length. What goes on behind a cut is a document of its own."""
    if parts == 1:
        return rows
    shape = (len(rows.tokens) * parts, -1)
    documents, positions = rows.documents.reshape(shape), rows.positions.reshape(shape)
    text = documents >= 0
    positions = positions - np.where(text & (documents == documents[:, :1]), positions[:, :1], 0)
    documents = np.where(text, documents - documents[:, :1], PADDING)
    sentences = None if rows.sentences is None else rows.sentences.reshape(shape).copy()
    if sentences is not None:
        sentences[:, 0] |= text[:, 0]
    return Rows(rows.tokens.reshape(shape), positions, documents, rows.vocabulary, sentences)
