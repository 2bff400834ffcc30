"""A transformers model as a feature extractor: texts in, one vector a text out.

Shapes: B texts, T tokens, D hidden size, F = D times the number of pooled states, K classes.
"""

import functools
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel
from transformers.activations import NewGELUActivation
from transformers.utils.logging import disable_progress_bar, set_verbosity_error

from tasks.downstream.models.backbone import Backbone
from tasks.downstream.models.checkpoint_tokenizer import TokenIds
from tasks.errors import StageFailure
from tasks.model.load_from_folder import load_from_folder, load_model_from_folder

log = logging.getLogger("textmill.evaluate")

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
