"""How texts without labels are used: settings only."""

import hashlib
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from tasks.block import Block


class UnlabelledTexts(Block):
    """Texts without labels, for tasks of one class a text or pair: one more model, beside the one of labels alone."""

    way: Literal["none", "pseudo-labels", "consistency"] = "none"
    """pseudo-labels: a fit on the labels answers the texts, and a new fit learns from both (Lee, "Pseudo-label", 2013);
    consistency: every step asks that a text with words left out be answered as the whole one (FixMatch,
    arXiv:2001.07685, with UDA's idea of an altered text, arXiv:1904.12848)"""
    file: str = ""
    """path of a text file, one text a line; empty: the training pool without its labels"""
    most: int = Field(5000, ge=1)
    """texts, at most"""
    confidence: float = Field(0.8, gt=0, lt=1)
    """an answer is believed from this probability on"""
    weight: float = Field(1.0, gt=0)
    """consistency: how much its loss counts beside that of the labels"""
    ratio: int = Field(3, ge=1)
    """consistency: texts without labels for each one with"""
    word_drop: float = Field(0.2, gt=0, lt=1)
    """consistency: share of a text's tokens that is left out"""

    def semantic(self) -> dict[str, Any]:
        """What lies in the file instead of where it is; of texts that are not used nothing."""
        if self.way == "none":
            return {"way": self.way}
        path = Path(self.file)
        held = {"file": hashlib.sha256(path.read_bytes()).hexdigest()} if self.file and path.is_file() else {}
        return super().semantic() | held
