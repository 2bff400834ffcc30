"""Remove paragraphs or lines that a document before has too: menus, licences, quoted articles.

CCNet (arXiv:1911.00359, section 3.1) and Dolma (arXiv:2402.00159, section 5) drop such paragraphs. Here the document
that ranks first keeps its copy, and passages of a previous snapshot are removed from later ones.
"""

from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tasks.dedup.array_types import CharacterTable, Keys, Rows
from tasks.dedup.document_shard import read_column, read_rows, write_changed_texts
from tasks.dedup.document_table import DocumentTable
from tasks.dedup.minhash.band_index import find_key_slice, is_in_sorted, read_keys, write_keys
from tasks.dedup.minhash.bands import plan_key_ranges
from tasks.dedup.minhash.signatures import digest_values, hash_words
from tasks.dedup.minhash.words import build_character_table
from tasks.runtime.array_types import Bytes, Flags, Offsets
from tasks.runtime.jit import jit
from tasks.runtime.text_kernels import text_buffers
from tasks.store import Draft

# in the draft, not in the artifact
PASSAGES, REPEATS, REDUCED = ".scratch/passages", ".scratch/repeats", ".scratch/reduced"
RANKS, CANDIDATES = ".scratch/ranks.npy", ".scratch/with_passages.npy"
INDEX_FOLDER = "parts"  # in the artifact: the keys of all passages that are kept
COLUMNS = ("keys", "rows", "positions")
SEPARATORS = {"lines": "\n", "paragraphs": "\n\n"}
NUM_TOP_BYTES = 256  # a passage's key is a whole hash, so its top byte takes all values, as if there were so many bands
LINE_FEED = 10


class PassageRule(NamedTuple):
    """Passages that are compared: lines or paragraphs of at least so many words."""

    kind: Literal["lines", "paragraphs"]
    min_words: int

    @property
    def separator(self) -> str:
        """The line feeds between two passages."""
        return SEPARATORS[self.kind]


@jit
def hash_passages(
    data: Bytes,
    offsets: Offsets,
    table: CharacterTable,
    num_feeds: int,
    min_words: int,
    keys: Keys,
    rows: Rows,
    positions: Rows,
) -> int:
    """Fill key, row and position (in its text) of every passage with enough words; returns how many there are.

    Passages end at `num_feeds` (1 or 2) line feeds, where `str.split` ends them.
    """
    # room for the words even where all texts are one passage
    words, lanes = np.empty(data.size // 2 + 3, np.uint64), np.empty(2, np.uint64)
    count = 0
    for row in range(offsets.size - 1):
        start, at, end, position = offsets[row], offsets[row], offsets[row + 1], 0
        # `<=`: the end of the text ends its last passage
        while at <= end:
            # with one line feed both comparisons are of the same byte
            is_break = at + num_feeds <= end and data[at] == LINE_FEED and data[at + num_feeds - 1] == LINE_FEED
            if at < end and not is_break:
                at += 1
                continue
            num_words = hash_words(data, start, at, table, words)
            if num_words >= min_words:
                digest_values(words, 0, num_words, lanes)
                keys[count], rows[count], positions[count] = lanes[0], row, position
                count += 1
            at += num_feeds
            start, position = at, position + 1
    return count


def find_passages(texts: pa.Array, rule: PassageRule) -> tuple[Keys, Rows, Rows]:
    """Return the key of every passage with enough words, its text's row, and its position in the text."""
    data, offsets = text_buffers(texts)
    # a slice of a column has the buffer of the whole, and offsets that do not begin at 0
    data = data[offsets[0] : offsets[-1]]
    # each text has one passage more than it has breaks, and a break at least one line feed
    capacity = int((data == LINE_FEED).sum()) + len(texts)
    keys, rows, positions = np.empty(capacity, np.uint64), np.empty(capacity, np.int64), np.empty(capacity, np.int64)
    table, num_feeds = build_character_table(), len(rule.separator)
    count = hash_passages(data, offsets - offsets[0], table, num_feeds, rule.min_words, keys, rows, positions)
    return keys[:count], rows[:count], positions[:count]


def drop_repeated_passages(
    draft: Draft, documents: DocumentTable, ranks: Rows, kept: Flags, rule: PassageRule, metadata: dict[str, str]
) -> Rows:
    """Write the texts without repeated passages to the draft's scratch folder; returns the rows with nothing left."""
    np.save(draft.path / CANDIDATES, kept[documents.num_previous :])
    np.save(draft.path / RANKS, ranks[documents.num_previous :])
    files = {shard.name: (shard.documents, start) for shard, start in documents.new_shards}
    shard_jobs = {name: (path, start, draft.path, rule, name) for name, (path, start) in files.items()}
    num_passages = sum(counts["parts"] for counts in draft.map(hash_shard, shard_jobs, label="passages").values())
    ranges = plan_key_ranges(NUM_TOP_BYTES, -(-num_passages // NUM_TOP_BYTES))
    range_jobs = {
        f"{index:05d}": (first, last, list(files), documents.previous_folders, draft.path, metadata, f"{index:05d}")
        for index, (first, last) in enumerate(ranges)
    }
    repeats = draft.map(find_repeats, range_jobs, label="repeats").values()
    draft.map(reduce_shard, shard_jobs, label="reduce")
    emptied = [np.load(draft.path / REDUCED / f"{name}.emptied.npy") + start for name, (_, start) in files.items()]
    draft.counts["repeated_parts"] = sum(counts["dropped"] for counts in repeats)
    draft.counts["emptied"] = sum(len(rows) for rows in emptied)
    return np.concatenate(emptied) + documents.num_previous


def hash_shard(out: Path, documents: Path, start: int, draft: Path, rule: PassageRule, name: str) -> dict[str, Any]:
    """Write the sorted keys of the passages of one file's kept documents; rows are counted among the new ones."""
    kept = np.load(draft / CANDIDATES, mmap_mode="r")
    batches: list[tuple[npt.NDArray[Any], ...]] = [
        (np.empty(0, np.uint64), np.empty(0, np.int64), np.empty(0, np.int64))
    ]
    for texts in read_column(documents, "text"):
        keys, rows, positions = find_passages(texts, rule)
        chosen = kept[rows + start]
        batches.append((keys[chosen], rows[chosen] + start, positions[chosen]))
        start += len(texts)
    columns = [np.concatenate(parts) for parts in zip(*batches, strict=True)]
    order = np.argsort(columns[0], kind="stable")
    (out / PASSAGES).mkdir(parents=True)
    for column, values in zip(COLUMNS, columns, strict=True):
        np.save(out / PASSAGES / f"{name}.{column}.npy", values[order])
    return {"parts": len(order)}


def load_passages(draft: Path, names: list[str], first: int, last: int) -> tuple[Keys, Rows, Rows]:
    """Load the passages of all files with keys from first to last: keys, rows and positions, by key, then by rank."""
    columns: dict[str, list[npt.NDArray[Any]]] = {column: [] for column in COLUMNS}
    for name in names:
        files = [np.load(draft / PASSAGES / f"{name}.{column}.npy", mmap_mode="r") for column in COLUMNS]
        chosen = find_key_slice(files[0], first, last)
        for column, values in zip(COLUMNS, files, strict=True):
            columns[column].append(np.asarray(values[chosen]))
    keys, rows, positions = (np.concatenate(columns[column]) for column in COLUMNS)
    # the sort is stable: passages of one document stay in order
    order = np.lexsort((np.load(draft / RANKS, mmap_mode="r")[rows], keys))
    return keys[order], rows[order], positions[order]


def find_repeats(
    out: Path,
    first: int,
    last: int,
    names: list[str],
    previous: tuple[Path, ...],
    draft: Path,
    metadata: dict[str, str],
    name: str,
) -> dict[str, Any]:
    """Find the passages with keys from first to last that a document before has; write those and the new keys."""
    keys, rows, positions = load_passages(draft, names, first, last)
    # [: len(keys)], because of no keys np.r_ still gives one True
    is_first = np.r_[True, keys[1:] != keys[:-1]][: len(keys)]
    distinct = keys[is_first]
    is_old = np.zeros(len(distinct), np.bool_)
    for folder in previous:
        for index_keys, _ in read_keys(folder, first, last, INDEX_FOLDER):
            is_old |= is_in_sorted(distinct, index_keys)
    # a document may repeat its own passage: only another row than the first of the group repeats it
    group = np.cumsum(is_first) - 1
    repeats = (rows != rows[is_first][group]) | is_old[group]
    (out / REPEATS).mkdir(parents=True)
    np.save(out / REPEATS / f"{name}.npy", np.stack([rows[repeats], positions[repeats]]))
    (out / INDEX_FOLDER).mkdir()
    new = distinct[~is_old]
    # a later snapshot needs the keys only: the column of rows is there for the format, and holds zeros
    write_keys(out / INDEX_FOLDER / f"{name}.parquet", new, np.zeros(len(new), np.int64), metadata)
    return {"dropped": int(repeats.sum())}


def reduce_shard(out: Path, documents: Path, start: int, draft: Path, rule: PassageRule, name: str) -> dict[str, Any]:
    """Write the texts of one file without their repeated passages, and the rows with nothing left."""
    parts = [np.load(path, mmap_mode="r") for path in sorted((draft / REPEATS).glob("*.npy"))]
    end = start + sum(len(ids) for ids in read_column(documents, "id"))
    repeats = np.concatenate([part[:, (part[0] >= start) & (part[0] < end)] for part in parts], axis=1)
    repeats = repeats[:, np.lexsort((repeats[1], repeats[0]))]
    rows, row_starts = np.unique(repeats[0] - start, return_index=True)
    positions = np.split(repeats[1], row_starts[1:])
    changed: dict[int, str] = {}
    for indices, batch in read_rows(documents, rows, ["text"]):
        for index, text in zip(indices.tolist(), batch.column(0).to_pylist(), strict=True):
            changed[int(rows[index])] = remove_passages(text, positions[index].tolist(), rule.separator)
    remaining = {row: text for row, text in changed.items() if text}
    emptied = np.array([row for row in changed if row not in remaining], np.int64)
    (out / REDUCED).mkdir(parents=True)
    write_changed_texts(out / REDUCED / f"{name}.parquet", remaining)
    np.save(out / REDUCED / f"{name}.emptied.npy", emptied)
    return {"documents": len(changed)}


def remove_passages(text: str, positions: list[int], separator: str) -> str:
    """Return the text without the passages at these positions."""
    removed = set(positions)
    passages = enumerate(text.split(separator))
    return separator.join(passage for position, passage in passages if position not in removed).strip()
