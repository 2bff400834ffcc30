"""Models of transformers with the head that its own class for a task has, on a checkpoint's weights.

Shapes: B texts, T tokens.
"""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModel

from tasks.downstream.models.encoder import fuse_activations, load_config, open_model
from tasks.errors import StageFailure


def load_stock_model(
    checkpoint: Path, auto_class: Any, config_changes: dict[str, Any], *, random: bool, seed: int
) -> Any:
    """Make a model with a stock head from a checkpoint's body; with `random` the same with new weights throughout.

    Raises StageFailure for a family that has no such class.
    """
    config = load_config(checkpoint)
    architecture = " ".join(config.architectures or [str(config.model_type)])
    for name, value in config_changes.items():
        setattr(config, name, value)
    config.use_cache = False
    config.dtype = "float32"
    # the head's weights are drawn from the seed
    torch.manual_seed(seed)
    try:
        model = auto_class.from_config(config, trust_remote_code=False)
    except ValueError as error:
        raise StageFailure(
            f"transformers has no {auto_class.__name__} for a model of the type {config.model_type} ({architecture})",
            "Take another model, or evaluate.finetuning.head=all_layers",
        ) from error
    if not random:
        # The body is loaded by itself: some heads, as that of Llama for questions, keep it under another name than the
        # weights of the checkpoint have, and would silently begin with random ones.
        _copy_weights(load_body(checkpoint, seed), model, checkpoint)
    model.float()
    fuse_activations(model)
    return model


def load_body(checkpoint: Path, seed: int) -> Any:
    """Load a checkpoint's model without any head, in float32."""
    return open_model(checkpoint, AutoModel, load_config(checkpoint), random=False, seed=seed).float()


def _copy_weights(body: Any, model: Any, checkpoint: Path) -> None:
    target = model.base_model
    missing, _ = target.load_state_dict(body.state_dict(), strict=False)
    known = set(body.state_dict())
    # a model without a body of its own holds its head too
    lost = [name for name in missing if "pooler" not in name and (target is not model or name in known)]
    if lost:
        raise StageFailure(
            f"{type(model).__name__} does not take the weights of {checkpoint} ({lost[0]} and {len(lost) - 1} more)",
            "Take another model, or evaluate.finetuning.head=all_layers",
        )


def pad_inputs(ids: list[list[int]], types: list[list[int]], pad_id: int) -> dict[str, Tensor]:
    """Return token ids, mask and, where there are any, token types as tensors (B, T), padded on the right."""
    length = max(1, *map(len, ids))
    input_ids_BT = torch.full((len(ids), length), pad_id)
    mask_BT, types_BT = (torch.zeros(len(ids), length, dtype=torch.long) for _ in range(2))
    for row, (row_ids, row_types) in enumerate(zip(ids, types, strict=True)):
        input_ids_BT[row, : len(row_ids)] = torch.tensor(row_ids, dtype=torch.long)
        mask_BT[row, : len(row_ids)] = 1
        types_BT[row, : len(row_types)] = torch.tensor(row_types, dtype=torch.long)
    inputs = {"input_ids": input_ids_BT, "attention_mask": mask_BT}
    return inputs | ({"token_type_ids": types_BT} if any(types) else {})
