"""Clean: from pages to documents worth reading. Two stages: extract scores every document, clean decides.

Extraction is dear and decisions change often, so the scores are an artifact of their own: a changed threshold reads
them again and never a page.
"""

import logging
from typing import Any

from tasks.clean.decide.apply_filters import EMPTIED, PERSONAL, clean_shard
from tasks.clean.decide.funnel import added, summary
from tasks.clean.decide.samples import merged, shown
from tasks.clean.extract.crawl_reader import index_files
from tasks.clean.settings import Clean, Extract
from tasks.errors import StageFailure
from tasks.stage import stage
from tasks.store import Artifact, Draft

log = logging.getLogger("textmill.clean")


@stage("extract", version=3, section="clean")
def extract(settings: Extract, draft: Draft, pages: Artifact) -> None:
    """Pages to documents with a score by every filter. Raises StageFailure when no page gives one."""
    from tasks.clean.extract.documents import LINES, read_shard, score_shard  # noqa: PLC0415 - pyarrow takes half a second
    from tasks.clean.extract.recurring_lines import recurring  # noqa: PLC0415
    from tasks.clean.measures.measures import measure  # noqa: PLC0415
    from tasks.runtime.jit import log_compilation  # noqa: PLC0415

    log_compilation("extract", measure)
    names = index_files(pages.folder)
    draft.map(read_shard, {index.stem: (index, pages.folder, settings.extract) for index in names}, "pages")
    lines = None
    if settings.extract.recurring.enabled:
        lines = draft.scratch / "recurring.parquet"
        found = recurring([draft.path / LINES / index.name for index in names], settings.extract.recurring)
        found.write_parquet(lines)
    shards = {index.stem: (index.name, draft.path, settings.scoring(), lines) for index in names}
    counts = added(list(draft.map(score_shard, shards, "extract").values()))
    draft.counts.update(counts)
    if not counts["documents"] and _is_first(draft):
        raise StageFailure(_no_document(counts), "Look at these pages' addresses and types, and at the crawl's counts")
    log.info("extract: %s documents from %s pages", f"{counts['documents']:,}", f"{counts['pages']:,}")


@stage("clean", version=2)
def clean(settings: Clean, draft: Draft, scored: Artifact) -> None:
    """Scored documents to those that stay. Raises StageFailure when none does."""
    files = sorted((scored.folder / "documents").glob("*.parquet"))
    if not files:
        raise StageFailure(f"{scored.folder} has no documents/*.parquet", "Give the artifact of extract")
    filters = {kind: block.ready(draft) if block.enabled else block for kind, block in settings.filters.blocks()}
    shards = {path.stem: (path, filters, settings.remove_bad_lines, settings.pii) for path in files}
    counts = added(list(draft.map(clean_shard, shards, "clean").values()))
    extracts = [each["counts"] for each in draft.lineage if each["stage"] == "extract"]
    counts["failed"] = extracts[-1].get("failed", {}) if extracts else {}
    draft.counts.update(counts)
    if not counts["kept"] and _is_first(draft):
        raise StageFailure(*_nothing_left(counts))
    sample = merged([draft.path / "samples" / file.name for file in files], list(filters))
    with draft.write("summary.md") as path:
        path.write_text(summary(counts, shown(sample)), encoding="utf-8")
    log.info("clean: %s of %s documents kept", f"{counts['kept']:,}", f"{counts['documents']:,}")


def _is_first(draft: Draft) -> bool:
    """Whether no snapshot stands before this one. A later one may well bring nothing new."""
    return not any(each["stage"] == "crawl" and each["inputs"] for each in draft.lineage)


def _no_document(counts: dict[str, Any]) -> str:
    if not counts["pages"]:
        return "none of the crawled pages has status 200, so there is nothing to extract"
    reasons = sorted(counts["failed"].items(), key=lambda each: (-each[1], each[0]))
    named = ", ".join(f"{reason} ({count})" for reason, count in reasons[:5])
    return f"no document came out of {counts['pages']} pages: {named}"


def _nothing_left(counts: dict[str, Any]) -> tuple[str, str]:
    rule = max(counts["dropped"], key=lambda each: counts["dropped"][each])
    mends = {
        EMPTIED: f"Switch it off with --set clean.{EMPTIED}=false",
        PERSONAL: "Replace personal data instead: --set clean.pii.email=replace, and so on",
    }
    return (
        f"the filters dropped all {counts['documents']} documents; {rule} dropped {counts['dropped'][rule]} of them",
        mends.get(rule, f"Loosen it, or switch it off with --set clean.filters.{rule}.enabled=false"),
    )
