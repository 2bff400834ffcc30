"""The sketches of a new file, on disk until all is decided: signatures, sorted band keys, and what ranks its texts."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tasks.dedup.array_types import Digests, Hashes32, Keys, Rows, SignatureBytes, Similarities
from tasks.dedup.document_shard import open_parquet, read_column
from tasks.dedup.minhash.band_index import make_signature_batch, write_signatures
from tasks.dedup.minhash.bands import BandLayout, compute_band_keys, compute_digest_keys
from tasks.dedup.minhash.signatures import reduce_to_bytes, sketch_texts

QUALITY_COLUMN = "score_quality"  # of the classifier among the filters; the better of several duplicates is kept


def read_qualities(documents: Path, count: int) -> Similarities:
    """Read the quality of every document; 0 for all where no classifier scored them."""
    with open_parquet(documents) as file:
        if QUALITY_COLUMN not in file.schema_arrow.names:
            return np.zeros(count, np.float32)
        scores = pc.fill_null(file.read([QUALITY_COLUMN]).column(0).cast(pa.float32()), 0.0)
        qualities: Similarities = np.nan_to_num(scores.to_numpy())
        return qualities


def write_sketches(path: Path, documents: Path, layout: BandLayout, num_perm: int, size: int, seed: int) -> int:
    """Save what deciding needs of a file's texts, in files that can be mapped; returns the number of texts.

    Ids, digests and signatures go to `path`, in the format of an index, the rest to a folder of the same name.

    Of a signature a byte of each entry is kept.
    """
    signature_parts, digest_parts = [np.empty((0, num_perm), np.uint8)], [np.empty((0, 2), np.uint64)]
    word_parts, length_parts = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for texts in read_column(documents, "text"):
        sketches = sketch_texts(texts, num_perm, size, seed)
        signature_parts.append(reduce_to_bytes(sketches.signatures))
        digest_parts.append(sketches.digests)
        word_parts.append(sketches.num_words)
        length_parts.append(pc.fill_null(pc.utf8_length(texts), 0).to_numpy().astype(np.int64))
    signatures, digests = np.concatenate(signature_parts), np.concatenate(digest_parts)
    num_words, lengths = np.concatenate(word_parts), np.concatenate(length_parts)
    keys, rows = sort_keys(signatures, digests, num_words, layout)
    ids = [pa.array([], pa.large_string()), *(ids.cast(pa.large_string()) for ids in read_column(documents, "id"))]
    arrays: dict[str, npt.NDArray[Any]] = {
        "words": num_words,
        "lengths": lengths,
        "keys": keys,
        "rows": rows,
        "quality": read_qualities(documents, len(lengths)),
    }
    folder = path.with_suffix("")
    folder.mkdir(parents=True)
    write_signatures(path, make_signature_batch(pa.concat_arrays(ids), digests, signatures))
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    return len(lengths)


def sort_keys(
    signatures: SignatureBytes, digests: Digests, num_words: Rows, layout: BandLayout
) -> tuple[Keys, Hashes32]:
    """Return all keys of a file, sorted, and the row of each: the last band is that of the digests.

    A text without words has a key in that band only.
    """
    rows_with_words = np.flatnonzero(num_words > 0).astype(np.uint32)
    # keys of one band share the top byte, so bands that are each sorted make a sorted whole
    bands = [*compute_band_keys(signatures[rows_with_words], layout)]
    orders = [np.argsort(band, kind="stable") for band in bands]
    digest_keys = compute_digest_keys(digests, layout)
    digest_order = np.argsort(digest_keys, kind="stable")
    keys = [band[order] for band, order in zip(bands, orders, strict=True)]
    rows = [rows_with_words[order] for order in orders]
    return np.concatenate([*keys, digest_keys[digest_order]]), np.concatenate([*rows, digest_order.astype(np.uint32)])
