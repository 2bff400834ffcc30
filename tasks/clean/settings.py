"""The settings of the stages extract and clean."""

from collections.abc import Mapping
from typing import Any

from tasks.block import Block, Every
from tasks.clean.extract.html.markup import HtmlExtraction
from tasks.clean.filters import SCORE, Filter
from tasks.clean.pii.redaction import Pii


class Extract(Block):
    """What decides the scored documents: extraction, and those fields of the filters that change a score."""

    extract: HtmlExtraction = HtmlExtraction()
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

    extract: HtmlExtraction = HtmlExtraction()
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

    def scoring(self) -> Extract:
        """The settings of the first half."""
        return Extract(extract=self.extract, filters=self.filters)
