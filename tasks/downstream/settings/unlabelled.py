"""Settings of semi-supervised learning from texts without labels. Imports neither torch nor transformers."""

from typing import Any, Literal

from pydantic import Field

from tasks.block import Block
from tasks.runtime.content_digest import hash_named_file


class UnlabelledTexts(Block):
    """Texts without labels, for classification of texts and pairs: fits one further model with them."""

    method: Literal["none", "pseudo-labels", "consistency"] = "none"
    """pseudo-labels: a fit on the labels predicts the texts' labels, and a new fit learns from both (Lee,
    "Pseudo-label", 2013); consistency: every step trains the model to predict a text with dropped tokens like the
    complete one (FixMatch, arXiv:2001.07685, with UDA's idea of an altered text, arXiv:1904.12848)"""
    file: str = ""
    """path of a text file, one text a line; empty: the training pool without its labels"""
    max_texts: int = Field(5000, ge=1)
    """texts at most"""
    min_confidence: float = Field(0.8, gt=0, lt=1)
    """probability from which on a prediction is learned from"""
    loss_weight: float = Field(1.0, gt=0)
    """consistency: weight of its loss relative to that of the labels"""
    ratio: int = Field(3, ge=1)
    """consistency: texts without labels for each labelled one in a step"""
    token_dropout: float = Field(0.2, gt=0, lt=1)
    """consistency: fraction of a text's tokens that is dropped"""

    def semantic(self) -> dict[str, Any]:
        """Return the settings with the file's content in place of its path; only `method` where that is none."""
        if self.method == "none":
            return {"method": self.method}
        digests = hash_named_file("file", self.file)
        return super().semantic() | digests
