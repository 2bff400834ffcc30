"""The steps of tokenization over a draft: the vocabulary, the shards, the sums."""

import functools
import hashlib
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from tokenizers import Tokenizer

from tasks.errors import StageFailure
from tasks.store import Artifact, Draft
from tasks.tokenize.document_weights import Ints, compute_weights, draw_repeat_counts, repeat_rows
from tasks.tokenize.encoder.encode import BatchEncoder, make_record_batch, make_schema
from tasks.tokenize.settings import Tokenize
from tasks.tokenize.shards import RollingWriter
from tasks.tokenize.splits import (  # fmt: skip
    HELDOUT,
    SPLITS,
    TRAIN,
    VALIDATION,
    SplitFractions,
    assign_splits,
    compute_sampling_rates,
    compute_text_fractions,
    read_batches,
    sample_texts,
    survey_shard,
)
from tasks.tokenize.statistics import KEYS, NUMBERS, count_documents, sum_by_key, summarise_counts
from tasks.tokenize.vocabulary import pretrained
from tasks.tokenize.vocabulary.special_tokens import load_tokenizer, save_trained_tokenizer
from tasks.tokenize.vocabulary.train import train_tokenizer

MEGABYTE = 1_000_000
TEXT_COLUMNS = ("id", "url", "title", "text", "language")


def list_document_files(documents: Artifact) -> dict[str, Path]:
    """The document files of the input."""
    files = sorted((documents.folder / "documents").glob("*.parquet"))
    if not files:
        raise StageFailure("no documents/*.parquet in the input", "Give the artifact of a dedup or clean stage")
    return {path.stem: path for path in files}


def shares_of(settings: Tokenize) -> SplitFractions:
    return SplitFractions(settings.validation, settings.heldout)


def make_vocabulary(settings: Tokenize, draft: Draft, shards: dict[str, Path], earlier: tuple[Artifact, ...]) -> None:
    """The tokenizer in the draft: the first earlier snapshot's, an existing one, or one trained here."""
    wanted = settings.of_vocabulary()
    if earlier:
        draft.map(
            pretrained.copy_vocabulary,
            {"tokenizer": (pretrained.require_token_folders(earlier), wanted)},
            label="vocabulary",
        )
    elif settings.tokenizer:
        how = (settings.tokenizer, settings.missing_special, settings.sentinels)
        draft.map(pretrained.adopt_tokenizer, {"tokenizer": how}, label="vocabulary")
    else:
        often = languages_in_sample(settings, draft, shards)
        draft.map(train, {"tokenizer": (list(shards.values()), settings, often)}, label="vocabulary")


def languages_in_sample(settings: Tokenize, draft: Draft, shards: dict[str, Path]) -> dict[str, float]:
    """How often each language is in the sample. Raises StageFailure when a part has no document."""
    shares = shares_of(settings)
    jobs = {name: (path, shares, settings.weights) for name, path in shards.items()}
    documents: Counter[str] = Counter()
    sizes: dict[str, float] = defaultdict(float)
    for counts in draft.map(survey_shard, jobs, label="survey").values():
        documents.update(counts["documents"])
        for language, size in counts["bytes"].items():
            sizes[language] += size
    refuse_empty(settings, documents)
    return compute_sampling_rates(sizes, settings.sample_megabytes * MEGABYTE, settings.smoothing)


def refuse_empty(settings: Tokenize, documents: dict[str, int]) -> None:
    """Raise StageFailure when a part that is asked for has no document."""
    for part, share in zip(SPLITS, (1.0, settings.validation, settings.heldout), strict=True):
        if share and not documents[part]:
            raise StageFailure(
                f"of {sum(documents.values()):,} documents none falls to {part}",
                "Let more documents in, or change the shares tokenize.validation and tokenize.heldout",
            )


def train(out: Path, shards: list[Path], settings: Tokenize, often: dict[str, float]) -> dict[str, Any]:
    """Train on the sample."""
    tokenizer = train_tokenizer(
        lambda: sample_texts(shards, shares_of(settings), settings.weights, often),
        settings.algorithm,
        settings.vocabulary,
        lowercase=settings.lowercase,
        sentinels=settings.sentinels,
    )
    save_trained_tokenizer(tokenizer, out / "tokenizer", settings.sentinels)
    return {"entries": tokenizer.get_vocab_size()}


def encode_shards(
    settings: Tokenize, draft: Draft, shards: dict[str, Path], earlier: tuple[Artifact, ...]
) -> tuple[dict[str, Any], pl.DataFrame]:
    """Encode every shard, and sum up what they counted. Raises StageFailure when a part has no document."""
    folder = draft.path / "tokenizer"
    jobs = {name: (path, name, folder, settings) for name, path in shards.items()}
    found = draft.map(encode_shard, jobs, label="encode")
    columns = [*KEYS, *NUMBERS]
    rows = [row for counts in found.values() for row in counts["rows"]]
    frame = sum_by_key([pl.DataFrame(rows, schema=columns, orient="row")] if rows else [])
    statistics = summarise_counts(frame)
    if not earlier:  # a later snapshot may bring little or nothing
        refuse_empty(settings, statistics["documents"])
    entries = Tokenizer.from_file(str(folder / "tokenizer.json")).get_vocab_size()
    return statistics | {"vocabulary": entries, "vocabulary_settings": settings.of_vocabulary()}, frame


def encode_shard(out: Path, documents: Path, name: str, tokenizer: Path, settings: Tokenize) -> dict[str, Any]:
    """The tokens of one shard by part, the documents held out as text; counts by part, language and source."""
    encoder, unknown = load_encoder(tokenizer, hashlib.blake2b((tokenizer / "tokenizer.json").read_bytes()).hexdigest())
    sums: list[pl.DataFrame] = []
    (out / SPLITS[HELDOUT]).mkdir()
    with (
        RollingWriter(out / SPLITS[TRAIN], name, make_schema(encoder), settings.shard_tokens) as train_rows,
        RollingWriter(out / SPLITS[VALIDATION], name, make_schema(encoder), settings.shard_tokens) as validation_rows,
        pq.ParquetWriter(out / SPLITS[HELDOUT] / f"{name}.parquet", texts_schema(), compression="zstd") as heldout,
    ):
        writers = {TRAIN: train_rows, VALIDATION: validation_rows}
        for batch in read_batches(documents):
            for part, mine, times in divided(batch, settings):
                if part == HELDOUT:
                    heldout.write_batch(mine.select(TEXT_COLUMNS))
                    sums.append(count_documents(SPLITS[part], mine, None, unknown, times))
                    continue
                encoded = encoder(mine.column("text"))
                rows = make_record_batch(encoder, mine.column("id"), encoded)
                writers[part].write(rows if (times == 1).all() else rows.take(pa.array(repeat_rows(times))))
                sums.append(count_documents(SPLITS[part], mine, encoded, unknown, times))
    return {"rows": sum_by_key(sums).rows()}


@functools.lru_cache(maxsize=1)
def load_encoder(folder: Path, _digest: str) -> tuple[BatchEncoder, int]:
    """The encoder of a saved tokenizer, and its unknown token. Shard after shard, so that words are known already."""
    tokenizer, end, unknown = load_tokenizer(folder)
    return BatchEncoder(tokenizer, end), unknown


def divided(batch: pa.RecordBatch, settings: Tokenize) -> list[tuple[int, pa.RecordBatch, Ints]]:
    """The documents of each part that has any, and how often each is there: more than once only to train on."""
    fractions = compute_text_fractions(batch.column("text"))
    part_of = assign_splits(fractions[:, 0], shares_of(settings))
    times = np.ones(len(part_of), np.int64)
    if settings.weights:
        times = np.where(
            part_of == TRAIN, draw_repeat_counts(compute_weights(settings.weights, batch), fractions[:, 1]), 1
        )
    found = []
    for part in range(len(SPLITS)):
        rows = (part_of == part) & (times > 0)
        if rows.any():
            found.append((part, batch.filter(pa.array(rows)), times[rows]))
    return found


def texts_schema() -> pa.Schema:
    return pa.schema([(column, pa.string()) for column in TEXT_COLUMNS])
