"""Settings of fine-tuning. Imports neither torch nor transformers, so that a form or a plan loads quickly."""

import math
from typing import Any, Literal

from pydantic import Field

from tasks.block import Block, OneOf
from tasks.downstream.adaptation import AdaptationMethod
from tasks.downstream.settings.augmentation import Augmentation
from tasks.downstream.settings.continued_pretraining import ContinuedPretraining
from tasks.downstream.settings.unlabelled import UnlabelledTexts

HeadKind = Literal["all_layers", "stock"]


class FineTuning(Block):
    """Fine-tuning of a model on labelled examples."""

    method: OneOf[AdaptationMethod] = OneOf[AdaptationMethod](kind="full")
    """the weights that are trained: all, or those of a parameter-efficient method"""
    head: HeadKind = "all_layers"
    """what stands on the model: all_layers, a linear layer on the standardised states of all layers; stock, the head of
    transformers' own class for the task (AutoModelForSequenceClassification and its like), which opens without
    Textmill and is what published scores of the GLUE protocol are reached with. A stock head reads two texts as one"""
    unlabelled: UnlabelledTexts = UnlabelledTexts()
    """semi-supervised learning from texts without labels"""
    augmentation: Augmentation = Augmentation()
    """training on altered copies of the labelled texts"""
    continued_pretraining: ContinuedPretraining = ContinuedPretraining()
    """pretraining on the task's texts before fine-tuning"""
    learning_rates: list[float] = Field([5e-4, 1e-3, 2e-3], min_length=1)
    """learning rates that are tried, for pretrained and for random weights; the best on validation is used"""
    epochs: float = Field(3.0, gt=0)
    """passes over the labelled texts"""
    min_steps: int = Field(96, ge=1)
    """steps of a fit at least, however few texts there are"""
    batch_size: int = Field(8, ge=1)
    """texts a step"""
    max_length: int = Field(128, ge=8)
    """tokens of a text at most; longer ones are truncated, or split into overlapping windows where likelihoods are
    computed"""
    max_target_length: int = Field(64, ge=2)
    """tokens of a generated text at most, with its end token; longer targets are truncated in training"""
    num_beams: int = Field(1, ge=1)
    """beams of beam search when a text is generated; 1: greedy search"""
    pair_encoding: Literal["separate", "joint"] = "separate"
    """tasks of two texts: separate encodes each on its own, which suits small models; joint encodes both as one text,
    which large models need"""
    warmup_fraction: float = Field(0.1, ge=0, lt=1)
    """fraction of the steps in which the learning rate rises; after them it falls linearly to zero"""
    weight_decay: float = Field(0.01, ge=0)
    """weight decay of AdamW, on matrices only"""
    max_grad_norm: float = Field(1.0, gt=0)
    """norm of a step's gradient at most; larger gradients are scaled down"""
    num_evaluations: int = Field(2, ge=1)
    """evaluations on validation during a fit; the weights of the best one are kept"""
    patience: int = Field(0, ge=0)
    """early stopping: a fit ends after this many evaluations without a better score; 0: never"""
    layer_decay: float = Field(1.0, gt=0, le=1)
    """learning rate of a layer divided by that of the layer above it: ULMFiT (arXiv:1801.06146) takes 0.38, ELECTRA
    (arXiv:2003.10555) 0.8 to 0.9; 1: the same for all layers"""
    class_weights: Literal["equal", "balanced"] = "equal"
    """weights of classes, relations and tags in the loss: balanced ones are inversely proportional to their
    frequencies"""
    group_by_length: bool = True
    """whether batches are made of texts of similar length, to save padding; false: batches at random"""

    def semantic(self) -> dict[str, Any]:
        """Return the settings; not `head` at its default, so that evaluations of earlier versions keep their keys."""
        fields = super().semantic()
        return fields if self.head == "stock" else {name: fields[name] for name in fields if name != "head"}

    def count_steps(self, num_texts: int) -> int:
        """Return the number of steps of a fit on `num_texts` texts."""
        return max(self.min_steps, math.ceil(self.epochs * num_texts / self.batch_size))

    @property
    def files(self) -> dict[str, str]:
        """Paths of the text files that a fit will read, by the settings that name them."""
        paths = {
            "unlabelled.file": self.unlabelled.file if self.unlabelled.method != "none" else "",
            "augmentation.synonyms_file": self.augmentation.synonyms_file
            if self.augmentation.method == "words"
            else "",
            "continued_pretraining.file": self.continued_pretraining.file if self.continued_pretraining.enabled else "",
        }
        return {f"evaluate.finetuning.{setting}": path for setting, path in paths.items() if path}
