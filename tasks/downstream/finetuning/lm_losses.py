"""What a checkpoint's own head is for, as losses on texts: masked tokens, the next token, or spans.

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
from tasks.downstream.models.encoder import CheckpointTokenizer, TokenIds, load_config, open_model, pad_batch
from tasks.downstream.models.generator import TextGenerator
from tasks.errors import StageFailure

HINT = "Take a masked or causal language model, or set evaluate.recipe.continued.enabled=false"
IGNORED = -100  # cross_entropy's own


class PretrainingObjective(nn.Module, ABC):
    """A model with the head that it was pretrained with."""

    model: Any
    auto: ClassVar[Any]

    def __init__(self, checkpoint: Path, tokens: CheckpointTokenizer, rate: float) -> None:
        """Raises StageFailure when the tokenizer lacks what the objective needs."""
        super().__init__()
        self.tokens, self.rate = tokens, rate
        self.special = frozenset(tokens.tokenizer.all_special_ids)
        self.model = self.load(checkpoint)

    def load(self, checkpoint: Path) -> Any:
        """The model, with its weights."""
        return open_model(checkpoint, self.auto, load_config(checkpoint), random=False, seed=0).float()

    @abstractmethod
    def losses(self, texts: TokenIds, rng: np.random.Generator) -> Tensor:
        """The negative log-likelihood of every predicted token, (M,)."""

    def ids(self, texts: Sequence[str]) -> TokenIds:
        """Token ids of every text that has two tokens or more besides special ones, cut at the limit."""
        found = self.tokens(list(texts)) if texts else []
        return [ids for ids in found if len(self.ordinary(ids)) > 1]

    def ordinary(self, ids: list[int]) -> list[int]:
        """Places of tokens that are not special."""
        return [place for place, token in enumerate(ids) if token not in self.special]


class MaskedObjective(PretrainingObjective):
    """BERT's: of the hidden tokens 80 % are masked, 10 % another token and 10 % themselves (arXiv:1810.04805)."""

    auto = AutoModelForMaskedLM

    def load(self, checkpoint: Path) -> Any:
        """With a mask to put in a token's place."""
        self.mask = self.tokens.tokenizer.mask_token_id
        if self.mask is None:
            raise StageFailure(f"the tokenizer in {checkpoint} has no mask token", HINT)
        return super().load(checkpoint)

    def losses(self, texts: TokenIds, rng: np.random.Generator) -> Tensor:
        """Of the hidden tokens."""
        batch = pad_batch(texts)
        targets_BT = torch.full_like(batch.input_ids_BT, IGNORED)
        for row, ids in enumerate(texts):
            places = self.ordinary(ids)
            for place in rng.permutation(places)[: max(1, round(self.rate * len(places)))].tolist():
                targets_BT[row, place] = ids[place]
                lot = rng.random()
                if lot < 0.9:
                    other = int(rng.integers(self.tokens.vocabulary))
                    batch.input_ids_BT[row, place] = self.mask if lot < 0.8 else other
        logits_BTV = self.model(input_ids=batch.input_ids_BT, attention_mask=batch.mask_BT.long()).logits
        hidden_BT = targets_BT != IGNORED
        return cross_entropy(logits_BTV[hidden_BT], targets_BT[hidden_BT], reduction="none")


class CausalObjective(PretrainingObjective):
    """Each token from those before it."""

    auto = AutoModelForCausalLM

    def losses(self, texts: TokenIds, rng: np.random.Generator) -> Tensor:  # noqa: ARG002 - nothing is drawn
        """Of all tokens but the first."""
        batch = pad_batch(texts)
        output = self.model(input_ids=batch.input_ids_BT, attention_mask=batch.mask_BT.long(), use_cache=False)
        here_BT = batch.mask_BT[:, 1:].bool()
        return cross_entropy(output.logits[:, :-1][here_BT], batch.input_ids_BT[:, 1:][here_BT], reduction="none")


class SpanObjective(PretrainingObjective):
    """T5's: spans are taken out, and written down behind the sentinels that stand for them (arXiv:1910.10683).

    Spans of three tokens, at places drawn alike; neighbouring ones make one.
    """

    length = 3

    def load(self, checkpoint: Path) -> Any:
        """Inside what writes targets for sources."""
        tokenizer = self.tokens.tokenizer
        names = (f"<extra_id_{number}>" for number in range(self.tokens.length))
        self.sentinels = [tokenizer.convert_tokens_to_ids(name) for name in names if name in tokenizer.get_vocab()]
        if not self.sentinels:
            raise StageFailure(f"the tokenizer in {checkpoint} has no sentinel <extra_id_0> to put for a span", HINT)
        self.end = find_end_token(self.tokens, checkpoint)
        self.writer = TextGenerator.load(checkpoint, self.end, random=False, seed=0)
        return self.writer.body

    def losses(self, texts: TokenIds, rng: np.random.Generator) -> Tensor:
        """Of the spans, with the sentinels before them."""
        pairs = [self._corrupted(ids, rng) for ids in texts]
        return self.writer.losses([source for source, _ in pairs], [target for _, target in pairs])

    def _corrupted(self, ids: list[int], rng: np.random.Generator) -> tuple[list[int], list[int]]:
        places = self.ordinary(ids)
        spans = min(max(1, round(self.rate * len(places) / self.length)), len(self.sentinels))
        hidden = {
            place for start in rng.permutation(len(places))[:spans] for place in places[start : start + self.length]
        }
        source, target, number = list[int](), list[int](), 0
        for place, token in enumerate(ids):
            if place not in hidden:
                source.append(token)
                continue
            if place - 1 not in hidden:
                source.append(self.sentinels[number])
                target.append(self.sentinels[number])
                number += 1
            target.append(token)
        return source, [*target, self.end]


def find_objective(checkpoint: Path) -> type[PretrainingObjective]:
    """The objective of a checkpoint's head. Raises StageFailure where it has none that texts alone teach."""
    config = load_config(checkpoint)
    kind = " ".join(config.architectures or [])
    if config.is_encoder_decoder:
        return SpanObjective
    if "MaskedLM" in kind:
        return MaskedObjective
    if "CausalLM" in kind or "LMHead" in kind:
        return CausalObjective
    raise StageFailure(
        f"the model in {checkpoint} is {kind or 'of no named kind'}, whose head foretells no token", HINT
    )
