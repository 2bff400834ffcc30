"""Cut out of the documents what evaluation sets hold, by the rule of GPT-3 (arXiv:2005.14165, appendix C).

An n-gram of 13 words that is in an evaluation set and in a document is cut out with 200 characters on either side. Of
what is left, pieces of fewer than 200 characters go; a document in more than ten pieces goes whole. N-grams that more
than ten documents hold are phrases of the language and are left alone. What was cut out is listed.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.dedup.corpus import Corpus
from tasks.dedup.decontamination.ngrams import Hit, Wanted, evaluation_sets, hits, mark
from tasks.dedup.document_shard import Rows, column, some_rows, texts_by_row, write_texts
from tasks.dedup.minhash.words import character_table
from tasks.dedup.repeated_passages import REDUCED
from tasks.dedup.settings import Decontaminate
from tasks.runtime.text_kernels import text_buffers
from tasks.store import Draft

HITS, CUTS = ".scratch/hits", ".scratch/cuts"  # in the draft, not in the artifact
LISTED = pa.schema({name: pa.large_string() for name in ("id", "set", "excerpt", "done")})


class Cut(NamedTuple):
    """A text without what is to be cut; None when nothing of it may stay. And the n-grams that were the reason."""

    text: str | None
    because: list[Hit]


def screened(settings: Decontaminate, draft: Draft, corpus: Corpus, stays: npt.NDArray[np.bool_]) -> Rows:
    """Write the changed texts to the draft's scratch folder and the list to the draft; returns the rows that go."""
    among, short = evaluation_sets(settings.sets, settings.window)
    np.savez(draft.scratch / "wanted.npz", **among._asdict())
    np.save(draft.scratch / "screen.npy", stays[corpus.num_earlier :])
    new = [(shard, int(begin)) for shard, begin in zip(corpus.shards, corpus.begins, strict=False) if not shard.earlier]
    where = {shard.name: (shard.documents, begin - corpus.num_earlier, draft.scratch) for shard, begin in new}
    draft.map(screen_shard, {name: (*each, settings, name) for name, each in where.items()}, label="screen")
    frequent = np.array(phrases(draft.path / HITS, settings.most_documents), np.uint64)
    np.save(draft.scratch / "phrases.npy", frequent)
    work = {name: (documents, draft.path, settings, name) for name, (documents, _, _) in where.items()}
    counts = draft.map(cut_shard, work, label="cut").values()
    draft.counts["contamination"] = {
        "n_grams": len(among.hashes),
        "short_texts": sum(short.values()),
        "phrases": len(frequent),
        "cut": sum(each["cut"] for each in counts),
        "dropped": sum(each["dropped"] for each in counts),
    }
    with draft.write("contamination.parquet") as path:
        parts = [pq.read_table(draft.path / CUTS / f"{name}.listed.parquet") for name in work]
        pq.write_table(pa.concat_tables(parts), path, compression="zstd")
    gone = [np.load(draft.path / CUTS / f"{shard.name}.gone.npy") + begin for shard, begin in new]
    return np.concatenate(gone)


def screen_shard(
    out: Path, documents: Path, begin: int, scratch: Path, settings: Decontaminate, name: str
) -> dict[str, Any]:
    """Which documents of one file hold a wanted n-gram, and which of these each holds."""
    with np.load(scratch / "wanted.npz") as saved:
        among = Wanted(**saved)
    found = np.concatenate([np.zeros(0, np.bool_), *marked(documents, settings.window, among)])
    rows = np.flatnonzero(found & np.load(scratch / "screen.npy", mmap_mode="r")[begin : begin + len(found)])
    grams = [np.empty(0, np.uint64)]
    for _, batch in some_rows(documents, rows, ["text"]):
        found_in = (hits(text, settings.window, among) for text in batch.column(0).to_pylist())
        grams += [np.unique(np.array([hit.hashed for hit in each], np.uint64)) for each in found_in]
    (out / HITS).mkdir(parents=True)
    np.save(out / HITS / f"{name}.rows.npy", rows)
    np.save(out / HITS / f"{name}.grams.npy", np.concatenate(grams))
    return {"documents": len(rows)}


def marked(documents: Path, size: int, among: Wanted) -> Iterator[npt.NDArray[np.bool_]]:
    """For each text of a file, some hundred at a time, whether it holds a wanted n-gram."""
    for texts in column(documents, "text"):
        hit = np.zeros(len(texts), np.bool_)
        mark(*text_buffers(texts), character_table(), size, among.hashes, among.maybe, hit)
        yield hit


def phrases(folder: Path, most_documents: int) -> list[int]:
    """The n-grams that more documents hold than a leak would reach."""
    parts = [np.load(path) for path in sorted(folder.glob("*.grams.npy"))]
    grams, documents = np.unique(np.concatenate(parts), return_counts=True)
    found: list[int] = grams[documents > most_documents].tolist()
    return found


def cut_shard(out: Path, documents: Path, draft: Path, settings: Decontaminate, name: str) -> dict[str, Any]:
    """The changed texts of one file, the rows of which nothing stays, and what was found where."""
    with np.load(draft / ".scratch" / "wanted.npz") as saved:
        among = Wanted(**saved)
    frequent = set(np.load(draft / ".scratch" / "phrases.npy").tolist())
    rows = np.load(draft / HITS / f"{name}.rows.npy")
    reduced = texts_by_row(draft / REDUCED / f"{name}.parquet")
    changed: dict[int, str] = {}
    gone: list[int] = []
    listed: list[dict[str, str]] = []
    for places, batch in some_rows(documents, rows, ["id", "text"]):
        ids, texts = batch.column("id").to_pylist(), batch.column("text").to_pylist()
        for row, identity, whole in zip(rows[places].tolist(), ids, texts, strict=True):
            text = reduced.get(row, whole)
            made = cut(text, settings, among, frequent)
            if made.text is None:
                gone.append(row)
            elif made.because:
                changed[row] = made.text
            listed += reasons(identity, text, made, settings.sets)
    (out / CUTS).mkdir(parents=True)
    write_texts(out / CUTS / f"{name}.parquet", changed)
    pq.write_table(pa.Table.from_pylist(listed, LISTED), out / CUTS / f"{name}.listed.parquet")
    np.save(out / CUTS / f"{name}.gone.npy", np.array(gone, np.int64))
    return {"cut": len(changed), "dropped": len(gone)}


def cut(text: str, settings: Decontaminate, among: Wanted, frequent: set[int]) -> Cut:
    """Cut the wanted n-grams out of a text, but for those that are frequent."""
    because = [hit for hit in hits(text, settings.window, among) if hit.hashed not in frequent]
    if not because:
        return Cut(text, [])
    pieces, begin = [], 0
    for hit in because:
        if hit.start - settings.around > begin:
            pieces.append(text[begin : hit.start - settings.around])
        begin = max(begin, hit.end + settings.around)
    pieces.append(text[begin:])
    left = [piece.strip() for piece in pieces if len(piece.strip()) >= settings.fewest_characters]
    if not left or len(pieces) > settings.most_pieces:
        return Cut(None, because)
    return Cut("\n\n".join(left), because)


def reasons(identity: str, text: str, made: Cut, sets: tuple[str, ...]) -> Iterator[dict[str, str]]:
    """One entry for each stretch of n-grams that follow each other, of one set."""
    end = -1
    for hit in made.because:
        if hit.start >= end:
            done = "document dropped" if made.text is None else "cut out"
            yield {"id": identity, "set": Path(sets[hit.of]).name, "excerpt": text[hit.start : hit.end], "done": done}
        end = hit.end
