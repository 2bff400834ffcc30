"""Clean: from pages to documents worth reading. Two stages: extract scores every document, clean decides.

Extraction is dear and decisions change often, so the scores are an artifact of their own: a changed threshold reads
them again and never a page.
"""

import logging
from collections.abc import Mapping
from typing import Any

from tasks.block import Block, Every
from tasks.clean.filters import SCORE, Filter
from tasks.clean.funnel import added, summary
from tasks.clean.html.markup import Extract
from tasks.clean.pages import index_files
from tasks.clean.pii import Pii
from tasks.clean.samples import merged, shown
from tasks.clean.verdict import EMPTIED, PERSONAL, clean_shard
from tasks.draft import Draft
from tasks.failure import StageFailure
from tasks.stage import stage
from tasks.store import Artifact

log = logging.getLogger("textmill.clean")


class Score(Block):
    """What decides the scored documents: extraction, and those fields of the filters that change a score."""

    extract: Extract = Extract()
    filters: Every[Filter] = Every[Filter]()

    def semantic(self) -> dict[str, Any]:
        """Every filter by name, because each is a column; of its fields those in `scored_by`."""
        scored_by = {
            kind: {name: value for name, value in block.semantic().items() if name in block.scored_by}
            for kind, block in self.scoring().items()
        }
        return {"extract": self.extract.semantic(), "filters": scored_by}

    def scoring(self) -> dict[str, Filter]:
        """The filters that score a document as soon as it is extracted."""
        return {kind: block for kind, block in self.filters.blocks() if not block.late}


class Clean(Block):
    """What stays: a document stays when every enabled filter keeps it."""

    extract: Extract = Extract()
    """how a page becomes text"""
    filters: Every[Filter] = Every[Filter]()
    """what a document must be like to stay"""
    remove_bad_lines: bool = False
    """remove the lines that C4 would (without end punctuation, of one or two words, about cookies) from what stays"""
    pii: Pii = Pii()
    """what becomes of personal data in what stays"""

    def semantic(self) -> dict[str, Any]:
        """The filters' settings; how pages are extracted reaches the key through the documents' digest."""
        rules = {
            kind: block.semantic() if block.enabled else {"enabled": False} for kind, block in self.filters.blocks()
        }
        return {"filters": rules, "remove_bad_lines": self.remove_bad_lines, "pii": self.pii.semantic()}

    def measured(self, rules: list[str], scored: Mapping[str, Any]) -> list[str]:
        """For each rule that is a filter, the score of a scored document and the bounds that it must keep."""
        blocks = [(kind, getattr(self.filters, kind)) for kind in rules if kind in type(self.filters).model_fields]
        scores = {kind: scored.get(SCORE + kind) for kind, _ in blocks}
        return [
            f"{kind}: {'not kept' if scores[kind] is None else f'{scores[kind]:.6g}'}, stays: {block.bounds}"
            for kind, block in blocks
        ]

    def scoring(self) -> Score:
        """The settings of the first half."""
        return Score(extract=self.extract, filters=self.filters)


@stage("extract", version=3, section="clean")
def extract(settings: Score, draft: Draft, pages: Artifact) -> None:
    """Pages to documents with a score by every filter. Raises StageFailure when no page gives one."""
    from tasks.clean.documents import LINES, read_shard, score_shard  # noqa: PLC0415 - pyarrow takes half a second
    from tasks.clean.recurring import recurring  # noqa: PLC0415
    from tasks.compiled import announce  # noqa: PLC0415

    announce("clean")
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
