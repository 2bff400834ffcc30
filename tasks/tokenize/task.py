"""The tokenize stage: documents in, a tokenizer and token shards out."""

import time
from typing import Literal

from pydantic import Field, model_validator

from tasks.block import Block
from tasks.draft import Draft
from tasks.stage import stage
from tasks.store import Artifact


class Tokenize(Block):
    """The vocabulary, and what is kept from training."""

    algorithm: Literal["bpe", "wordpiece"] = "bpe"
    """Byte-level BPE gives every text back as it was and knows no unknown word; WordPiece is BERT's."""
    vocabulary: int = Field(default=16_384, ge=300, le=1_000_000)
    """Entries of the vocabulary, special tokens among them; fewer when the text is too short for so many."""
    lowercase: bool = True
    """WordPiece only: fold case and drop accents."""
    sample_megabytes: float = Field(default=100.0, gt=0)
    """Train the vocabulary on about so much text, chosen by hash."""
    validation: float = Field(default=0.02, ge=0, lt=1)
    """Share of the documents on which pretraining watches the loss."""
    heldout: float = Field(default=0.05, ge=0, lt=1)
    """Share of the documents that no training sees at all; evaluation makes its tasks from them."""

    @model_validator(mode="after")
    def something_is_left_to_train_on(self) -> "Tokenize":
        """Refuse shares that leave nothing."""
        if self.validation + self.heldout >= 1:
            raise ValueError("validation and heldout together must leave documents to train on: less than 1")
        return self


@stage("tokenize", version=1)
def tokenize(settings: Tokenize, draft: Draft, documents: Artifact) -> None:
    """Look at the sizes, train the vocabulary on a sample, encode every shard."""
    # tokenizers and pyarrow need not be loaded for a plan or a form
    from tasks.tokenize import statistics, steps  # noqa: PLC0415

    began = time.perf_counter()
    shards = steps.shards_of(documents)
    share = steps.share_to_sample(settings, draft, shards)
    steps.train(settings, draft, shards, share)
    statistics.write_statistics(draft, steps.encode(settings, draft, shards))
    draft.counts["seconds"] = round(time.perf_counter() - began, 3)
