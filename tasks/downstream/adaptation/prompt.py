"""Lester et al., "The power of scale for parameter-efficient prompt tuning", 2021 (arXiv:2104.08691)."""

from typing import TYPE_CHECKING

from pydantic import Field

from tasks.downstream.adaptation import AdaptationMethod
from tasks.errors import StageFailure

if TYPE_CHECKING:  # settings load without torch
    from tasks.downstream.models.backbone import Backbone


class Prompt(AdaptationMethod):
    """Train embeddings before the text, which begin as those of random tokens; by the package peft."""

    num_virtual_tokens: int = Field(16, ge=1)
    """length of the prompt"""

    @property
    def reserved_positions(self) -> int:
        """The length of the prompt: the text stands after it."""
        return self.num_virtual_tokens

    def apply(self, model: "Backbone") -> None:
        """Add the prompt. Raises StageFailure where peft is not installed, or the model reads no embeddings."""
        from tasks.downstream.adaptation._prompts import wrap_with_peft  # noqa: PLC0415 - torch

        settings = {"num_virtual_tokens": self.num_virtual_tokens, "prompt_tuning_init": "SAMPLE_VOCAB"}
        if not wrap_with_peft(model, "PromptTuningConfig", **settings):
            raise StageFailure(
                f"a model of the type {model.model_type} does not read embeddings",
                "Choose another evaluate.finetuning.method.kind",
            )
