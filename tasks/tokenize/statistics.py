"""What was counted: documents, bytes and tokens by part and language."""

import json
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from tasks.draft import Draft
from tasks.tokenize.parts import PARTS, Part, texts_of
from tasks.tokenize.vocabulary import UNK


class Row(NamedTuple):
    """Counts of the documents of one part in one language."""

    part: str
    language: str
    documents: int
    bytes: int
    tokens: int
    unknown: int  # tokens that are <unk>


def counted(part: Part, documents: pa.RecordBatch, tokens: pa.RecordBatch | None) -> list[Row]:
    """A row a document; one that is held out has no tokens."""
    languages = documents.column("language").to_pylist()
    ids = [row.values.to_numpy() for row in tokens.column("input_ids")] if tokens else [np.zeros(0)] * len(documents)
    return [
        Row(part, language or "unknown", 1, len(text.encode()), len(mine), int((mine == UNK).sum()))
        for language, text, mine in zip(languages, texts_of(documents), ids, strict=True)
    ]


def grouped(rows: Iterable[Row]) -> list[Row]:
    """One row for each part and language, sorted."""
    sums: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0] * (len(Row._fields) - 2))
    for part, language, *numbers in rows:
        sums[part, language] = [a + b for a, b in zip(sums[part, language], numbers, strict=True)]
    return [Row(*key, *numbers) for key, numbers in sorted(sums.items())]


def summed(rows: list[Row]) -> dict[str, Any]:
    """The statistics of the stage: by part, and by language where there are tokens."""
    encoded = [row for row in rows if row.part != "heldout"]
    return {
        "documents": {part: sum(row.documents for row in rows if row.part == part) for part in PARTS},
        "tokens": {part: sum(row.tokens for row in rows if row.part == part) for part in PARTS if part != "heldout"},
        "languages": {
            language: totals([row for row in encoded if row.language == language])
            for language in sorted({row.language for row in encoded})
        },
        **{name: value for name, value in totals(encoded).items() if name in {"bytes_per_token", "unknown"}},
    }


def totals(rows: list[Row]) -> dict[str, float]:
    """Documents, tokens, bytes a token, and the share of unknown tokens."""
    tokens = sum(row.tokens for row in rows)
    return {
        "documents": sum(row.documents for row in rows),
        "tokens": tokens,
        "bytes_per_token": round(sum(row.bytes for row in rows) / max(tokens, 1), 4),
        "unknown": round(sum(row.unknown for row in rows) / max(tokens, 1), 6),
    }


def write_statistics(draft: Draft, statistics: dict[str, Any]) -> None:
    """statistics.json, summary.md and the manifest's counts."""
    draft.counts |= {key: statistics[key] for key in ("documents", "tokens", "bytes_per_token", "vocabulary")}
    with draft.write("statistics.json") as path:
        path.write_text(json.dumps(statistics, indent=2, sort_keys=True) + "\n")
    with draft.write("summary.md") as path:
        path.write_text(summary(statistics))


def summary(statistics: dict[str, Any]) -> str:
    """The statistics as tables."""
    about = (
        f"{statistics['vocabulary']:,} entries, {statistics['bytes_per_token']} bytes a token, "
        f"{statistics['unknown']:.2%} of the tokens unknown."
    )
    lines = [about, "", "| part | documents | tokens |", "|---|---:|---:|"]
    for part, documents in statistics["documents"].items():
        lines.append(f"| {part} | {documents:,} | {statistics['tokens'].get(part, 0):,} |")
    lines += ["", "| language | documents | tokens | bytes a token |", "|---|---:|---:|---:|"]
    for language, of in sorted(statistics["languages"].items(), key=lambda item: (-item[1]["tokens"], item[0])):
        lines.append(f"| {language} | {of['documents']:,} | {of['tokens']:,} | {of['bytes_per_token']} |")
    return "\n".join([*lines, ""])
