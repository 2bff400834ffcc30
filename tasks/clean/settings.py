"""The settings of the stages extract and clean."""

from collections.abc import Mapping
from typing import Any

from tasks.block import Block, Every
from tasks.clean.extract.html.markup import HtmlExtraction
from tasks.clean.filters import SCORE_PREFIX, Filter
from tasks.clean.pii.redaction import Pii


class Extract(Block):
    """Settings that decide the scored documents: the extraction, and the filters' fields that change a score."""

    extract: HtmlExtraction = HtmlExtraction()
    filters: Every[Filter] = Every[Filter]()

    def semantic(self) -> dict[str, Any]:
        """Return every scoring filter by name, because each is a column, with its `score_fields` alone."""
        scored_by = {
            kind: {name: value for name, value in block.semantic().items() if name in block.score_fields}
            for kind, block in self.select_scoring_filters().items()
        }
        return {"extract": self.extract.semantic(), "filters": scored_by}

    def select_scoring_filters(self) -> dict[str, Filter]:
        """Return the filters that score a document as soon as it is extracted."""
        return {kind: block for kind, block in self.filters.blocks() if not block.scored_in_clean}


class Clean(Block):
    """Keep the documents that every enabled filter keeps, and treat what is in them."""

    extract: HtmlExtraction = HtmlExtraction()
    """how a page becomes text"""
    filters: Every[Filter] = Every[Filter]()
    """the rules that a document must pass to be kept"""
    remove_bad_lines: bool = False
    """remove from the kept documents the lines that C4 removes: without end punctuation, of one or two words, about
    cookies"""
    pii: Pii = Pii()
    """what is done with personal data in the kept documents"""

    def semantic(self) -> dict[str, Any]:
        """Return the filters' settings; how pages are extracted reaches the key through the documents' digest."""
        rules = {
            kind: block.semantic() if block.enabled else {"enabled": False} for kind, block in self.filters.blocks()
        }
        return {"filters": rules, "remove_bad_lines": self.remove_bad_lines, "pii": self.pii.semantic()}

    def describe_scores(self, rules: list[str], scored: Mapping[str, Any]) -> list[str]:
        """Return a line for each rule that is a filter: the document's score, and the bounds that keep a document."""
        blocks = [(kind, getattr(self.filters, kind)) for kind in rules if kind in type(self.filters).model_fields]
        scores = {kind: scored.get(SCORE_PREFIX + kind) for kind, _ in blocks}
        return [
            f"{kind}: {'score not stored' if scores[kind] is None else f'{scores[kind]:.6g}'}, kept: {block.bounds}"
            for kind, block in blocks
        ]

    def extract_settings(self) -> Extract:
        """Return the settings of the stage extract, the first half of cleaning."""
        return Extract(extract=self.extract, filters=self.filters)
