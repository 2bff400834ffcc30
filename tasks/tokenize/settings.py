"""The settings of the tokenize stage."""

from typing import Any, Literal

from pydantic import Field, model_validator

from tasks.block import Block

NUM_SPECIAL = 21  # special.SPECIAL and FURTHER, which are not loaded for a form


class Weight(Block):
    """How often documents of a language, of a source, or of a language in a source are trained on."""

    language: str = ""
    """As in the documents' column, e.g. zh; empty: every language."""
    source: str = ""
    """What the documents' column `source` says, else the URL's host or a domain that it is in; empty: every source."""
    weight: float = Field(default=1.0, ge=0, le=100)
    """2 is twice, 0.5 every second document (its hash decides), 0 never."""

    def matches(self, language: str, source: str) -> bool:
        """Whether documents of this language and source are meant."""
        is_source = self.source in ("", source) or source.endswith(f".{self.source}")
        return is_source and self.language in ("", language)


class Tokenize(Block):
    """The vocabulary, what is kept from training, and how often the rest is trained on."""

    tokenizer: str = ""
    """Folder of an existing fast tokenizer (tokenizer.json) to use; empty: train one."""
    missing_special: Literal["add", "refuse"] = "add"
    """What to do about special tokens that an existing tokenizer lacks: number them behind its last, or stop."""
    algorithm: Literal["bpe", "wordpiece", "unigram"] = "bpe"
    """Byte-level BPE and Unigram give every text back as it was and know every word; WordPiece is BERT's."""
    vocabulary: int = Field(default=16_384, ge=300, le=1_000_000)
    """Entries of the vocabulary, special tokens among them; fewer when the text is too short for so many."""
    sentinels: int = Field(default=100, ge=0, le=1000)
    """Special tokens for spans that are taken out, as T5 does: as many as a row may have of them."""
    lowercase: bool = True
    """WordPiece only: fold case and drop accents."""
    sample_megabytes: float = Field(default=100.0, gt=0)
    """Train the vocabulary on about so much text, chosen by hash."""
    smoothing: float = Field(default=0.7, ge=0, le=1)
    """Languages share the sample by their bytes to this power: 1 as they come, 0 all alike (0.7 was BERT's)."""
    weights: list[Weight] = Field(default=[])
    """How often documents are trained on, by language and source; where several match, their product."""
    validation: float = Field(default=0.02, ge=0, lt=1)
    """Share of the documents on which pretraining watches the loss."""
    heldout: float = Field(default=0.05, ge=0, lt=1)
    """Share of the documents that no training sees at all; evaluation makes its tasks from them."""
    shard_tokens: int = Field(default=100_000_000, ge=1)
    """Tokens in a file, about: a file is closed when it has so many."""

    @model_validator(mode="after")
    def something_is_left(self) -> "Tokenize":
        """Refuse shares that leave nothing to train on, and special tokens that leave no room for text."""
        if self.validation + self.heldout >= 1:
            raise ValueError(
                f"tokenize.validation = {self.validation} and tokenize.heldout = {self.heldout} leave nothing to train "
                "on: give less than 1 together"
            )
        fewest = NUM_SPECIAL + self.sentinels + 256
        if not self.tokenizer and self.vocabulary < fewest:
            raise ValueError(
                f"tokenize.vocabulary = {self.vocabulary} has no room for text: special tokens, tokenize.sentinels = "
                f"{self.sentinels} and the 256 bytes alone are {fewest}; give a larger vocabulary or fewer sentinels"
            )
        return self

    def of_vocabulary(self) -> dict[str, Any]:
        """The settings that decide the vocabulary."""
        if self.tokenizer:
            # the folder is read only when it is asked for
            from tasks.tokenize.vocabulary.pretrained import digest_tokenizer  # noqa: PLC0415

            return {
                "tokenizer": digest_tokenizer(self.tokenizer),
                "missing_special": self.missing_special,
                "sentinels": self.sentinels,
            }
        names = {"algorithm", "vocabulary", "sentinels", "sample_megabytes", "smoothing"}
        return self.model_dump(mode="json", include=names | ({"lowercase"} if self.algorithm == "wordpiece" else set()))

    def semantic(self) -> dict[str, Any]:
        """The folder of a tokenizer is where it lies; what counts is its content. With one, nothing is trained."""
        vocabulary = self.of_vocabulary()
        others = ("weights", "validation", "heldout", "shard_tokens")
        everything = super().semantic()
        return vocabulary | {name: everything[name] for name in others}
