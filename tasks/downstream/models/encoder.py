"""A transformers model as a feature extractor: texts in, one vector a text out.

Shapes: B texts, T tokens, D hidden size, F = D times the number of pooled states, K classes.
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
from tasks.model.load_from_folder import load_from_folder, load_model_from_folder

log = logging.getLogger("textmill.evaluate")

TokenIds = list[list[int]]
CharacterOffsets = list[tuple[int, int]]
"""start and end of each token in its text, in characters"""
EVALUATION_BATCH_SIZE = 32


@dataclass(frozen=True)
class PaddedBatch:
    """Token ids of some texts, padded to the same length, and the mask of real tokens."""

    input_ids_BT: Tensor  # noqa: N815 - shape suffixes, as on local tensors
    mask_BT: Tensor  # noqa: N815


class Encoder(Backbone):
    """Mean-pooling over a text's tokens of every hidden state, from the embeddings to the last layer, side by side.

    Small models trained for minutes keep what tells topics apart in their lower states, and what context adds in the
    upper ones; with all of them the head need not choose. The mean serves both families: a causal model's last token
    and a masked model's first were never trained to stand for the text.
    """

    @property
    def hidden_size(self) -> int:
        """The size of one hidden state, D."""
        return int(self.body.config.hidden_size)

    def forward(self, batch: PaddedBatch) -> Tensor:
        """Return the features of every text (B, F)."""
        # A mean over real tokens. clamp: a text without a token gives zeros and not NaN.
        weights_BT1 = (batch.mask_BT / batch.mask_BT.sum(1, keepdim=True).clamp(min=1.0)).unsqueeze(-1)
        return torch.cat([(state_BTD * weights_BT1).sum(1) for state_BTD in self._compute_hidden_states(batch)], dim=1)

    def encode_tokens(self, batch: PaddedBatch) -> Tensor:
        """Return the features of every token (B, T, F): all hidden states side by side, without pooling."""
        return torch.cat(self._compute_hidden_states(batch), dim=2)

    def _compute_hidden_states(self, batch: PaddedBatch) -> tuple[Tensor, ...]:
        output = self.body(input_ids=batch.input_ids_BT, attention_mask=batch.mask_BT.long(), output_hidden_states=True)
        # a soft prompt stands before the text, and its states are none of the text's
        length = batch.mask_BT.shape[1]
        return tuple(state_BTD[:, -length:] for state_BTD in output.hidden_states)


def pad_batch(token_ids: TokenIds) -> PaddedBatch:
    """Pad texts on the right to the longest; the padding's id does not matter under the mask."""
    length = max(1, *map(len, token_ids))
    input_ids_BT = torch.zeros(len(token_ids), length, dtype=torch.long)
    mask_BT = torch.zeros(len(token_ids), length)
    for row, ids in enumerate(token_ids):
        input_ids_BT[row, : len(ids)] = torch.tensor(ids, dtype=torch.long)
        mask_BT[row, : len(ids)] = 1.0
    return PaddedBatch(input_ids_BT, mask_BT)


def batch_by_length(token_ids: TokenIds, size: int) -> list[NDArray[np.int64]]:
    """Split rows into batches of texts of similar length, so that little is padding."""
    # a stable sort: the same texts make the same batches, and so the same sums
    order = np.argsort([len(ids) for ids in token_ids], kind="stable")
    return [order[start : start + size] for start in range(0, len(order), size)]


def load_encoder(checkpoint: Path, *, random: bool, seed: int) -> Encoder:
    """Load the checkpoint's model without its head; with `random` the same architecture with new weights.

    Raises StageFailure when the folder holds no model that transformers can open.
    """
    config = load_config(checkpoint)
    # the cache of keys and values serves generation only
    config.use_cache = False
    model = open_model(checkpoint, AutoModel, config, random=random, seed=seed)
    # float(): a checkpoint in bf16 is fine-tuned in float32.
    encoder = Encoder(model.get_encoder() if config.is_encoder_decoder else model).float()
    fuse_activations(encoder)
    return encoder


def load_config(checkpoint: Path) -> Any:
    """Load the checkpoint's configuration. Raises StageFailure when transformers cannot open it."""
    try:
        return load_from_folder(AutoConfig, checkpoint)
    except (OSError, ValueError, KeyError) as error:
        raise _unreadable_model(checkpoint, error) from error


def open_model(checkpoint: Path, auto_class: Any, config: Any, *, random: bool, seed: int) -> Any:
    """Load the checkpoint's model by one of transformers' auto classes; with `random` the same with new weights."""
    # a bar for each model, and a report on heads that nobody asked for, would hide the stage's own lines
    disable_progress_bar()  # type: ignore[no-untyped-call]
    set_verbosity_error()  # type: ignore[no-untyped-call]
    # Also for pretrained weights: missing ones are drawn.
    torch.manual_seed(seed)
    try:
        if random:
            return auto_class.from_config(config, trust_remote_code=False)
        model, loading_info = load_model_from_folder(auto_class, checkpoint, config=config, output_loading_info=True)
    except (OSError, ValueError, KeyError) as error:
        raise _unreadable_model(checkpoint, error) from error
    # the output of a pooler is not used, so its weights may be missing
    missing = sorted(name for name in loading_info["missing_keys"] if "pooler" not in name)
    _warn_of_missing_weights(checkpoint, tuple(missing))
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
    """Consecutive tokens of a text that is longer than the model reads at once."""

    text: int
    """index of the text"""
    is_first: bool
    """whether the window is the beginning of its text"""
    ids: list[int]
    ends: list[int]
    """end of each token in the text, in characters"""
    is_new: list[bool]
    """for each token whether it is of the text itself and in no earlier window"""


class CheckpointTokenizer:
    """The checkpoint's tokenizer, limited to the longest text that model and settings allow."""

    def __init__(self, checkpoint: Path, max_length: int, reserved: int = 0) -> None:
        """Load the tokenizer; `reserved` of the model's positions stay free, for a soft prompt.

        Raises StageFailure for a folder without a tokenizer, or when the reserved positions leave none.
        """
        try:
            self.hf_tokenizer: Any = load_from_folder(AutoTokenizer, checkpoint)
            config: Any = load_from_folder(AutoConfig, checkpoint)
        except (OSError, ValueError, KeyError) as error:
            raise StageFailure(
                f"{checkpoint} holds no tokenizer: {error}", "Give a folder with tokenizer.json"
            ) from error
        if set(self.hf_tokenizer.get_vocab()) <= set(self.hf_tokenizer.all_special_tokens):
            # without the tokenizer's files transformers makes one that knows no word, and raises nothing
            raise StageFailure(f"{checkpoint} holds no tokenizer", "Give a folder with tokenizer.json")
        # models with relative positions, such as T5, have no table and no limit
        limit = getattr(config, "max_position_embeddings", None) or max_length + reserved
        # model_max_length is some 10^30 where the tokenizer's files name no limit.
        self.max_length = min(max_length, limit - reserved, self.hf_tokenizer.model_max_length)
        if self.max_length < 1:
            raise StageFailure(
                f"the model has {limit} positions, and a prompt of {reserved} tokens leaves none", "Shorten the prompt"
            )
        self.vocab_size = int(config.vocab_size)

    def __call__(self, texts: list[str], seconds: list[str] | None = None) -> TokenIds:
        """Return the token ids of every text, or of every pair as one, truncated to the maximum length.

        Raises StageFailure for ids that the model does not have.
        """
        if seconds and self.lacks_pair_separator:
            seconds = [f"\n{second}" for second in seconds]
        encoding = self.hf_tokenizer(texts, seconds, truncation=True, max_length=self.max_length)
        return self._check_ids(encoding["input_ids"])

    def encode_untruncated(self, texts: list[str]) -> TokenIds:
        """Return all token ids of every text, however long."""
        return self._check_ids(self.hf_tokenizer(texts, verbose=False)["input_ids"])

    def encode_with_offsets(self, texts: list[str]) -> list[tuple[list[int], CharacterOffsets]]:
        """Return the token ids of every text, truncated, and the start and end of each token in characters."""
        encoding = self.hf_tokenizer(texts, truncation=True, max_length=self.max_length, return_offsets_mapping=True)
        return list(zip(self._check_ids(encoding["input_ids"]), encoding["offset_mapping"], strict=True))

    def encode_in_windows(
        self, first: str, second: str, stride_fraction: float
    ) -> list[tuple[list[int], CharacterOffsets]]:
        """Return token ids of the complete first text with a window of the second, for overlapping windows over it.

        The offsets are those of each token in the second text, in characters; (-1, -1) for other tokens. Windows
        overlap by `stride_fraction` of the room that the first text leaves.
        """
        shift = 1 if self.lacks_pair_separator else 0
        # 3: special tokens of a pair at most, beside those that the first text has alone
        room = self.max_length - len(self.hf_tokenizer(first)["input_ids"]) - 3
        encoding = self.hf_tokenizer(
            first,
            "\n" * shift + second,
            truncation="only_second",
            max_length=self.max_length,
            stride=max(0, int(room * stride_fraction)),
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
        )
        windows = []
        # the line break before the second text is none of its characters, so offsets are shifted back
        for index, ids in enumerate(self._check_ids(encoding["input_ids"])):
            spans = zip(encoding["offset_mapping"][index], encoding.sequence_ids(index), strict=True)
            offsets = [
                (start - shift, end - shift) if sequence == 1 and end > shift else (-1, -1)
                for (start, end), sequence in spans
            ]
            windows.append((ids, offsets))
        return windows

    def split_into_windows(self, texts: list[str], spare: int) -> Iterator[TokenWindow]:
        """Yield the windows of all texts, untruncated, each `spare` tokens shorter than the maximum length.

        A window repeats half of the previous one.
        """
        # with half a window repeated, every token but a text's first ones has half a window of context before it
        # `overlap` is counted in the text's own tokens: special tokens are in each window anew.
        length = self.max_length - spare
        overlap = (length - self.hf_tokenizer.num_special_tokens_to_add()) // 2
        encoding = self.hf_tokenizer(
            texts,
            truncation=True,
            max_length=length,
            stride=overlap,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
            return_special_tokens_mask=True,
        )
        special_masks, text_indices = encoding["special_tokens_mask"], encoding["overflow_to_sample_mapping"]
        previous = -1
        for ids, offsets, special_mask, text in zip(
            self._check_ids(encoding["input_ids"]), encoding["offset_mapping"], special_masks, text_indices, strict=True
        ):
            # Only the first window of a text is new from its first token on.
            num_repeated = overlap if text == previous else 0
            ranks = np.cumsum(1 - np.array(special_mask, np.int64))  # 1 for the first token of the text itself
            is_new = [not special and rank > num_repeated for special, rank in zip(special_mask, ranks, strict=True)]
            yield TokenWindow(text, text != previous, ids, [end for _, end in offsets], is_new)
            previous = text

    @functools.cached_property
    def lacks_pair_separator(self) -> bool:
        """True where the tokenizer puts nothing between two texts; a line break then separates them."""
        # a pair is longer than its two texts where the tokenizer separates them
        pair, one = (len(self.hf_tokenizer(*texts)["input_ids"]) for texts in ("ab", "a"))
        return bool(pair == one + len(self.hf_tokenizer("b", add_special_tokens=False)["input_ids"]))

    def _check_ids(self, token_ids: TokenIds) -> TokenIds:
        # torch itself would only say that an index is out of range, and name neither file
        highest = max((max(ids) for ids in token_ids if ids), default=0)
        if highest >= self.vocab_size:
            raise StageFailure(
                f"the tokenizer gives the id {highest}, and the model has {self.vocab_size} entries",
                "Give a checkpoint whose tokenizer belongs to its model",
            )
        return token_ids
