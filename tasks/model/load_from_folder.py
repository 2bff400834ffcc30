"""The one way in which models, configurations and tokenizers of transformers are opened."""

from pathlib import Path
from typing import Any

from tasks.runtime.model_folders import refuse_untrusted_model


def load_from_folder(loader: Any, folder: Path, **options: Any) -> Any:
    """Open a configuration or a tokenizer of a local folder: call `from_pretrained` of a class of transformers.

    Code in the folder is never run, nobody is asked whether it may, and nothing is fetched. Raises StageFailure for a
    folder that needs more, and the errors of `from_pretrained`.
    """
    refuse_untrusted_model(folder)
    return loader.from_pretrained(folder, local_files_only=True, trust_remote_code=False, **options)


def load_model_from_folder(loader: Any, folder: Path, **options: Any) -> Any:
    """Open a model of a local folder as `load_from_folder` does, its weights from safetensors files alone."""
    # a tokenizer would save this option among its own
    return load_from_folder(loader, folder, use_safetensors=True, **options)
