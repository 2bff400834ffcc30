"""The tokenize stage: documents in, a tokenizer and token shards out."""

import time

from tasks.stage import stage
from tasks.store import Artifact, Draft
from tasks.tokenize.settings import Tokenize


@stage("tokenize", version=3, shares=("runtime",))
def tokenize(settings: Tokenize, draft: Draft, documents: Artifact, *previous: Artifact) -> None:
    """Make the vocabulary, or take that of the first previous snapshot, and encode every shard with it."""
    # tokenizers and pyarrow need not be loaded for a plan or a form
    from tasks.runtime.jit import log_compilation  # noqa: PLC0415
    from tasks.tokenize import statistics, steps  # noqa: PLC0415
    from tasks.tokenize.encoder.sentences import fill_starts  # noqa: PLC0415

    log_compilation("tokenize", fill_starts)
    start_time = time.perf_counter()
    shards = steps.list_document_files(documents)
    steps.make_vocabulary(settings, draft, shards, previous)
    statistics.write_statistics(draft, *steps.encode_shards(settings, draft, shards, previous))
    draft.counts["seconds"] = round(time.perf_counter() - start_time, 3)
