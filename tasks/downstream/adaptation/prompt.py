"""Lester et al., "The power of scale for parameter-efficient prompt tuning", 2021 (arXiv:2104.08691)."""

from typing import TYPE_CHECKING

from pydantic import Field

from tasks.downstream.adaptation import AdaptationMethod
from tasks.errors import StageFailure

if TYPE_CHECKING:
    from tasks.downstream.models.backbone import Backbone


class Prompt(AdaptationMethod):
    """Embeddings before the text that is read learn, at first those of tokens at random; by the package peft."""

    tokens: int = Field(16, ge=1)
    """how many"""

    @property
    def places(self) -> int:
        """The text stands after them."""
        return self.tokens

    def apply(self, model: "Backbone") -> None:
        """Raises StageFailure where peft is not installed."""
        from tasks.downstream.adaptation._prompts import wrap_with_peft  # noqa: PLC0415 - torch

        if not wrap_with_peft(
            model, "PromptTuningConfig", num_virtual_tokens=self.tokens, prompt_tuning_init="SAMPLE_VOCAB"
        ):
            raise StageFailure(
                f"a model of the type {model.model_type} does not read embeddings",
                "Choose another evaluate.recipe.adapt.kind",
            )
