"""The steps of tokenization over a draft: survey, train, encode, sum up."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from tokenizers import Tokenizer

from tasks.draft import Draft
from tasks.failure import StageFailure
from tasks.store import Artifact
from tasks.tokenize.encode import Encoder, record_batch, schema
from tasks.tokenize.parts import COLUMNS, PARTS, Shares, batches, part_of, sampled, survey, texts_of
from tasks.tokenize.statistics import Row, counted, grouped, summed
from tasks.tokenize.task import Tokenize
from tasks.tokenize.vocabulary import save, trained

MEGABYTE = 1_000_000


def shards_of(documents: Artifact) -> dict[str, Path]:
    """The document files of the input."""
    files = sorted((documents.folder / "documents").glob("*.parquet"))
    if not files:
        raise StageFailure("no documents/*.parquet in the input", "Give the artifact of a dedup or clean stage")
    return {path.stem: path for path in files}


def share_to_sample(settings: Tokenize, draft: Draft, shards: dict[str, Path]) -> float:
    """The share of the training text that makes up the sample. Raises StageFailure when a part has no document."""
    shares = Shares(settings.validation, settings.heldout)
    found = draft.map(survey, {name: (path, shares) for name, path in shards.items()}, label="survey")
    documents = {part: sum(counts[part]["documents"] for counts in found.values()) for part in PARTS}
    for part, share in zip(PARTS, (1.0, settings.validation, settings.heldout), strict=True):
        if share and not documents[part]:
            raise StageFailure(
                f"of {sum(documents.values()):,} documents none falls to {part}",
                "Let more documents in, or change the shares tokenize.validation and tokenize.heldout",
            )
    num_bytes: int = sum(counts["train"]["bytes"] for counts in found.values())
    return settings.sample_megabytes * MEGABYTE / max(num_bytes, 1)


def train(settings: Tokenize, draft: Draft, shards: dict[str, Path], share: float) -> None:
    """Train and save the tokenizer, once a draft."""
    draft.map(train_shard, {"tokenizer": (list(shards.values()), settings, share)}, label="vocabulary")


def train_shard(out: Path, shards: list[Path], settings: Tokenize, share: float) -> dict[str, Any]:
    """Train on the sample."""
    shares = Shares(settings.validation, settings.heldout)
    tokenizer = trained(
        lambda: sampled(shards, shares, share),
        settings.algorithm,
        settings.vocabulary,
        lowercase=settings.lowercase,
    )
    save(tokenizer, out / "tokenizer")
    return {"vocabulary": tokenizer.get_vocab_size()}


def encode(settings: Tokenize, draft: Draft, shards: dict[str, Path]) -> dict[str, Any]:
    """Encode every shard, and sum up what they counted."""
    shares = Shares(settings.validation, settings.heldout)
    tokenizer = draft.path / "tokenizer" / "tokenizer.json"
    found = draft.map(
        encode_shard, {name: (path, name, tokenizer, shares) for name, path in shards.items()}, label="encode"
    )
    rows = [Row(*row) for counts in found.values() for row in counts["rows"]]
    return summed(rows) | {"vocabulary": Tokenizer.from_file(str(tokenizer)).get_vocab_size()}


def encode_shard(out: Path, documents: Path, name: str, tokenizer: Path, shares: Shares) -> dict[str, Any]:
    """The tokens of one shard by part, the documents held out as text; a row of counts a document."""
    encoder = Encoder(Tokenizer.from_file(str(tokenizer)))
    rows: list[Row] = []
    for part in PARTS:
        (out / part).mkdir()
    with ExitStack() as files:
        writers = {
            part: files.enter_context(pa.ipc.new_file(out / part / f"{name}.arrow", schema(encoder)))
            for part in ("train", "validation")
        }
        text_schema = pa.schema([(column, pa.string()) for column in COLUMNS])
        heldout = files.enter_context(
            pq.ParquetWriter(out / "heldout" / f"{name}.parquet", text_schema, compression="zstd")
        )
        for batch in batches(documents):
            parts = np.array([part_of(text, shares) for text in texts_of(batch)], dtype=object)
            for part in PARTS:
                mine = batch.filter(pa.array(parts == part))
                if not mine.num_rows:
                    continue
                tokens = None
                if part == "heldout":
                    heldout.write_batch(mine)
                else:
                    tokens = record_batch(encoder, mine.column("id"), texts_of(mine))
                    writers[part].write_batch(tokens)
                rows += counted(part, mine, tokens)
    return {"rows": grouped(rows)}
