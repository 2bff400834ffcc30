"""The steps of tokenization over a draft: make the vocabulary, encode the shards, sum up the counts."""

import functools
import logging
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from tokenizers import Tokenizer

from tasks.errors import StageFailure
from tasks.runtime.content_digest import hash_file
from tasks.store import Artifact, Draft
from tasks.tokenize.document_weights import Ints, compute_weights, draw_repeat_counts, repeat_rows
from tasks.tokenize.encoder.encode import BatchEncoder, make_record_batch, make_schema
from tasks.tokenize.settings import Tokenize
from tasks.tokenize.shards import RollingWriter
from tasks.tokenize.splits import (
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
from tasks.tokenize.statistics import COUNT_COLUMNS, KEY_COLUMNS, count_documents, sum_by_key, summarise_counts
from tasks.tokenize.vocabulary import pretrained
from tasks.tokenize.vocabulary.sample_limit import limit_distinct_words
from tasks.tokenize.vocabulary.special_tokens import load_tokenizer, save_trained_tokenizer
from tasks.tokenize.vocabulary.train import make_word_splitter, train_tokenizer

log = logging.getLogger("textmill.tokenize")

MEGABYTE = 1_000_000
HELDOUT_COLUMNS = ("id", "url", "title", "text", "language")
HELDOUT_SCHEMA = pa.schema([(column, pa.string()) for column in HELDOUT_COLUMNS])


def list_document_files(documents: Artifact) -> dict[str, Path]:
    """List the document files of the input by name. Raises StageFailure when there are none."""
    files = sorted((documents.folder / "documents").glob("*.parquet"))
    if not files:
        raise StageFailure("no documents/*.parquet in the input", "Give the artifact of a dedup or clean stage")
    return {path.stem: path for path in files}


def split_fractions(settings: Tokenize) -> SplitFractions:
    """Return the fractions of the documents that are not trained on."""
    return SplitFractions(settings.validation_fraction, settings.heldout_fraction)


def make_vocabulary(settings: Tokenize, draft: Draft, shards: dict[str, Path], previous: tuple[Artifact, ...]) -> None:
    """Put the tokenizer into the draft: the first previous snapshot's, an existing one, or one trained here."""
    if previous:
        job = (pretrained.require_token_folders(previous), settings.vocabulary_settings())
        draft.map(pretrained.copy_vocabulary, {"tokenizer": job}, label="vocabulary")
    elif settings.tokenizer:
        adoption = (settings.tokenizer, settings.missing_special, settings.sentinels)
        draft.map(pretrained.adopt_tokenizer, {"tokenizer": adoption}, label="vocabulary")
    else:
        rates, megabytes = survey_languages(settings, draft, shards)
        label = f"train a vocabulary of {settings.vocab_size:,} on {megabytes:.3g} MB"
        only_shard = {"tokenizer": (list(shards.values()), settings, rates)}
        (counts,) = draft.map(train_vocabulary, only_shard, label=label).values()
        if counts["fraction"] < 1:
            log.info(
                "the vocabulary was trained on %.0f %% of its sample: words hardly repeat in text without spaces, and "
                "training keeps every distinct one in memory",
                100 * counts["fraction"],
            )


def survey_languages(settings: Tokenize, draft: Draft, shards: dict[str, Path]) -> tuple[dict[str, float], float]:
    """Return how often each language is in the sample, and the sample's megabytes, about.

    Raises StageFailure when a split has no document.
    """
    fractions = split_fractions(settings)
    jobs = {name: (path, fractions, settings.weights) for name, path in shards.items()}
    num_documents: Counter[str] = Counter()
    sizes: dict[str, float] = defaultdict(float)
    for counts in draft.map(survey_shard, jobs, label="survey").values():
        num_documents.update(counts["documents"])
        for language, size in counts["bytes"].items():
            sizes[language] += size
    require_documents(settings, num_documents)
    rates = compute_sampling_rates(sizes, settings.sample_megabytes * MEGABYTE, settings.language_alpha)
    return rates, sum(size * rates.get(language, 0) for language, size in sizes.items()) / MEGABYTE


def require_documents(settings: Tokenize, num_documents: dict[str, int]) -> None:
    """Raise StageFailure that names every split that is asked for and has no document."""
    fractions = (1.0, settings.validation_fraction, settings.heldout_fraction)
    empty = [name for name, fraction in zip(SPLITS, fractions, strict=True) if fraction and not num_documents[name]]
    if empty:
        counts = ", ".join(f"{name} {num_documents[name]:,}" for name in SPLITS)
        raise StageFailure(
            f"of {sum(num_documents.values()):,} documents none falls to {' and none to '.join(empty)} ({counts})",
            "Let more documents in, or raise tokenize.validation_fraction and tokenize.heldout_fraction; a split that "
            "is not needed may have the fraction 0",
        )


def train_vocabulary(out: Path, shards: list[Path], settings: Tokenize, rates: dict[str, float]) -> dict[str, Any]:
    """Train a tokenizer on the sample, and save it; `fraction` of the sample is what was trained on."""

    def read_sample() -> Iterator[list[str]]:
        return sample_texts(shards, split_fractions(settings), settings.weights, rates)

    texts, fraction = read_sample, 1.0
    # BERT's words are single Chinese characters, and so repeat
    if settings.algorithm != "wordpiece":
        texts, fraction = limit_distinct_words(read_sample, make_word_splitter())
    tokenizer = train_tokenizer(
        texts,
        settings.algorithm,
        settings.vocab_size,
        lowercase=settings.lowercase,
        sentinels=settings.sentinels,
    )
    save_trained_tokenizer(tokenizer, out / "tokenizer", settings.sentinels)
    return {"entries": tokenizer.get_vocab_size(), "fraction": fraction}


def encode_shards(
    settings: Tokenize, draft: Draft, shards: dict[str, Path], previous: tuple[Artifact, ...]
) -> tuple[dict[str, Any], pl.DataFrame]:
    """Encode every shard, and sum up what they counted: the statistics, and the table that they are made of.

    Raises StageFailure when a split has no document.
    """
    folder = draft.path / "tokenizer"
    jobs = {name: (path, name, folder, settings) for name, path in shards.items()}
    shard_counts = draft.map(encode_shard, jobs, label="encode")
    rows = [row for counts in shard_counts.values() for row in counts["rows"]]
    frames = [pl.DataFrame(rows, schema=[*KEY_COLUMNS, *COUNT_COLUMNS], orient="row")] if rows else []
    frame = sum_by_key(frames)
    statistics = summarise_counts(frame)
    # an empty split is a mistake in a first snapshot; a later one may bring little or nothing
    if not previous:
        require_documents(settings, statistics["documents"])
    statistics["vocabulary"] = Tokenizer.from_file(str(folder / "tokenizer.json")).get_vocab_size()
    statistics["vocabulary_settings"] = pretrained.record_settings(settings.vocabulary_settings())
    return statistics, frame


def encode_shard(out: Path, documents: Path, name: str, tokenizer: Path, settings: Tokenize) -> dict[str, Any]:
    """Write the tokens of one shard by split, and the held-out documents as text; count by split, language, source."""
    digest = hash_file(tokenizer / "tokenizer.json", "blake2b-512").hex()
    encoder, unknown = load_encoder(tokenizer, digest)
    schema = make_schema(encoder)
    frames: list[pl.DataFrame] = []
    (out / SPLITS[HELDOUT]).mkdir()
    with (
        RollingWriter(out / SPLITS[TRAIN], name, schema, settings.shard_tokens) as train_writer,
        RollingWriter(out / SPLITS[VALIDATION], name, schema, settings.shard_tokens) as validation_writer,
        pq.ParquetWriter(out / SPLITS[HELDOUT] / f"{name}.parquet", HELDOUT_SCHEMA, compression="zstd") as heldout,
    ):
        writers = {TRAIN: train_writer, VALIDATION: validation_writer}
        for batch in read_batches(documents):
            for split, chosen, repeats in split_batch(batch, settings):
                if split == HELDOUT:
                    heldout.write_batch(chosen.select(HELDOUT_COLUMNS))
                    frames.append(count_documents(SPLITS[split], chosen, None, unknown, repeats))
                    continue
                encoded = encoder(chosen.column("text"))
                rows = make_record_batch(encoder, chosen.column("id"), encoded)
                is_plain = (repeats == 1).all()
                writers[split].write(rows if is_plain else rows.take(pa.array(repeat_rows(repeats))))
                frames.append(count_documents(SPLITS[split], chosen, encoded, unknown, repeats))
    return {"rows": sum_by_key(frames).rows()}


@functools.lru_cache(maxsize=1)
def load_encoder(folder: Path, _digest: str) -> tuple[BatchEncoder, int]:
    """Load the encoder of a saved tokenizer, and its unknown token.

    Cached from shard to shard, so that pre-tokens are known already; the digest tells tokenizers of one path apart.
    """
    tokenizer, end, unknown = load_tokenizer(folder)
    return BatchEncoder(tokenizer, end), unknown


def split_batch(batch: pa.RecordBatch, settings: Tokenize) -> list[tuple[int, pa.RecordBatch, Ints]]:
    """Split documents: for each split that has any its documents, and how often each is repeated.

    Only documents to train on are repeated or left out by weights.
    """
    fractions = compute_text_fractions(batch.column("text"))
    splits = assign_splits(fractions[:, 0], split_fractions(settings))
    repeats = np.ones(len(splits), np.int64)
    if settings.weights:
        weights = compute_weights(settings.weights, batch)
        repeats = np.where(splits == TRAIN, draw_repeat_counts(weights, fractions[:, 1]), 1)
    parts = []
    for split in range(len(SPLITS)):
        rows = (splits == split) & (repeats > 0)
        if rows.any():
            parts.append((split, batch.filter(pa.array(rows)), repeats[rows]))
    return parts
