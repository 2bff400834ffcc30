"""The architecture of a transformers folder, read from its config.json alone, without torch and transformers."""

import json
from pathlib import Path
from typing import Any

SIZE_NAMES = {
    "num_layers": ("num_hidden_layers", "n_layer", "num_layers", "encoder_layers"),
    "hidden_size": ("hidden_size", "n_embd", "d_model"),
    "num_heads": ("num_attention_heads", "n_head", "num_heads", "encoder_attention_heads"),
    "max_length": ("max_position_embeddings", "n_positions"),
}
"""Field of `Architecture` → its names in the configurations of the model families"""


def read_folder_architecture(folder: Path) -> dict[str, Any]:
    """Return what a folder's config.json decides of an architecture: family, layers, width, heads, maximum length.

    A model with relative positions, as T5, has no maximum length. Empty where the folder has no readable config.json.
    """
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(config, dict) or "model_type" not in config:
        return {}
    values: dict[str, Any] = {"family": config["model_type"]}
    # T5's configuration has a number of positions, a relic: they are relative
    fields = {name: names for name, names in SIZE_NAMES.items() if (name, config["model_type"]) != ("max_length", "t5")}
    for field, names in fields.items():
        value = next((config[name] for name in names if isinstance(config.get(name), int)), None)
        if value is not None:
            values[field] = value
    if "max_length" in values and config["model_type"] == "roberta":
        # RoBERTa's table has unused rows for the ids up to the padding token's
        values["max_length"] -= int(config.get("pad_token_id") or 0) + 1
    return values
