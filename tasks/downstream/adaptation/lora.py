"""Hu et al., "LoRA: low-rank adaptation of large language models", 2021 (arXiv:2106.09685)."""

from typing import TYPE_CHECKING

from pydantic import Field

from tasks.downstream.adaptation import AdaptationMethod, import_peft

if TYPE_CHECKING:  # settings load without torch
    from tasks.downstream.models.backbone import Backbone


POOLERS = r".*pooler.*"


class Lora(AdaptationMethod):
    """Train a low-rank product of two matrices, zero at first, beside every linear layer; by the package peft.

    The paper adapts the attention only; all linear layers do better (QLoRA, arXiv:2305.14314, figure 2). A projection
    onto the vocabulary is not adapted.
    """

    rank: int = Field(8, ge=1)
    """rank of the product"""
    alpha: float = Field(16.0, gt=0)
    """scale: the product is multiplied by alpha / rank"""

    def apply(self, model: "Backbone") -> None:
        """Add the matrices. Raises StageFailure where peft is not installed."""
        library = import_peft()
        from transformers.pytorch_utils import Conv1D  # noqa: PLC0415 - slow to import

        transposed = any(isinstance(module, Conv1D) for module in model.body.modules())  # as GPT-2 has them
        # part of a head, which is trained whole; peft warns of a pattern that matches nothing
        has_pooler = any("pooler" in name for name, _ in model.body.named_modules())
        config = library.LoraConfig(
            task_type=model.task_type,
            r=self.rank,
            lora_alpha=self.alpha,
            target_modules="all-linear",
            exclude_modules=POOLERS if has_pooler else None,
            fan_in_fan_out=transposed,
        )
        # In place and without peft's wrapper, so that the rest of the code sees the model as it was.
        library.inject_adapter_in_model(config, model.body)
