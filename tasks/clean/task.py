"""Clean: from pages to documents worth reading. Two stages: extract scores every document, clean decides.

Extraction is expensive and decisions change often, so the scores are an artifact of their own: a changed threshold
reads the scores again, and no page.
"""

import logging
from typing import Any

from tasks.clean.decide.apply_filters import BAD_LINES_RULE, PII_RULE, clean_shard
from tasks.clean.decide.funnel import render_summary
from tasks.clean.decide.samples import merge_samples, render_samples
from tasks.clean.extract.crawl_reader import list_index_files
from tasks.clean.extract.unusable import describe_undecided
from tasks.clean.settings import Clean, Extract
from tasks.errors import StageFailure
from tasks.runtime.counts import add_counts
from tasks.stage import stage
from tasks.store import Artifact, Draft

log = logging.getLogger("textmill.clean")


@stage("extract", version=5, section="clean", shares=("input_files", "runtime"))
def extract(settings: Extract, draft: Draft, pages: Artifact) -> None:
    """Turn pages into documents with a score by every filter. Raises StageFailure when no page gives one."""
    from tasks.clean.extract.continue_undecided import continue_undecided  # noqa: PLC0415 - as the next
    from tasks.clean.extract.documents import LINES_FOLDER, read_shard, score_shard  # noqa: PLC0415 - pyarrow takes half a second
    from tasks.clean.extract.recurring_lines import find_recurring_lines  # noqa: PLC0415
    from tasks.clean.measures.measures import fill_measures  # noqa: PLC0415
    from tasks.runtime.jit import log_compilation  # noqa: PLC0415

    log_compilation("extract", fill_measures)
    folder = pages.folder
    counts = continue_undecided(draft, folder, settings.extract)
    if counts is not None:
        draft.counts.update(counts)
        report_undecided(draft)
        return
    index_files = list_index_files(folder)
    previous = draft.incomplete_artifact
    draft.map(read_shard, {index.stem: (index, folder, settings.extract, previous) for index in index_files}, "pages")
    lines_file = None
    if settings.extract.recurring_lines.enabled:
        lines_file = draft.scratch / "recurring.parquet"
        line_counts = [draft.path / LINES_FOLDER / index.name for index in index_files]
        find_recurring_lines(line_counts, settings.extract.recurring_lines).write_parquet(lines_file)
    filters = settings.select_scoring_filters()
    shards = {index.stem: (index.name, draft.path, filters, lines_file) for index in index_files}
    counts = add_counts(draft.map(score_shard, shards, "extract").values())
    draft.counts.update(counts)
    report_undecided(draft)
    if not counts["documents"] and _is_first_snapshot(draft):
        raise StageFailure(
            _explain_no_document(counts), "Look at these pages' addresses and types, and at the crawl's counts"
        )
    log.info("extract: %s documents from %s pages", f"{counts['documents']:,}", f"{counts['pages']:,}")


def report_undecided(draft: Draft) -> None:
    """Make the artifact incomplete when pages are undecided."""
    if reason := describe_undecided(draft.counts["failed"]):
        draft.report_incomplete(reason)


@stage("clean", version=2, shares=("input_files", "runtime"))
def clean(settings: Clean, draft: Draft, scored: Artifact) -> None:
    """Keep the scored documents that pass every enabled filter. Raises StageFailure when none does."""
    files = sorted((scored.folder / "documents").glob("*.parquet"))
    if not files:
        raise StageFailure(f"{scored.folder} has no documents/*.parquet", "Give the artifact of extract")
    filters = {kind: block.prepare(draft) if block.enabled else block for kind, block in settings.filters.blocks()}
    shards = {path.stem: (path, filters, settings.remove_bad_lines, settings.pii) for path in files}
    counts = add_counts(draft.map(clean_shard, shards, "clean").values())
    extractions = [entry["counts"] for entry in draft.lineage if entry["stage"] == "extract"]
    counts["failed"] = extractions[-1].get("failed", {}) if extractions else {}
    draft.counts.update(counts)
    if not counts["kept"] and _is_first_snapshot(draft):
        raise StageFailure(*_explain_nothing_kept(counts))
    samples = merge_samples([draft.path / "samples" / file.name for file in files], list(filters))
    with draft.write("summary.md") as path:
        path.write_text(render_summary(counts, render_samples(samples)), encoding="utf-8")
    log.info("clean: %s of %s documents kept", f"{counts['kept']:,}", f"{counts['documents']:,}")


def _is_first_snapshot(draft: Draft) -> bool:
    """Return whether there is no previous snapshot. A later one may well bring nothing new."""
    return not any(entry["stage"] == "crawl" and entry["inputs"] for entry in draft.lineage)


def _explain_no_document(counts: dict[str, Any]) -> str:
    """Say that no page gave a document, with the five most frequent reasons."""
    if not counts["pages"]:
        return "none of the crawled pages has status 200, so there is nothing to extract"
    reasons = sorted(counts["failed"].items(), key=lambda item: (-item[1], item[0]))
    frequent = ", ".join(f"{reason} ({count})" for reason, count in reasons[:5])
    return f"no document came out of {counts['pages']} pages: {frequent}"


def _explain_nothing_kept(counts: dict[str, Any]) -> tuple[str, str]:
    """Return an error that names the rule which dropped most, and the hint for that rule."""
    rule = max(counts["dropped"], key=lambda name: counts["dropped"][name])
    hints = {
        BAD_LINES_RULE: f"Switch it off with --set clean.{BAD_LINES_RULE}=false",
        PII_RULE: "Replace personal data instead: --set clean.pii.email=replace, and so on",
    }
    return (
        f"the filters dropped all {counts['documents']} documents; {rule} dropped {counts['dropped'][rule]} of them",
        hints.get(rule, f"Loosen it, or switch it off with --set clean.filters.{rule}.enabled=false"),
    )
