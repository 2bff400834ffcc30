"""Cut passages of evaluation sets out of the documents, by the rule of GPT-3 (arXiv:2005.14165, appendix C).

An n-gram of 13 words that is in an evaluation set and in a document is cut out with 200 characters on either side. Of
the fragments, those of fewer than 200 characters are dropped; a document in more than ten fragments is dropped
altogether. N-grams that more than ten documents hold are phrases of the language and are left alone. All that was cut
out is listed in contamination.parquet.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.dedup.array_types import Rows
from tasks.dedup.decontamination.ngrams import (
    EvaluationNgrams,
    NgramMatch,
    find_matches,
    load_evaluation_ngrams,
    mark_matching_texts,
)
from tasks.dedup.document_shard import read_changed_texts, read_column, read_rows, write_changed_texts
from tasks.dedup.document_table import DocumentTable
from tasks.dedup.minhash.words import build_character_table
from tasks.dedup.repeated_passages import REDUCED
from tasks.dedup.settings import Decontaminate
from tasks.runtime.array_types import Flags
from tasks.runtime.text_kernels import text_buffers
from tasks.store import Draft

# in the draft, not in the artifact
MATCHES, EXCISED = ".scratch/matches", ".scratch/excised"
NGRAMS, KEPT, PHRASES = ".scratch/ngrams.npz", ".scratch/kept_before.npy", ".scratch/phrases.npy"
LISTING_SCHEMA = pa.schema({name: pa.large_string() for name in ("id", "set", "excerpt", "done")})


class Excision(NamedTuple):
    """A text after the matches were cut out, None when nothing of it may be kept; and those matches."""

    text: str | None
    matches: list[NgramMatch]


def remove_contamination(settings: Decontaminate, draft: Draft, documents: DocumentTable, kept: Flags) -> Rows:
    """Write the changed texts to the draft's scratch folder and the listing to the draft; returns the dropped rows."""
    ngrams, num_short = load_evaluation_ngrams(settings.sets, settings.ngram_size)
    np.savez(draft.path / NGRAMS, **ngrams._asdict())
    np.save(draft.path / KEPT, kept[documents.num_previous :])
    files = [(shard.name, shard.documents, start) for shard, start in documents.new_shards]
    match_jobs = {name: (path, start, draft.path, settings.ngram_size, name) for name, path, start in files}
    draft.map(match_shard, match_jobs, label="match")
    # only now, with the n-grams of all documents, is it known which are too frequent to be leaks
    phrases = np.array(find_phrases(draft.path / MATCHES, settings.max_documents), np.uint64)
    np.save(draft.path / PHRASES, phrases)
    excise_jobs = {name: (path, draft.path, settings, name) for name, path, _ in files}
    counts = draft.map(excise_shard, excise_jobs, label="excise").values()
    draft.counts["contamination"] = {
        "n_grams": len(ngrams.hashes),
        "short_texts": num_short,
        "phrases": len(phrases),
        "cut": sum(shard_counts["cut"] for shard_counts in counts),
        "dropped": sum(shard_counts["dropped"] for shard_counts in counts),
    }
    with draft.write("contamination.parquet") as path:
        listings = [pq.read_table(draft.path / EXCISED / f"{name}.listing.parquet") for name, _, _ in files]
        pq.write_table(pa.concat_tables(listings), path, compression="zstd")
    dropped = [
        np.load(draft.path / EXCISED / f"{name}.dropped.npy") + start + documents.num_previous
        for name, _, start in files
    ]
    return np.concatenate(dropped)


def load_ngrams(draft: Path) -> EvaluationNgrams:
    """Load the n-grams that `remove_contamination` saved for the workers."""
    with np.load(draft / NGRAMS) as arrays:
        return EvaluationNgrams(**arrays)


def match_shard(out: Path, documents: Path, start: int, draft: Path, ngram_size: int, name: str) -> dict[str, Any]:
    """Write which kept documents of one file hold an evaluation n-gram, and the n-grams that each holds."""
    ngrams = load_ngrams(draft)
    has_match = np.concatenate([np.zeros(0, np.bool_), *flag_matching_texts(documents, ngram_size, ngrams)])
    kept = np.load(draft / KEPT, mmap_mode="r")[start : start + len(has_match)]
    rows = np.flatnonzero(has_match & kept)
    hashes = [np.empty(0, np.uint64)]
    for _, batch in read_rows(documents, rows, ["text"]):
        for text in batch.column(0).to_pylist():
            matches = find_matches(text, ngram_size, ngrams)
            hashes.append(np.unique(np.array([match.ngram_hash for match in matches], np.uint64)))
    (out / MATCHES).mkdir(parents=True)
    np.save(out / MATCHES / f"{name}.rows.npy", rows)
    np.save(out / MATCHES / f"{name}.ngrams.npy", np.concatenate(hashes))
    return {"documents": len(rows)}


def flag_matching_texts(documents: Path, ngram_size: int, ngrams: EvaluationNgrams) -> Iterator[Flags]:
    """Tell for each text of a file, some hundred at a time, whether it holds an evaluation n-gram."""
    for texts in read_column(documents, "text"):
        data, offsets = text_buffers(texts)
        matches = np.zeros(len(texts), np.bool_)
        table = build_character_table()
        mark_matching_texts(data, offsets, table, ngram_size, ngrams.hashes, ngrams.prefixes, matches)
        yield matches


def find_phrases(folder: Path, max_documents: int) -> list[int]:
    """Find the n-grams that more documents hold than a leak would reach."""
    hashes = [np.load(path) for path in sorted(folder.glob("*.ngrams.npy"))]
    ngrams, num_documents = np.unique(np.concatenate(hashes), return_counts=True)
    phrases: list[int] = ngrams[num_documents > max_documents].tolist()
    return phrases


def excise_shard(out: Path, documents: Path, draft: Path, settings: Decontaminate, name: str) -> dict[str, Any]:
    """Write the changed texts of one file, the rows that are dropped, and the listing of what was cut out."""
    ngrams = load_ngrams(draft)
    phrases = set(np.load(draft / PHRASES).tolist())
    rows = np.load(draft / MATCHES / f"{name}.rows.npy")
    reduced = read_changed_texts(draft / REDUCED / f"{name}.parquet")
    changed: dict[int, str] = {}
    dropped: list[int] = []
    listing: list[dict[str, str]] = []
    for indices, batch in read_rows(documents, rows, ["id", "text"]):
        ids, texts = batch.column("id").to_pylist(), batch.column("text").to_pylist()
        for row, document_id, original in zip(rows[indices].tolist(), ids, texts, strict=True):
            # without its repeated passages, when that step ran: positions differ there, so matches are searched again
            text = reduced.get(row, original)
            matches = [
                match for match in find_matches(text, settings.ngram_size, ngrams) if match.ngram_hash not in phrases
            ]
            excision = excise_matches(
                text, matches, settings.context_chars, settings.min_fragment_chars, settings.max_fragments
            )
            if excision.text is None:
                dropped.append(row)
            elif matches:
                changed[row] = excision.text
            listing += list_excerpts(document_id, text, excision, settings.sets)
    (out / EXCISED).mkdir(parents=True)
    write_changed_texts(out / EXCISED / f"{name}.parquet", changed)
    pq.write_table(pa.Table.from_pylist(listing, LISTING_SCHEMA), out / EXCISED / f"{name}.listing.parquet")
    np.save(out / EXCISED / f"{name}.dropped.npy", np.array(dropped, np.int64))
    return {"cut": len(changed), "dropped": len(dropped)}


def excise_matches(
    text: str, matches: list[NgramMatch], context_chars: int, min_fragment_chars: int, max_fragments: int
) -> Excision:
    """Cut the matches out of a text, with so many characters on either side; the text is unchanged without matches.

    Fragments of fewer than `min_fragment_chars` are dropped, and the whole text when there are more than
    `max_fragments` of them or nothing is left.
    """
    if not matches:
        return Excision(text, [])
    fragments, start = [], 0
    for match in matches:
        if match.start - context_chars > start:
            fragments.append(text[start : match.start - context_chars])
        # matches overlap: the kept text goes on behind the one that reaches farthest
        start = max(start, match.end + context_chars)
    fragments.append(text[start:])
    kept = [fragment.strip() for fragment in fragments if len(fragment.strip()) >= min_fragment_chars]
    # all fragments count here, also those that are too short to be kept
    if not kept or len(fragments) > max_fragments:
        return Excision(None, matches)
    return Excision("\n\n".join(kept), matches)


def list_excerpts(document_id: str, text: str, excision: Excision, sets: tuple[str, ...]) -> Iterator[dict[str, str]]:
    """Yield one row of the listing for each run of overlapping matches, with the excerpt of its first n-gram."""
    end = -1
    for match in excision.matches:
        if match.start >= end:
            yield {
                "id": document_id,
                "set": Path(sets[match.set_index]).name,
                "excerpt": text[match.start : match.end],
                "done": "document dropped" if excision.text is None else "cut out",
            }
        end = match.end
