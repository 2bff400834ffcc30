"""The settings of the dedup stage."""

from typing import Any, Literal

from pydantic import Field

from tasks.block import Block


class Decontaminate(Block):
    """Cut out what evaluation sets hold, as GPT-3 did (arXiv:2005.14165, appendix C); nothing while no set is named."""

    sets: tuple[str, ...] = ()
    """Files or folders of texts that models are tested on: every string in .jsonl, .parquet, .tsv; whole .txt files."""
    window: int = Field(default=13, ge=5, le=100)
    """So many consecutive words in common are a leak; each Chinese character is a word."""
    around: int = Field(default=200, ge=0)
    """Characters that are cut out with a leak on either side."""
    fewest_characters: int = Field(default=200, ge=1)
    """Pieces that are shorter go."""
    most_pieces: int = Field(default=10, ge=1)
    """A document that falls into more pieces goes whole."""
    most_documents: int = Field(default=10, ge=1)
    """Words in common that more documents of a snapshot hold are a phrase of the language, and stay."""

    def semantic(self) -> dict[str, Any]:
        """What the sets hold, and not where they lie; nothing else counts while there is none."""
        if not self.sets:
            return {}
        from tasks.dedup.evaluation_sets import content_digest  # noqa: PLC0415 - pyarrow takes half a second to import

        return super().semantic() | {"sets": [content_digest(path) for path in self.sets]}


class Dedup(Block):
    """What counts as a copy: of documents that are this similar, one stays."""

    threshold: float = Field(default=0.8, ge=0.3, le=1.0)
    """Jaccard similarity of the word shingles from which a document is a near-duplicate of one that stays."""
    shingle: int = Field(default=5, ge=1, le=50)
    """Consecutive words that are compared as one; each Chinese character is a word."""
    num_perm: int = Field(default=128, ge=16, le=1024)
    """Permutations, the length of a signature: more find pairs at the threshold more surely and cost more."""
    recall: float = Field(default=0.995, ge=0.5, lt=1.0)
    """Least probability that a pair right at the threshold is looked at; it decides the bands."""
    seed: int = Field(default=1, ge=0, lt=2**32)
    """Seed of the permutations."""
    near: bool = True
    """Look for near-duplicates; off, only exact copies (of the words) go."""
    parts: Literal["none", "paragraphs", "lines"] = "none"
    """Which parts of a text go when an earlier document has them too: what stays of the text stays."""
    part_words: int = Field(default=13, ge=1)
    """Paragraphs or lines of fewer words stay though they repeat."""
    decontaminate: Decontaminate = Decontaminate()
    """which texts may not be learnt, because models are tested on them"""
