"""The dedup stage: documents of one or more snapshots in, those that are kept out."""

import time

from tasks.dedup.settings import Dedup
from tasks.errors import StageFailure
from tasks.stage import stage
from tasks.store import Artifact, Draft


@stage("dedup", version=5, shares=("input_files", "runtime"))
def dedup(settings: Dedup, draft: Draft, *inputs: Artifact) -> None:
    """Sketch every new file, decide documents in order of rank, write those that are kept.

    Inputs of the stage `dedup` are the results of previous snapshots, oldest first: their documents are kept as they
    are. The documents of the other inputs are decided, and only they can be in the result.
    """
    # numba takes half a second to import, and a plan or a form needs the settings only
    from tasks.dedup import outputs, repeated_passages, steps  # noqa: PLC0415
    from tasks.dedup.decontamination import decontaminate  # noqa: PLC0415
    from tasks.dedup.minhash.index_format import make_index_metadata, select_layout  # noqa: PLC0415
    from tasks.dedup.minhash.signatures import sketch_rows  # noqa: PLC0415
    from tasks.runtime.jit import log_compilation  # noqa: PLC0415

    log_compilation("dedup", sketch_rows)
    start_time = time.perf_counter()
    layout, metadata = select_layout(settings), make_index_metadata(settings)
    steps.require_comparable_inputs(inputs, settings)
    shards = steps.list_shards(inputs, draft.path)
    documents = steps.sketch_documents(draft, shards, layout, settings.num_perm, settings.ngram_size, settings.seed)
    if not documents.size:
        raise StageFailure("no document came in", "Loosen the filters of clean, or crawl more pages")
    ranks = documents.compute_ranks()
    decision = steps.find_exact_duplicates(documents, ranks)
    if settings.near_duplicates:
        decision = steps.add_near_duplicates(
            draft, documents, ranks, decision.first_copy, settings.threshold, settings.ngram_size
        )
    kept = decision.is_kept
    if settings.repeated_passages != "none":
        rule = repeated_passages.PassageRule(settings.repeated_passages, settings.min_passage_words)
        kept[repeated_passages.drop_repeated_passages(draft, documents, ranks, kept, rule, metadata)] = False
    # last, because it searches the texts as they will be written
    if settings.decontaminate.sets:
        kept[decontaminate.remove_contamination(settings.decontaminate, draft, documents, kept)] = False
    outputs.write_documents(draft, documents, kept, metadata)
    outputs.write_band_index(draft, documents, kept, metadata)  # while this process holds little
    outputs.write_clusters(draft, documents, decision, kept)
    seconds = round(time.perf_counter() - start_time, 3)
    draft.counts |= outputs.count_documents(documents, decision, kept) | {"seconds": seconds}
    threshold = settings.threshold if settings.near_duplicates else None
    with draft.write("summary.md") as path:
        path.write_text(outputs.format_summary(draft.counts, layout, threshold))
