"""Paragraphs or lines that stand in more than one document stay in the first: menus, licences, quoted articles.

CCNet (arXiv:1911.00359, section 3.1) drops paragraphs so, Dolma (arXiv:2402.00159, section 5) too. Here the one that
ranks first keeps its copy, and what an earlier snapshot holds goes from later ones.
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tasks.dedup.corpus import Corpus
from tasks.dedup.document_shard import Rows, column, some_rows, write_texts
from tasks.dedup.minhash.band_index import among, between, write_keys, written_keys
from tasks.dedup.minhash.bands import key_ranges
from tasks.dedup.minhash.index_format import metadata
from tasks.dedup.minhash.signatures import U64, digest, word_hashes
from tasks.dedup.minhash.words import character_table
from tasks.dedup.settings import Dedup
from tasks.runtime.jit import jit
from tasks.runtime.text_kernels import text_buffers
from tasks.store import Draft

PARTS, DROPS, REDUCED = ".scratch/parts", ".scratch/drops", ".scratch/reduced"  # in the draft, not in the artifact
INDEX = "parts"  # in the artifact: the keys of all parts that stay
SEPARATORS = {"lines": "\n", "paragraphs": "\n\n"}
ALL_KEYS = 256  # so many leading bytes a key can have


@jit
def part_keys(data: Any, offsets: Any, table: Any, blank: Any, least: Any, keys: Any, rows: Any, places: Any) -> Any:
    """The key, row and place of every part with enough words; parts end at so many line feeds. Returns how many."""
    words, lanes = np.empty(data.size // 2 + 3, np.uint64), np.empty(2, np.uint64)
    count = 0
    for row in range(offsets.size - 1):
        begin, at, end, place = offsets[row], offsets[row], offsets[row + 1], 0
        while at <= end:
            if at < end and not (at + blank <= end and data[at] == 10 and data[at + blank - 1] == 10):
                at += 1
                continue
            num_words = word_hashes(data, begin, at, table, words)
            if num_words >= least:
                digest(words, 0, num_words, lanes)
                keys[count], rows[count], places[count] = lanes[0], row, place
                count += 1
            at += blank
            begin, place = at, place + 1
    return count


def parts_of(texts: pa.Array, separator: str, least: int) -> tuple[U64, Rows, Rows]:
    """The keys of all parts of some texts that have enough words, their rows, and which part of the text each is."""
    data, offsets = text_buffers(texts)
    data = data[offsets[0] : offsets[-1]]
    most = int((data == ord("\n")).sum()) + len(texts)
    keys, rows, places = np.empty(most, np.uint64), np.empty(most, np.int64), np.empty(most, np.int64)
    count = part_keys(data, offsets - offsets[0], character_table(), len(separator), least, keys, rows, places)
    return keys[:count], rows[:count], places[:count]


def reduced(settings: Dedup, draft: Draft, corpus: Corpus, ranks: Rows, stays: npt.NDArray[np.bool_]) -> Rows:
    """Write the texts without repeated parts to the draft's scratch folder; returns the rows of which nothing stays."""
    np.save(draft.scratch / "with_parts.npy", stays[corpus.num_earlier :])
    np.save(draft.scratch / "ranks.npy", ranks[corpus.num_earlier :])
    new = {
        shard.name: (shard.documents, int(begin) - corpus.num_earlier)
        for shard, begin in zip(corpus.shards, corpus.begins, strict=False)
        if not shard.earlier
    }
    cut = {name: (*each, draft.path, settings, name) for name, each in new.items()}
    num_parts = sum(each["parts"] for each in draft.map(parts_shard, cut, label="parts").values())
    earlier = tuple(dict.fromkeys(shard.documents.parents[1] for shard in corpus.shards if shard.earlier))
    ranges = key_ranges(ALL_KEYS, -(-num_parts // ALL_KEYS))
    work = {
        f"{number:05d}": (*ends, earlier, new, draft.path, settings, f"{number:05d}")
        for number, ends in enumerate(ranges)
    }
    repeats = draft.map(drop_part, work, label="repeats").values()
    draft.map(reduce_shard, cut, label="reduce")
    gone = [np.load(draft.path / REDUCED / f"{name}.gone.npy") + begin for name, (_, begin) in new.items()]
    draft.counts["repeated_parts"] = sum(each["dropped"] for each in repeats)
    draft.counts["emptied"] = sum(len(each) for each in gone)
    return np.concatenate(gone) + corpus.num_earlier


def parts_shard(out: Path, documents: Path, begin: int, draft: Path, settings: Dedup, name: str) -> dict[str, Any]:
    """The sorted keys of the parts of one file's documents that stay; rows are numbered among the new ones."""
    stays = np.load(draft / ".scratch" / "with_parts.npy", mmap_mode="r")
    found: list[tuple[npt.NDArray[Any], ...]] = [(np.empty(0, np.uint64), np.empty(0, np.int64), np.empty(0, np.int64))]
    for texts in column(documents, "text"):
        keys, rows, places = parts_of(texts, SEPARATORS[settings.parts], settings.part_words)
        stay = stays[rows + begin]
        found.append((keys[stay], rows[stay] + begin, places[stay]))
        begin += len(texts)
    columns = [np.concatenate(each) for each in zip(*found, strict=True)]
    order = np.argsort(columns[0], kind="stable")
    (out / PARTS).mkdir(parents=True)
    for kind, values in zip(("keys", "rows", "places"), columns, strict=True):
        np.save(out / PARTS / f"{name}.{kind}.npy", values[order])
    return {"parts": len(order)}


def drop_part(
    out: Path, first: int, last: int, earlier: tuple[Path, ...], names: Any, draft: Path, settings: Dedup, name: str
) -> dict[str, Any]:
    """Which parts with keys from first to last repeat one of a document that ranks before."""
    columns: list[list[npt.NDArray[Any]]] = [[], [], []]
    for shard in names:
        files = [np.load(draft / PARTS / f"{shard}.{kind}.npy", mmap_mode="r") for kind in ("keys", "rows", "places")]
        inside = between(files[0], first, last)
        for column_of, file in zip(columns, files, strict=True):
            column_of.append(np.asarray(file[inside]))
    keys, rows, places = (np.concatenate(each) for each in columns)
    order = np.lexsort((np.load(draft / ".scratch" / "ranks.npy", mmap_mode="r")[rows], keys))
    keys, rows, places = keys[order], rows[order], places[order]
    begins = np.r_[True, keys[1:] != keys[:-1]][: len(keys)]
    distinct = keys[begins]
    old = np.zeros(len(distinct), np.bool_)
    for folder in earlier:
        for written, _ in written_keys(folder, first, last, INDEX):
            old |= among(distinct, written)
    group = np.cumsum(begins) - 1
    drops = (rows != rows[begins][group]) | old[group]
    (out / DROPS).mkdir(parents=True)
    np.save(out / DROPS / f"{name}.npy", np.stack([rows[drops], places[drops]]))
    (out / INDEX).mkdir()
    new = distinct[~old]
    write_keys(out / INDEX / f"{name}.parquet", new, np.zeros(len(new), np.int64), metadata(settings))
    return {"dropped": int(drops.sum())}


def reduce_shard(out: Path, documents: Path, begin: int, draft: Path, settings: Dedup, name: str) -> dict[str, Any]:
    """The texts of one file without their repeated parts, and the rows of which nothing stays."""
    parts = [np.load(path, mmap_mode="r") for path in sorted((draft / DROPS).glob("*.npy"))]
    end = begin + sum(len(texts) for texts in column(documents, "id"))
    drops = np.concatenate([part[:, (part[0] >= begin) & (part[0] < end)] for part in parts], axis=1)
    drops = drops[:, np.lexsort((drops[1], drops[0]))]
    rows, firsts = np.unique(drops[0] - begin, return_index=True)
    places = np.split(drops[1], firsts[1:])
    changed: dict[int, str] = {}
    for some, batch in some_rows(documents, rows, ["text"]):
        for at, text in zip(some.tolist(), batch.column(0).to_pylist(), strict=True):
            changed[int(rows[at])] = without(text, places[at].tolist(), SEPARATORS[settings.parts])
    left = {row: text for row, text in changed.items() if text}
    (out / REDUCED).mkdir(parents=True)
    write_texts(out / REDUCED / f"{name}.parquet", left)
    np.save(out / REDUCED / f"{name}.gone.npy", np.array([row for row in changed if row not in left], np.int64))
    return {"documents": len(changed)}


def without(text: str, places: list[int], separator: str) -> str:
    """The text without the parts at these places."""
    repeated = set(places)
    return separator.join(part for place, part in enumerate(text.split(separator)) if place not in repeated).strip()
