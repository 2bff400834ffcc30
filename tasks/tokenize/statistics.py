"""What was counted: documents, bytes, words and tokens by part, language and source."""

import json
from collections.abc import Iterable
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from tasks.runtime.text_kernels import text_buffers
from tasks.store import Draft
from tasks.tokenize.document_weights import Ints, read_languages, read_sources
from tasks.tokenize.encoder.encode import EncodedTexts
from tasks.tokenize.encoder.words import count_words
from tasks.tokenize.splits import SPLITS, Split

KEYS = ["part", "language", "source"]
# Of documents, each counted once; `rows` and `row_tokens` count them as often as they are trained on.
NUMBERS = ["documents", "bytes", "words", "tokens", "unknown", "rows", "row_tokens"]
MOST_SOURCES = 20  # shown; all are in statistics.parquet


def count_documents(
    part: Split, documents: pa.RecordBatch, encoded: EncodedTexts | None, unknown: int, rows: Ints
) -> pl.DataFrame:
    """Sums by language and source of documents of one part; what is held out has no tokens."""
    texts = documents.column("text")
    tokens = np.diff(encoded.ends, prepend=0) if encoded else np.zeros(len(texts), np.int64)
    before = np.r_[0, np.cumsum(encoded.ids == unknown)] if encoded else np.zeros(1, np.int64)
    ends = encoded.ends if encoded else np.zeros(len(texts), np.int64)
    frame = pl.DataFrame(
        {
            "part": [part] * len(texts),
            "language": read_languages(documents).to_pylist(),
            "source": read_sources(documents).to_pylist(),
            "documents": np.ones(len(texts), np.int64),
            "bytes": np.diff(text_buffers(texts)[1]),
            "words": count_words(texts),
            "tokens": tokens,
            "unknown": np.diff(before[ends], prepend=0),
            "rows": rows,
            "row_tokens": tokens * rows,
        }
    )
    return sum_by_key([frame])


def sum_by_key(frames: Iterable[pl.DataFrame], keys: list[str] = KEYS) -> pl.DataFrame:
    """One row for each key, sorted."""
    everything = pl.concat([empty(), *frames])
    return everything.group_by(keys).agg(pl.col(NUMBERS).sum()).sort(keys)


def empty() -> pl.DataFrame:
    return pl.DataFrame(schema={**dict.fromkeys(KEYS, pl.String), **dict.fromkeys(NUMBERS, pl.Int64)})


def summarise_counts(frame: pl.DataFrame) -> dict[str, Any]:
    """The statistics of the stage: by part, and by language and source where there are tokens."""
    parts = sum_by_key([frame], ["part"])
    encoded = frame.filter(pl.col("part") != "heldout")
    by_source = {row.pop("source"): totals(row) for row in sum_by_key([encoded], ["source"]).to_dicts()}
    largest = sorted(by_source, key=lambda name: (-by_source[name]["tokens"], name))[:MOST_SOURCES]

    def of(part: str, column: str) -> int:
        return int(parts.filter(part=part)[column].sum())

    whole = totals(encoded.select(pl.col(NUMBERS).sum()).to_dicts()[0])
    return {
        "documents": {part: of(part, "documents") for part in SPLITS},
        "tokens": {part: of(part, "row_tokens") for part in SPLITS if part != "heldout"},
        "languages": {row.pop("language"): totals(row) for row in sum_by_key([encoded], ["language"]).to_dicts()},
        "sources": {name: by_source[name] for name in largest},
        "num_sources": len(by_source),
        **{name: whole[name] for name in ("bytes_per_token", "words_per_token", "unknown")},
    }


def totals(row: dict[str, int]) -> dict[str, float]:
    """Counts of some documents, and what follows from them; `rows` and `trained_tokens` are as often as trained on."""
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
    """statistics.json, statistics.parquet, summary.md and the manifest's counts."""
    draft.counts |= {key: statistics[key] for key in ("documents", "tokens", "bytes_per_token", "vocabulary")}
    with draft.write("statistics.json") as path:
        path.write_text(json.dumps(statistics, indent=2, sort_keys=True) + "\n")
    with draft.write("statistics.parquet") as path:
        frame.write_parquet(path)
    with draft.write("summary.md") as path:
        path.write_text(format_summary(statistics))


def format_summary(statistics: dict[str, Any]) -> str:
    """The statistics as tables."""
    about = (
        f"{statistics['vocabulary']:,} entries, {statistics['bytes_per_token']} bytes and "
        f"{statistics['words_per_token']} words a token, {statistics['unknown']:.2%} of the tokens unknown."
    )
    lines = [about, "", "| part | documents | tokens |", "|---|---:|---:|"]
    for part, documents in statistics["documents"].items():
        lines.append(f"| {part} | {documents:,} | {statistics['tokens'].get(part, 0):,} |")
    for kind in ("languages", "sources"):
        lines += ["", f"| {kind[:-1]} | documents | trained on | tokens | bytes a token | words a token | unknown |"]
        lines += ["|---|---:|---:|---:|---:|---:|---:|"]
        for name, of in sorted(statistics[kind].items(), key=lambda item: (-item[1]["tokens"], item[0])):
            lines.append(
                f"| {name} | {of['documents']:,} | {of['rows']:,} | {of['row_tokens']:,} | {of['bytes_per_token']} "
                f"| {of['words_per_token']} | {of['unknown']:.2%} |"
            )
    if statistics["num_sources"] > MOST_SOURCES:
        lines += ["", f"{MOST_SOURCES} of {statistics['num_sources']:,} sources; all are in statistics.parquet."]
    return "\n".join([*lines, ""])
