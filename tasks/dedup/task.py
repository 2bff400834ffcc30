"""The dedup stage: documents of one or more snapshots in, those that stay out."""

import time

from tasks.dedup.settings import Dedup
from tasks.errors import StageFailure
from tasks.stage import stage
from tasks.store import Artifact, Draft


@stage("dedup", version=4)
def dedup(settings: Dedup, draft: Draft, *inputs: Artifact) -> None:
    """Sketch every new file, decide in order of rank, write what stays.

    Inputs of the stage `dedup` are the results of earlier snapshots, oldest first: what they hold stays as it is. The
    other inputs are decided, and only their documents stand in the result.
    """
    # numba takes half a second to import, and a plan or a form needs the settings only
    from tasks.dedup import outputs, repeated_passages, steps  # noqa: PLC0415
    from tasks.dedup.decontamination import decontaminate  # noqa: PLC0415
    from tasks.dedup.minhash.signatures import sketch_rows  # noqa: PLC0415
    from tasks.runtime.jit import log_compilation  # noqa: PLC0415

    log_compilation("dedup", sketch_rows)
    began = time.perf_counter()
    shards = steps.shards_of(settings, draft, inputs)
    corpus = steps.sketched(settings, draft, shards)
    if corpus.size == corpus.num_earlier:
        raise StageFailure("no document came in", "Loosen the filters of clean, or crawl more pages")
    decision = steps.decided(settings, draft, corpus)
    stays = decision.stays
    if settings.parts != "none":
        stays[repeated_passages.reduced(settings, draft, corpus, decision.ranks, stays)] = False
    if settings.decontaminate.sets:
        stays[decontaminate.screened(settings.decontaminate, draft, corpus, stays)] = False
    outputs.write_documents(settings, draft, corpus, stays)
    outputs.write_bands(settings, draft, corpus, stays)  # while this process holds little
    outputs.write_clusters(draft, corpus, decision, stays)
    draft.counts |= outputs.counted(corpus, decision, stays) | {"seconds": round(time.perf_counter() - began, 3)}
    with draft.write("summary.md") as path:
        path.write_text(outputs.summary(settings, draft.counts))
