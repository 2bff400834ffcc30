"""Folders of models and tokenizers from elsewhere: none of their code runs, and none of their pickles is opened."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tasks.errors import StageFailure

WEIGHTS = "*.safetensors"
# Files of weights that Python unpickles, which runs whatever they name: of torch, of Lightning, of joblib and others.
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.pickle", "*.joblib")
ADAPTER_FILE = "adapter_config.json"


def refuse_model_code(folder: Path, setting: str = "") -> None:
    """Raise StageFailure when a folder's configuration asks for code of its own (`auto_map`).

    `setting` is the setting that names the folder, for the message.
    """
    prefix = f"{setting}: " if setting else ""
    for file in sorted(folder.glob("*config*.json")):
        if "auto_map" in iterate_keys(read_json(file)):
            raise StageFailure(
                f"{prefix}{file} asks for Python code of its own (auto_map), and code of a model is never run",
                "Give a model of an architecture that transformers itself has; if this is one, remove auto_map from "
                "that file",
            )


def refuse_untrusted_model(folder: Path, setting: str = "") -> None:
    """Raise StageFailure when a model needs code of its own, or its weights are pickles, or it is an adapter only.

    Beside weights in safetensors files a pickle is no danger: it is not opened.
    """
    refuse_model_code(folder, setting)
    prefix = f"{setting}: " if setting else ""
    if (folder / ADAPTER_FILE).exists():
        # transformers would open the model that the adapter names, wherever that is
        raise StageFailure(
            f"{prefix}{folder} holds an adapter ({ADAPTER_FILE}), and not a model",
            "Merge it into its model with peft's merge_and_unload(), and give the folder that save_pretrained writes",
        )
    if any(folder.glob(WEIGHTS)):
        return
    for pattern in PICKLES:
        for file in sorted(folder.glob(pattern)):
            raise StageFailure(
                f"{prefix}{file} is a pickle, which can run any code, and is never opened",
                "Convert it to safetensors where you trust it: AutoModelForPreTraining.from_pretrained(FOLDER)"
                ".save_pretrained(NEW_FOLDER)",
            )


def read_json(file: Path) -> Any:
    """Return a file's JSON; None where it is none, which its reader reports."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def iterate_keys(value: Any) -> Iterator[str]:
    """Yield the keys of a JSON value and of all that is in it."""
    if isinstance(value, dict):
        yield from value
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from iterate_keys(inner)
