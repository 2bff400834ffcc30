"""What is kept of a new file's texts until all is decided: sketches, sorted band keys, and what ranks them."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tasks.dedup.document_shard import column, opened
from tasks.dedup.minhash.band_index import known_batch, write_known
from tasks.dedup.minhash.bands import Layout, band_keys, digest_keys
from tasks.dedup.minhash.signatures import sketch

QUALITY = "score_quality"  # of the classifier among the filters; the better of several copies stays


def qualities(documents: Path, count: int) -> npt.NDArray[np.float32]:
    """The quality of every document; the same for all where no classifier scored them."""
    with opened(documents) as file:
        if QUALITY not in file.schema_arrow.names:
            return np.zeros(count, np.float32)
        scores = pc.fill_null(file.read([QUALITY]).column(0).cast(pa.float32()), 0.0)
        found: npt.NDArray[np.float32] = np.nan_to_num(scores.to_numpy())
        return found


def write_sketches(known: Path, documents: Path, of: Layout, num_perm: int, size: int, seed: int) -> int:
    """Save what deciding needs of a file's texts, in files that can be mapped; returns how many texts.

    Ids, digests and signatures go to the file `known`, as an index has them, the rest to a folder of the same name.

    Of a signature the low byte of each entry is kept: a quarter of the space for an estimate that is as good as the
    whole one but for 1/256 (Li, König, "b-Bit Minwise Hashing", WWW 2010).
    """
    parts: dict[str, list[npt.NDArray[Any]]] = {"signatures": [], "digests": [], "words": [], "lengths": []}
    for texts in column(documents, "text"):
        made = sketch(texts, num_perm, size, seed)
        parts["signatures"].append(made.signatures.astype(np.uint8))
        parts["digests"].append(made.digests)
        parts["words"].append(made.num_words)
        parts["lengths"].append(pc.fill_null(pc.utf8_length(texts), 0).to_numpy().astype(np.int64))
    empty = {"signatures": np.empty((0, num_perm), np.uint8), "digests": np.empty((0, 2), np.uint64)}
    whole = {name: np.concatenate([empty.get(name, np.empty(0, np.int64)), *found]) for name, found in parts.items()}
    keys, rows = sorted_keys(whole, of)
    ids = [pa.array([], pa.large_string()), *(batch.cast(pa.large_string()) for batch in column(documents, "id"))]
    quality = qualities(documents, len(whole["lengths"]))
    folder = known.with_suffix("")
    folder.mkdir(parents=True)
    write_known(known, known_batch(pa.concat_arrays(ids), whole.pop("digests"), whole.pop("signatures")))
    for name, array in (whole | {"keys": keys, "rows": rows, "quality": quality}).items():
        np.save(folder / f"{name}.npy", array)
    return len(quality)


def sorted_keys(sketches: dict[str, npt.NDArray[Any]], of: Layout) -> tuple[npt.NDArray[np.uint64], Any]:
    """All keys of a file in rising order, and the row of each: the last band is that of the digests.

    A text without words has a digest only.
    """
    worded = np.flatnonzero(sketches["words"] > 0).astype(np.uint32)
    bands = [*band_keys(sketches["signatures"][worded], of)]
    orders = [np.argsort(band, kind="stable") for band in bands]
    digests = digest_keys(sketches["digests"], of)
    last = np.argsort(digests, kind="stable")
    keys = [band[order] for band, order in zip(bands, orders, strict=True)]
    rows = [worded[order] for order in orders]
    return np.concatenate([*keys, digests[last]]), np.concatenate([*rows, last.astype(np.uint32)])
