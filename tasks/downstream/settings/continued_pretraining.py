"""Whether a model reads the task's texts before it learns their labels: settings only."""

import hashlib
from pathlib import Path
from typing import Any

from pydantic import Field

from tasks.block import Block


class ContinuedPretraining(Block):
    """Pretraining that goes on with a task's texts (arXiv:2004.10964): one more model, beside the one without.

    By the objective that the model's head is for: masked tokens, the next token, or spans where it has an encoder and a
    decoder. The texts are read without labels, once for each task; none is of validation or test.
    """

    enabled: bool = False
    """whether there is such a model"""
    file: str = ""
    """path of a text file, one text a line; empty: the task's training pool without its labels"""
    most: int = Field(5000, ge=1)
    """texts, at most"""
    epochs: float = Field(3.0, gt=0)
    """times that every text is read"""
    learning_rate: float = Field(5e-4, gt=0)
    """of AdamW, after a warm-up; for large models 1e-4, as in the paper"""
    batch: int = Field(16, ge=1)
    """texts a step"""
    max_length: int = Field(128, ge=8)
    """tokens of a text; what is longer is cut"""
    rate: float = Field(0.15, gt=0, le=0.5)
    """share of the tokens that are masked, or taken out in spans"""

    def semantic(self) -> dict[str, Any]:
        """What lies in the file instead of where it is; of texts that are not read nothing."""
        if not self.enabled:
            return {"enabled": False}
        path = Path(self.file)
        held = {"file": hashlib.sha256(path.read_bytes()).hexdigest()} if self.file and path.is_file() else {}
        return super().semantic() | held
