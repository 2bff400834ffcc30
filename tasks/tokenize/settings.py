"""The settings of the tokenize stage."""

from typing import Any, Literal

from pydantic import Field, model_validator

from tasks.block import Block

NUM_SPECIAL = 21  # len(SPECIAL) + len(FURTHER) of special_tokens.py, which is not loaded for a form
NUM_BYTES = 256


class Weight(Block):
    """The weight in training of documents of a language, of a source, or of a language in a source."""

    language: str = ""
    """Language code as in the documents' column, e.g. zh; empty: every language."""
    source: str = ""
    """Value of the documents' column `source`, else the URL's host or a domain that it is in; empty: every source."""
    weight: float = Field(default=1.0, ge=0, le=100)
    """2: every document twice; 0.5: half of the documents, chosen by their hash; 0: none."""

    def matches(self, language: str, source: str) -> bool:
        """Tell whether the weight applies to documents of this language and source."""
        is_source = self.source in ("", source) or source.endswith(f".{self.source}")
        return is_source and self.language in ("", language)


class Tokenize(Block):
    """The vocabulary, the fractions of the documents that are not trained on, and the weights of the rest."""

    tokenizer: str = ""
    """Folder of an existing fast tokenizer (tokenizer.json) to use; empty: train one."""
    missing_special: Literal["add", "refuse"] = "add"
    """Special tokens that an existing tokenizer lacks: add them behind its last entry, or stop."""
    algorithm: Literal["bpe", "wordpiece", "unigram"] = "bpe"
    """Byte-level BPE and Unigram reproduce every text and know every word; WordPiece is BERT's."""
    vocab_size: int = Field(default=16_384, ge=300, le=1_000_000)
    """Entries of the vocabulary, special tokens among them; fewer when the text is too short for so many."""
    sentinels: int = Field(default=100, ge=0, le=1000)
    """Special tokens that stand for spans, as in T5: the largest number of spans that a row may have."""
    lowercase: bool = True
    """WordPiece only: lower-case the text and remove accents."""
    sample_megabytes: float = Field(default=100.0, gt=0)
    """Megabytes of text, about, that the vocabulary is trained on; documents are chosen by hash."""
    language_alpha: float = Field(default=0.7, ge=0, le=1)
    """Exponent of language sampling: languages share the sample by bytes to this power; 1 as they come, 0 all equal."""
    weights: list[Weight] = Field(default=[])
    """Weights of documents in training, by language and source; where several match, their product."""
    validation_fraction: float = Field(default=0.02, ge=0, lt=1)
    """Fraction of the documents on which pretraining measures the validation loss."""
    heldout_fraction: float = Field(default=0.05, ge=0, lt=1)
    """Fraction of the documents that no training sees at all; evaluation makes its tasks from them."""
    shard_tokens: int = Field(default=100_000_000, ge=1)
    """Tokens in a file, about: a file is closed when it has so many."""

    @model_validator(mode="after")
    def check_fractions_and_size(self) -> "Tokenize":
        """Refuse fractions that leave nothing to train on, and special tokens that leave no room for text."""
        if self.validation_fraction + self.heldout_fraction >= 1:
            raise ValueError(
                f"tokenize.validation_fraction = {self.validation_fraction} and tokenize.heldout_fraction = "
                f"{self.heldout_fraction} leave nothing to train on: give less than 1 together"
            )
        min_size = NUM_SPECIAL + self.sentinels + NUM_BYTES
        if not self.tokenizer and self.vocab_size < min_size:
            raise ValueError(
                f"tokenize.vocab_size = {self.vocab_size} has no room for text: special tokens, tokenize.sentinels = "
                f"{self.sentinels} and the {NUM_BYTES} bytes alone are {min_size}; give a larger vocabulary or fewer "
                "sentinels"
            )
        return self

    def vocabulary_settings(self) -> dict[str, Any]:
        """Return the settings that decide the vocabulary."""
        if self.tokenizer:
            # the folder is read only when it is asked for
            from tasks.tokenize.vocabulary.pretrained import digest_tokenizer  # noqa: PLC0415

            return {
                "tokenizer": digest_tokenizer(self.tokenizer),
                "missing_special": self.missing_special,
                "sentinels": self.sentinels,
            }
        names = {"algorithm", "vocab_size", "sentinels", "sample_megabytes", "language_alpha"}
        return self.model_dump(mode="json", include=names | ({"lowercase"} if self.algorithm == "wordpiece" else set()))

    def semantic(self) -> dict[str, Any]:
        """Return what decides the outcome: of an existing tokenizer its content, else what a new one is trained by."""
        others = ("weights", "validation_fraction", "heldout_fraction", "shard_tokens")
        settings = super().semantic()
        return self.vocabulary_settings() | {name: settings[name] for name in others}
