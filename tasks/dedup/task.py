"""The dedup stage: documents of one or more snapshots in, those that stay out."""

import time

from pydantic import Field

from tasks.block import Block
from tasks.draft import Draft
from tasks.failure import StageFailure
from tasks.stage import stage
from tasks.store import Artifact


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


@stage("dedup", version=1)
def dedup(settings: Dedup, draft: Draft, *documents: Artifact) -> None:
    """Sketch every shard, decide in order of rank, write what stays."""
    # numba takes half a second to import, and a plan or a form needs the settings only
    from tasks.dedup import outputs, steps  # noqa: PLC0415

    began = time.perf_counter()
    shards = steps.shards_of(draft, documents)
    corpus = steps.sketched(settings, draft, shards)
    if not corpus.size:
        raise StageFailure("no document came in", "Loosen the filters of clean, or crawl more pages")
    decision = steps.decided(settings, draft, corpus)
    outputs.write_documents(draft, corpus, decision)
    outputs.write_clusters(draft, corpus, decision)
    outputs.write_bands(settings, draft, corpus, decision)
    draft.counts |= outputs.counted(decision) | {"seconds": round(time.perf_counter() - began, 3)}
    with draft.write("summary.md") as path:
        path.write_text(outputs.summary(settings, draft.counts))
