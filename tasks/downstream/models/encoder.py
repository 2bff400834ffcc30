"""A transformers model as a feature extractor: texts in, one vector a text out.

Shapes: B texts, T tokens, D width of a hidden state, F = D times the number of pooled states, K classes.
"""

import functools
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, AutoTokenizer
from transformers.activations import NewGELUActivation
from transformers.utils.logging import disable_progress_bar, set_verbosity_error

from tasks.downstream.models.backbone import Backbone
from tasks.errors import StageFailure

log = logging.getLogger("textmill.evaluate")

TokenIds = list[list[int]]
EVALUATION_BATCH_SIZE = 32


@dataclass(frozen=True)
class PaddedBatch:
    """Padded tokens of some texts."""

    input_ids_BT: Tensor  # noqa: N815 - shape suffixes, as on local tensors
    mask_BT: Tensor  # noqa: N815


class Encoder(Backbone):
    """The mean over a text's tokens of every hidden state, from the embeddings to the last layer, side by side.

    Small models trained for minutes keep what tells topics apart in their lower states, and what context adds in the
    upper ones; with all of them the head need not choose. The mean serves both families: a causal model's last token
    and a masked model's first were never trained to stand for the text.
    """

    @property
    def width(self) -> int:
        """Of one hidden state, D."""
        return int(self.body.config.hidden_size)

    def forward(self, batch: PaddedBatch) -> Tensor:
        """Features of every text (B, F)."""
        weights_BT1 = (batch.mask_BT / batch.mask_BT.sum(1, keepdim=True).clamp(min=1.0)).unsqueeze(-1)
        return torch.cat([(state_BTD * weights_BT1).sum(1) for state_BTD in self._layers(batch)], dim=1)

    def states(self, batch: PaddedBatch) -> Tensor:
        """Features of every token (B, T, F): the same states, not averaged."""
        return torch.cat(self._layers(batch), dim=2)

    def _layers(self, batch: PaddedBatch) -> tuple[Tensor, ...]:
        output = self.body(input_ids=batch.input_ids_BT, attention_mask=batch.mask_BT.long(), output_hidden_states=True)
        length = batch.mask_BT.shape[1]
        return tuple(state_BTD[:, -length:] for state_BTD in output.hidden_states)  # a prompt stands before the text


def pad_batch(token_ids: TokenIds) -> PaddedBatch:
    """Pad on the right to the longest; the padding's id does not matter under the mask."""
    length = max(1, *map(len, token_ids))
    input_ids_BT = torch.zeros(len(token_ids), length, dtype=torch.long)
    mask_BT = torch.zeros(len(token_ids), length)
    for row, ids in enumerate(token_ids):
        input_ids_BT[row, : len(ids)] = torch.tensor(ids, dtype=torch.long)
        mask_BT[row, : len(ids)] = 1.0
    return PaddedBatch(input_ids_BT, mask_BT)


def batch_by_length(token_ids: TokenIds, size: int) -> list[NDArray[np.int64]]:
    """Rows in batches of texts of about one length, so that little is padding."""
    order = np.argsort([len(ids) for ids in token_ids], kind="stable")
    return [order[start : start + size] for start in range(0, len(order), size)]


def load_encoder(checkpoint: Path, *, random: bool, seed: int) -> Encoder:
    """The checkpoint's model without its head; with `random` the same architecture with fresh weights.

    Raises StageFailure when the folder holds no model that transformers can open.
    """
    config = load_config(checkpoint)
    config.use_cache = False  # keys and values are kept for generating only
    model = open_model(checkpoint, AutoModel, config, random=random, seed=seed)
    encoder = Encoder(model.get_encoder() if config.is_encoder_decoder else model).float()
    fuse_activations(encoder)
    return encoder


def load_config(checkpoint: Path) -> Any:
    """The checkpoint's configuration. Raises StageFailure when transformers cannot open it."""
    try:
        return AutoConfig.from_pretrained(checkpoint)
    except (OSError, ValueError, KeyError) as error:
        raise _unreadable_model(checkpoint, error) from error


def open_model(checkpoint: Path, auto: Any, config: Any, *, random: bool, seed: int) -> Any:
    """The checkpoint's model as one of transformers' auto classes makes it, or the same with fresh weights."""
    # a bar for each model, and a report on heads that nobody asked for, would hide the stage's own lines
    disable_progress_bar()  # type: ignore[no-untyped-call]
    set_verbosity_error()  # type: ignore[no-untyped-call]
    torch.manual_seed(seed)
    try:
        if random:
            return auto.from_config(config)
        model, told = auto.from_pretrained(checkpoint, config=config, output_loading_info=True)
    except (OSError, ValueError, KeyError) as error:
        raise _unreadable_model(checkpoint, error) from error
    # a pooler is on top of what we read
    _warn_of_missing_weights(checkpoint, tuple(sorted(name for name in told["missing_keys"] if "pooler" not in name)))
    return model


@functools.cache  # once a process
def _warn_of_missing_weights(checkpoint: Path, names: tuple[str, ...]) -> None:
    if names:
        log.warning("%s lacks %s weights, which begin at random: %s …", checkpoint, len(names), names[0])


def _unreadable_model(checkpoint: Path, error: Exception) -> StageFailure:
    return StageFailure(
        f"{checkpoint} holds no model that transformers can open: {str(error).rstrip('.')}",
        "Give a folder with config.json and weights, such as `save_pretrained` writes",
    )


def fuse_activations(module: nn.Module) -> None:
    """Replace GPT-2's activation, eight passes over memory, by torch's one: the same function, steps 28 % shorter."""
    for name, child in module.named_children():
        if isinstance(child, NewGELUActivation):
            setattr(module, name, nn.GELU(approximate="tanh"))
        else:
            fuse_activations(child)


class TokenWindow(NamedTuple):
    """Some of a text's tokens in a row."""

    text: int
    """which text"""
    first: bool
    """whether it is the text's beginning"""
    ids: list[int]
    ends: list[int]
    """where in the text each token ends, in characters"""
    fresh: list[bool]
    """tokens of the text that were in no stretch before"""


class CheckpointTokenizer:
    """The checkpoint's tokenizer, bound to the longest text that model and settings allow."""

    def __init__(self, checkpoint: Path, most: int, reserved: int = 0) -> None:
        """Of the places that the model has, `reserved` stay free, for a prompt."""
        try:
            self.tokenizer: Any = AutoTokenizer.from_pretrained(checkpoint)
            config: Any = AutoConfig.from_pretrained(checkpoint)
        except (OSError, ValueError, KeyError) as error:
            raise StageFailure(
                f"{checkpoint} holds no tokenizer: {error}", "Give a folder with tokenizer.json"
            ) from error
        if set(self.tokenizer.get_vocab()) <= set(self.tokenizer.all_special_tokens):
            # without files transformers makes one that knows no word
            raise StageFailure(f"{checkpoint} holds no tokenizer", "Give a folder with tokenizer.json")
        limit = getattr(config, "max_position_embeddings", None) or most + reserved
        self.length = min(most, limit - reserved, self.tokenizer.model_max_length)
        if self.length < 1:
            raise StageFailure(
                f"the model has {limit} places for tokens, and a prompt of {reserved} leaves none", "Shorten the prompt"
            )
        self.vocabulary = int(config.vocab_size)

    def __call__(self, texts: list[str], seconds: list[str] | None = None) -> TokenIds:
        """Token ids of every text, or of every pair, cut at the limit.

        Raises StageFailure for ids that the model does not have.
        """
        if seconds and self.joins_bare:
            seconds = [f"\n{each}" for each in seconds]
        found: TokenIds = self.tokenizer(texts, seconds, truncation=True, max_length=self.length)["input_ids"]
        return self._checked(found)

    def whole(self, texts: list[str]) -> TokenIds:
        """Token ids of every text, however long."""
        found: TokenIds = self.tokenizer(texts, verbose=False)["input_ids"]
        return self._checked(found)

    def located(self, texts: list[str]) -> list[tuple[list[int], list[tuple[int, int]]]]:
        """Token ids of every text, and where in it each token begins and ends, in characters."""
        found = self.tokenizer(texts, truncation=True, max_length=self.length, return_offsets_mapping=True)
        return list(zip(self._checked(found["input_ids"]), found["offset_mapping"], strict=True))

    def windows(self, first: str, second: str, stride: float) -> list[tuple[list[int], list[tuple[int, int]]]]:
        """Token ids of the first text with as much of the second as there is room for, as often as it takes.

        With each token's place in the second text, in characters; (-1, -1) for other tokens.
        """
        shift = 1 if self.joins_bare else 0
        room = self.length - len(self.tokenizer(first)["input_ids"]) - 3
        found = self.tokenizer(
            first,
            "\n" * shift + second,
            truncation="only_second",
            max_length=self.length,
            stride=max(0, int(room * stride)),
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
        )
        made = []
        for number, ids in enumerate(self._checked(found["input_ids"])):
            places = zip(found["offset_mapping"][number], found.sequence_ids(number), strict=True)
            offsets = [
                (start - shift, end - shift) if part == 1 and end > shift else (-1, -1) for (start, end), part in places
            ]
            made.append((ids, offsets))
        return made

    def stretches(self, texts: list[str], spare: int) -> Iterator[TokenWindow]:
        """Every text whole, in stretches that leave `spare` tokens free; each repeats half of the one before."""
        most = self.length - spare
        repeated = (most - self.tokenizer.num_special_tokens_to_add()) // 2
        found = self.tokenizer(
            texts,
            truncation=True,
            max_length=most,
            stride=repeated,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
            return_special_tokens_mask=True,
        )
        marks, numbers = found["special_tokens_mask"], found["overflow_to_sample_mapping"]
        last = -1
        for ids, offsets, special, number in zip(
            self._checked(found["input_ids"]), found["offset_mapping"], marks, numbers, strict=True
        ):
            known = repeated if number == last else 0
            order = np.cumsum(1 - np.array(special, np.int64))  # 1 for the first token of the text itself
            fresh = [not mark and place > known for mark, place in zip(special, order, strict=True)]
            yield TokenWindow(number, number != last, ids, [end for _, end in offsets], fresh)
            last = number

    @functools.cached_property
    def joins_bare(self) -> bool:
        """Whether the tokenizer puts nothing between two texts: then a line break does."""
        pair, one = (len(self.tokenizer(*texts)["input_ids"]) for texts in ("ab", "a"))
        return bool(pair == one + len(self.tokenizer("b", add_special_tokens=False)["input_ids"]))

    def _checked(self, found: TokenIds) -> TokenIds:
        highest = max((max(ids) for ids in found if ids), default=0)
        if highest >= self.vocabulary:
            raise StageFailure(
                f"the tokenizer gives the id {highest}, and the model has {self.vocabulary} entries",
                "Give a checkpoint whose tokenizer belongs to its model",
            )
        return found
