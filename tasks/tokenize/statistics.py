"""The statistics of the stage: documents, bytes, words and tokens by split, language and source."""

import json
from collections.abc import Iterable
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from tasks.runtime.markdown import render_markdown_table
from tasks.runtime.text_kernels import text_buffers
from tasks.store import Draft
from tasks.tokenize.document_weights import Ints, read_languages, read_sources
from tasks.tokenize.encoder.encode import EncodedTexts
from tasks.tokenize.encoder.words import count_words
from tasks.tokenize.splits import SPLITS, Split

KEY_COLUMNS = ["part", "language", "source"]
# Of documents, each counted once; `rows` and `row_tokens` count them as often as they are trained on.
COUNT_COLUMNS = ["documents", "bytes", "words", "tokens", "unknown", "rows", "row_tokens"]
TOTALS_HEAD = ("documents", "trained on", "tokens", "bytes a token", "words a token", "unknown")
MAX_SOURCES = 20  # shown; all are in statistics.parquet


def count_documents(
    split: Split, documents: pa.RecordBatch, encoded: EncodedTexts | None, unknown: int, repeats: Ints
) -> pl.DataFrame:
    """Count documents of one split by language and source; held-out documents are not encoded."""
    texts = documents.column("text")
    # with the end token of each document
    tokens = np.diff(encoded.ends, prepend=0) if encoded else np.zeros(len(texts), np.int64)
    # unknown tokens before each position; the difference at the ends of two documents is the count of one
    unknown_before = np.r_[0, np.cumsum(encoded.ids == unknown)] if encoded else np.zeros(1, np.int64)
    ends = encoded.ends if encoded else np.zeros(len(texts), np.int64)
    frame = pl.DataFrame(
        {
            "part": [split] * len(texts),
            "language": read_languages(documents).to_pylist(),
            "source": read_sources(documents).to_pylist(),
            "documents": np.ones(len(texts), np.int64),
            "bytes": np.diff(text_buffers(texts)[1]),
            "words": count_words(texts),
            "tokens": tokens,
            "unknown": np.diff(unknown_before[ends], prepend=0),
            "rows": repeats,
            "row_tokens": tokens * repeats,
        }
    )
    return sum_by_key([frame])


def sum_by_key(frames: Iterable[pl.DataFrame], keys: list[str] = KEY_COLUMNS) -> pl.DataFrame:
    """Sum the counts to one row for each key, sorted."""
    schema = {**dict.fromkeys(KEY_COLUMNS, pl.String), **dict.fromkeys(COUNT_COLUMNS, pl.Int64)}
    rows = pl.concat([pl.DataFrame(schema=schema), *frames])
    return rows.group_by(keys).agg(pl.col(COUNT_COLUMNS).sum()).sort(keys)


def summarise_counts(frame: pl.DataFrame) -> dict[str, Any]:
    """Make the statistics of the stage: by split, and by language and source of the documents that were encoded."""
    by_split = sum_by_key([frame], ["part"])
    encoded = frame.filter(pl.col("part") != "heldout")
    by_source = {row.pop("source"): compute_totals(row) for row in sum_by_key([encoded], ["source"]).to_dicts()}
    largest = sorted(by_source, key=lambda name: (-by_source[name]["tokens"], name))[:MAX_SOURCES]

    def sum_of(split: str, column: str) -> int:
        return int(by_split.filter(part=split)[column].sum())

    totals = compute_totals(encoded.select(pl.col(COUNT_COLUMNS).sum()).to_dicts()[0])
    by_language = sum_by_key([encoded], ["language"]).to_dicts()
    return {
        "documents": {split: sum_of(split, "documents") for split in SPLITS},
        "tokens": {split: sum_of(split, "row_tokens") for split in SPLITS if split != "heldout"},
        "languages": {row.pop("language"): compute_totals(row) for row in by_language},
        "sources": {name: by_source[name] for name in largest},
        "num_sources": len(by_source),
        **{name: totals[name] for name in ("bytes_per_token", "words_per_token", "unknown")},
    }


def compute_totals(row: dict[str, int]) -> dict[str, float]:
    """Return the counts of some documents, and the ratios that follow from them; `unknown` as a fraction of tokens.

    `rows` and `row_tokens` count documents as often as they are trained on.
    """
    tokens = max(row["tokens"], 1)
    return {
        "documents": row["documents"],
        "rows": row["rows"],
        "tokens": row["tokens"],
        "row_tokens": row["row_tokens"],
        "bytes_per_token": round(row["bytes"] / tokens, 4),
        "words_per_token": round(row["words"] / tokens, 4),
        "unknown": round(row["unknown"] / tokens, 6),
    }


def write_statistics(draft: Draft, statistics: dict[str, Any], frame: pl.DataFrame) -> None:
    """Write statistics.json, statistics.parquet and summary.md, and set the manifest's counts."""
    draft.counts |= {key: statistics[key] for key in ("documents", "tokens", "bytes_per_token", "vocabulary")}
    with draft.write("statistics.json") as path:
        path.write_text(json.dumps(statistics, indent=2, sort_keys=True) + "\n")
    with draft.write("statistics.parquet") as path:
        frame.write_parquet(path)
    with draft.write("summary.md") as path:
        path.write_text(format_summary(statistics))


def format_summary(statistics: dict[str, Any]) -> str:
    """Render the statistics as Markdown tables."""
    vocabulary = (
        f"{statistics['vocabulary']:,} entries, {statistics['bytes_per_token']} bytes and "
        f"{statistics['words_per_token']} words a token, {statistics['unknown']:.2%} of the tokens unknown."
    )
    splits = [
        (split, documents, statistics["tokens"].get(split, 0)) for split, documents in statistics["documents"].items()
    ]
    parts = [vocabulary, render_markdown_table(("split", "documents", "tokens"), splits)]
    for kind in ("languages", "sources"):
        rows = [
            (
                name,
                totals["documents"],
                totals["rows"],
                totals["row_tokens"],
                str(totals["bytes_per_token"]),
                str(totals["words_per_token"]),
                f"{totals['unknown']:.2%}",
            )
            for name, totals in sorted(statistics[kind].items(), key=lambda item: (-item[1]["tokens"], item[0]))
        ]
        parts.append(render_markdown_table((kind[:-1], *TOTALS_HEAD), rows))
    if statistics["num_sources"] > MAX_SOURCES:
        parts.append(f"{MAX_SOURCES} of {statistics['num_sources']:,} sources; all are in statistics.parquet.")
    return "\n\n".join(parts) + "\n"
