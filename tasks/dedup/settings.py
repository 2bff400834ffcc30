"""The settings of the dedup stage."""

from typing import Any, Literal

from pydantic import Field

from tasks.block import Block


class Decontaminate(Block):
    """Cut passages of evaluation sets out of documents, as GPT-3 did (arXiv:2005.14165, appendix C).

    Nothing is cut out while no set is named.
    """

    sets: tuple[str, ...] = ()
    """Files, folders or patterns (train.*) of texts that models are tested on, in the formats that evaluation reads:
    every string in JSON, .parquet, .tsv and .csv; whole text files, and the words alone of those that hold tags; also
    packed (.gz, .xz) and in archives (.zip, .tar.gz)."""
    ngram_size: int = Field(default=13, ge=5, le=100)
    """Consecutive words that a document and a set must share to count as a leak; each Chinese character is a word."""
    context_chars: int = Field(default=200, ge=0)
    """Characters that are cut out with a leak, on either side of it."""
    min_fragment_chars: int = Field(default=200, ge=1)
    """Shortest fragment, in characters, that is kept of a document that was cut."""
    max_fragments: int = Field(default=10, ge=1)
    """A document that is cut into more fragments than this is dropped."""
    max_documents: int = Field(default=10, ge=1)
    """N-grams that more documents of a snapshot hold are phrases of the language, and are not cut out."""

    def semantic(self) -> dict[str, Any]:
        """Return the settings with the content of the sets in place of their paths; nothing while there is no set."""
        if not self.sets:
            return {}
        from tasks.dedup.evaluation_sets import digest_evaluation_set  # noqa: PLC0415 - pyarrow takes 0.5 s to import

        return super().semantic() | {"sets": [digest_evaluation_set(path) for path in self.sets]}


class Dedup(Block):
    """Deduplication: of documents that are this similar, one is kept."""

    threshold: float = Field(default=0.8, ge=0.3, le=1.0)
    """Jaccard similarity of the word n-grams from which a document is a near-duplicate of one that is kept."""
    ngram_size: int = Field(default=5, ge=1, le=50)
    """Consecutive words that are compared as one (a shingle); each Chinese character is a word."""
    num_perm: int = Field(default=128, ge=16, le=1024)
    """Permutations, the length of a MinHash signature: more find pairs at the threshold more surely and cost more."""
    recall: float = Field(default=0.995, ge=0.5, lt=1.0)
    """Least probability that a pair exactly at the threshold becomes a candidate; it decides the bands."""
    seed: int = Field(default=1, ge=0, lt=2**32)
    """Seed of the permutations."""
    near_duplicates: bool = True
    """Drop near-duplicates too; off, only documents with exactly the same words are dropped."""
    repeated_passages: Literal["none", "paragraphs", "lines"] = "none"
    """Passages that are removed from a document when a document that ranks before it has them too."""
    min_passage_words: int = Field(default=13, ge=1)
    """Shortest repeated paragraph or line, in words, that is removed."""
    decontaminate: Decontaminate = Decontaminate()
    """Evaluation texts that are cut out, because models are tested on them."""
