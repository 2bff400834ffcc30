"""Settings of continued pretraining on the texts of a task. Imports neither torch nor transformers."""

from typing import Any

from pydantic import Field

from tasks.block import Block
from tasks.runtime.content_digest import hash_named_file


class ContinuedPretraining(Block):
    """Task-adaptive pretraining (TAPT, arXiv:2004.10964) before fine-tuning: fits one further model after it.

    The objective is the one of the model's head: masked tokens, the next token, or spans for an encoder–decoder. The
    texts are read without labels, once for each task; none is of validation or test.
    """

    enabled: bool = False
    """whether a further model is pretrained on the task's texts"""
    file: str = ""
    """path of a text file, one text a line; empty: the task's training pool without its labels"""
    max_texts: int = Field(5000, ge=1)
    """texts at most"""
    epochs: float = Field(3.0, gt=0)
    """passes over the texts"""
    learning_rate: float = Field(5e-4, gt=0)
    """peak learning rate of AdamW, after the warmup; for large models 1e-4, as in the paper"""
    batch_size: int = Field(16, ge=1)
    """texts a step"""
    max_length: int = Field(128, ge=8)
    """tokens of a text at most; longer ones are truncated"""
    mask_rate: float = Field(0.15, gt=0, le=0.5)
    """fraction of the tokens that are masked, or removed in spans"""

    def semantic(self) -> dict[str, Any]:
        """Return the settings with the file's content in place of its path; only `enabled` where that is false."""
        if not self.enabled:
            return {"enabled": False}
        digests = hash_named_file("file", self.file)
        return super().semantic() | digests
