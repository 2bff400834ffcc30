"""Training rows from memory-mapped Arrow shards: any row at once, nothing read ahead, no loader processes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tasks.failure import StageFailure
from tasks.model.vocabulary import Vocabulary
from tasks.pretrain.packing import packed
from tasks.pretrain.randomness import permuted

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


class Shards:
    """Documents as token arrays, straight from the mapped files."""

    def __init__(self, folders: Sequence[Path], vocabulary: Vocabulary) -> None:
        self._values: list[Tokens] = []
        chunks, begins, ends = [], [], []
        for path in (path for folder in folders for path in sorted(folder.glob("*.arrow"))):
            for number, column in enumerate(_columns(path)):
                # of a sliced list array, `values` is the whole and `offsets` the slice
                values = column.values.to_numpy(zero_copy_only=True)
                offsets = column.offsets.to_numpy(zero_copy_only=True).astype(np.int64)
                if number == 0:  # enough to notice another tokenizer, without reading all of a large file
                    _check_fit(path, values[offsets[0] : offsets[-1]], vocabulary)
                chunks.append(np.full(len(column), len(self._values), dtype=np.int32))
                begins.append(offsets[:-1])
                ends.append(offsets[1:])
                self._values.append(values)
        self._chunk = np.concatenate(chunks) if chunks else np.empty(0, dtype=np.int32)
        self._begin = np.concatenate(begins) if begins else np.empty(0, dtype=np.int64)
        self.lengths: Int64s = np.concatenate(ends) - self._begin if ends else np.empty(0, dtype=np.int64)

    def tokens(self, document: int, begin: int, length: int) -> Tokens:
        """Some tokens of a document, without a copy."""
        start = self._begin[document] + begin
        values: Tokens = self._values[self._chunk[document]]
        return values[start : start + length]


def _columns(path: Path) -> list[pa.ListArray]:
    try:
        reader = pa.ipc.open_file(pa.memory_map(str(path)))
        return [reader.get_batch(number).column("input_ids") for number in range(reader.num_record_batches)]
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

    def __init__(self, folders: Sequence[Path], vocabulary: Vocabulary, length: int, start: int | None) -> None:
        self.shards = Shards(folders, vocabulary)
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
        for row, index in enumerate(indices.tolist()):
            end = 0
            for number, piece in enumerate(range(self.plan.first[index], self.plan.first[index + 1])):
                begin, end = end, self._place(tokens[row], end, piece)
                documents[row, begin:end] = number
                positions[row, begin:end] = np.arange(end - begin)
        return Rows(tokens, positions, documents, self.vocabulary)

    def _place(self, row: Int64s, begin: int, piece: int) -> int:
        plan = self.plan
        if self.start is not None:
            row[begin] = self.start
            begin += 1
        end = begin + int(plan.length[piece])
        row[begin:end] = self.shards.tokens(int(plan.document[piece]), int(plan.begin[piece]), int(plan.length[piece]))
        return end

    def at(self, slots: Int64s, seed: int) -> Rows:
        """The rows at these places of the endless sequence: each epoch has every row once, in its own order."""
        epochs, places = np.divmod(slots, len(self))
        indices = np.empty_like(slots)
        for epoch in np.unique(epochs).tolist():
            chosen = epochs == epoch
            indices[chosen] = permuted(places[chosen], len(self), seed, epoch)
        return self.take(indices)
