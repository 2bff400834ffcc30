"""How a model is fitted to labels: settings only, so that a form or a plan need not load torch."""

import math
from typing import Literal

from pydantic import Field

from tasks.block import Block, OneOf
from tasks.downstream.adaptation import AdaptationMethod
from tasks.downstream.settings.augmentation import Augmentation
from tasks.downstream.settings.continued_pretraining import ContinuedPretraining
from tasks.downstream.settings.unlabelled import UnlabelledTexts


class FineTuning(Block):
    """How a model is fitted to the labels."""

    adapt: OneOf[AdaptationMethod] = OneOf[AdaptationMethod](kind="full")
    """which weights learn"""
    unlabelled: UnlabelledTexts = UnlabelledTexts()
    """whether texts without labels help"""
    augmentation: Augmentation = Augmentation()
    """whether altered copies of the labelled texts help"""
    continued: ContinuedPretraining = ContinuedPretraining()
    """whether it helps to read the task's texts before"""
    learning_rates: list[float] = Field([5e-4, 1e-3, 2e-3], min_length=1)
    """tried for pretrained and for random weights alike; the best on validation is used"""
    epochs: float = Field(3.0, gt=0)
    """times that every labelled text is seen"""
    fewest_steps: int = Field(96, ge=1)
    """steps of a fit at least, however few texts there are"""
    batch: int = Field(8, ge=1)
    """texts a step"""
    max_length: int = Field(128, ge=8)
    """tokens of a text; what is longer is cut, and read in overlapping windows where likelihoods are asked for"""
    max_target: int = Field(64, ge=2)
    """tokens of a text to write, with the one that ends it; what is longer is cut where it is learnt"""
    beams: int = Field(1, ge=1)
    """ways to write on that are kept while a text is written; 1 takes the likeliest token each time"""
    pairs: Literal["apart", "together"] = "apart"
    """tasks of two texts: each read on its own, which suits small models, or both as one text, which large ones need"""
    warmup: float = Field(0.1, ge=0, lt=1)
    """share of the steps in which the learning rate grows; then it falls to zero in a straight line"""
    weight_decay: float = Field(0.01, ge=0)
    """AdamW's, on matrices"""
    clip: float = Field(1.0, gt=0)
    """largest norm of a step's gradient"""
    evaluations: int = Field(2, ge=1)
    """times that validation is looked at; the weights of the best time are kept"""
    patience: int = Field(0, ge=0)
    """a fit ends after so many looks without a better score; 0: never early"""
    layer_decay: float = Field(1.0, gt=0, le=1)
    """a layer's learning rate as a share of the layer's above it: ULMFiT (arXiv:1801.06146) takes 0.38, ELECTRA
    (arXiv:2003.10555) 0.8 to 0.9; 1: all alike"""
    class_weights: Literal["equal", "balanced"] = "equal"
    """of classes, relations and tags: balanced ones count in inverse proportion to how frequent they are"""
    by_length: bool = True
    """texts of about one length make a batch, so that little is padding; false: batches at random"""

    def steps(self, num_texts: int) -> int:
        """Steps of a fit on so many texts."""
        return max(self.fewest_steps, math.ceil(self.epochs * num_texts / self.batch))

    @property
    def files(self) -> dict[str, str]:
        """Paths of the text files that fits will read, by their settings."""
        found = {
            "unlabelled.file": self.unlabelled.file if self.unlabelled.way != "none" else "",
            "augmentation.synonyms": self.augmentation.synonyms if self.augmentation.way == "words" else "",
            "continued.file": self.continued.file if self.continued.enabled else "",
        }
        return {f"evaluate.recipe.{setting}": path for setting, path in found.items() if path}
