"""Pretraining objectives of a checkpoint's own head, as losses on texts: masked tokens, the next token, or spans.

Shapes: B texts, T tokens, V vocabulary, M predicted tokens.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM

from tasks.downstream.heads.texts import find_end_token
from tasks.downstream.models.checkpoint_tokenizer import CheckpointTokenizer, TokenIds
from tasks.downstream.models.encoder import load_config, open_model, pad_batch
from tasks.downstream.models.generator import TextGenerator
from tasks.errors import StageFailure

HINT = "Take a masked or causal language model, or set evaluate.finetuning.continued_pretraining.enabled=false"
IGNORED = -100  # the target that cross_entropy ignores


class PretrainingObjective(nn.Module, ABC):
    """A model with the head that it was pretrained with, and the loss of that head."""

    model: Any
    auto_class: ClassVar[Any]

    def __init__(self, checkpoint: Path, tokenizer: CheckpointTokenizer, mask_rate: float) -> None:
        """Load the model. Raises StageFailure when the tokenizer lacks what the objective needs."""
        super().__init__()
        self.tokenizer, self.mask_rate = tokenizer, mask_rate
        self.special_ids = frozenset(tokenizer.hf_tokenizer.all_special_ids)
        self.model = self.load_model(checkpoint)

    def load_model(self, checkpoint: Path) -> Any:
        """Load the model with its head and its weights."""
        return open_model(checkpoint, self.auto_class, load_config(checkpoint), random=False, seed=0).float()

    @abstractmethod
    def compute_losses(self, texts: TokenIds, rng: np.random.Generator) -> Tensor:
        """Return the negative log-likelihood of every predicted token (M,)."""

    def tokenize_texts(self, texts: Sequence[str]) -> TokenIds:
        """Return token ids, truncated, of every text with two tokens or more besides special ones."""
        token_ids = self.tokenizer(list(texts)) if texts else []
        return [ids for ids in token_ids if len(self.find_ordinary_positions(ids)) > 1]

    def find_ordinary_positions(self, ids: list[int]) -> list[int]:
        """Return the positions of tokens that are not special."""
        return [position for position, token in enumerate(ids) if token not in self.special_ids]


class MaskedObjective(PretrainingObjective):
    """BERT's objective: of the selected tokens 80 % are masked, 10 % replaced, 10 % kept (arXiv:1810.04805)."""

    auto_class = AutoModelForMaskedLM

    def load_model(self, checkpoint: Path) -> Any:
        """Load the model, and find the mask token. Raises StageFailure where there is none."""
        self.mask_id = self.tokenizer.hf_tokenizer.mask_token_id
        if self.mask_id is None:
            raise StageFailure(f"the tokenizer in {checkpoint} has no mask token", HINT)
        return super().load_model(checkpoint)

    def compute_losses(self, texts: TokenIds, rng: np.random.Generator) -> Tensor:
        """Return the losses of the selected tokens (M,)."""
        batch = pad_batch(texts)
        targets_BT = torch.full_like(batch.input_ids_BT, IGNORED)
        for row, ids in enumerate(texts):
            ordinary = self.find_ordinary_positions(ids)
            num_selected = max(1, round(self.mask_rate * len(ordinary)))
            for position in rng.permutation(ordinary)[:num_selected].tolist():
                targets_BT[row, position] = ids[position]
                draw = rng.random()
                if draw < 0.9:
                    # drawn in both cases, so that the same random numbers follow
                    random_id = int(rng.integers(self.tokenizer.vocab_size))
                    batch.input_ids_BT[row, position] = self.mask_id if draw < 0.8 else random_id
        logits_BTV = self.model(input_ids=batch.input_ids_BT, attention_mask=batch.mask_BT.long()).logits
        selected_BT = targets_BT != IGNORED
        return cross_entropy(logits_BTV[selected_BT], targets_BT[selected_BT], reduction="none")


class CausalObjective(PretrainingObjective):
    """Next-token prediction: each token from those before it."""

    auto_class = AutoModelForCausalLM

    def compute_losses(self, texts: TokenIds, rng: np.random.Generator) -> Tensor:  # noqa: ARG002 - nothing is drawn
        """Return the losses of all tokens but the first of each text (M,)."""
        batch = pad_batch(texts)
        output = self.model(input_ids=batch.input_ids_BT, attention_mask=batch.mask_BT.long(), use_cache=False)
        # Position t predicts the token at t + 1, hence the two slices.
        is_target_BT = batch.mask_BT[:, 1:].bool()
        logits_MV = output.logits[:, :-1][is_target_BT]
        return cross_entropy(logits_MV, batch.input_ids_BT[:, 1:][is_target_BT], reduction="none")


class SpanObjective(PretrainingObjective):
    """T5's objective: spans are removed, and predicted after the sentinels that replace them (arXiv:1910.10683).

    Spans of three tokens, at uniformly drawn positions; neighbouring ones are merged.
    """

    span_length = 3

    def load_model(self, checkpoint: Path) -> Any:
        """Load the model, and find the sentinels. Raises StageFailure where there is none."""
        tokenizer = self.tokenizer.hf_tokenizer
        names = (f"<extra_id_{index}>" for index in range(self.tokenizer.max_length))
        vocabulary = tokenizer.get_vocab()
        self.sentinels = [tokenizer.convert_tokens_to_ids(name) for name in names if name in vocabulary]
        if not self.sentinels:
            raise StageFailure(f"the tokenizer in {checkpoint} has no sentinel <extra_id_0> for a removed span", HINT)
        self.end_id = find_end_token(self.tokenizer, checkpoint)
        self.generator = TextGenerator.load(checkpoint, self.end_id, random=False, seed=0)
        return self.generator.body

    def compute_losses(self, texts: TokenIds, rng: np.random.Generator) -> Tensor:
        """Return the losses of the spans' tokens and of the sentinels before them (M,)."""
        pairs = [self._corrupt(ids, rng) for ids in texts]
        return self.generator.compute_losses([source for source, _ in pairs], [target for _, target in pairs])

    def _corrupt(self, ids: list[int], rng: np.random.Generator) -> tuple[list[int], list[int]]:
        """Return source and target: a sentinel for each span, and each sentinel with its span."""
        ordinary = self.find_ordinary_positions(ids)
        num_spans = min(max(1, round(self.mask_rate * len(ordinary) / self.span_length)), len(self.sentinels))
        # sentinels are used in the order of the text, as in T5's pretraining
        removed = {
            position
            for start in rng.permutation(len(ordinary))[:num_spans]
            for position in ordinary[start : start + self.span_length]
        }
        source, target, num_sentinels = list[int](), list[int](), 0
        for position, token in enumerate(ids):
            if position not in removed:
                source.append(token)
                continue
            # The first position of a span. Neighbouring spans are one run of positions here, and share a sentinel.
            if position - 1 not in removed:
                source.append(self.sentinels[num_sentinels])
                target.append(self.sentinels[num_sentinels])
                num_sentinels += 1
            target.append(token)
        return source, [*target, self.end_id]


def find_objective(checkpoint: Path) -> type[PretrainingObjective]:
    """Return the objective of a checkpoint's head. Raises StageFailure where texts alone cannot train it."""
    config = load_config(checkpoint)
    architecture = " ".join(config.architectures or [])
    if config.is_encoder_decoder:
        return SpanObjective
    if "MaskedLM" in architecture:
        return MaskedObjective
    if "CausalLM" in architecture or "LMHead" in architecture:
        return CausalObjective
    raise StageFailure(
        f"the model in {checkpoint} is {architecture or 'of no named kind'}, whose head predicts no token", HINT
    )
