"""The digest of a model's folder: a setting that names a folder enters an artifact's key by its content."""

import functools
from pathlib import Path

from tasks.errors import StageFailure
from tasks.runtime.content_digest import FileState, combine_digests, get_file_state, hash_files_cached
from tasks.runtime.model_folders import refuse_untrusted_model


def hash_model_folder(folder: str, setting: str) -> str:
    """Return the digest of the model in `folder`, which the setting `setting` names.

    Covers the configuration, the tokenizer and the weights. Raises StageFailure when the folder holds no model, or one
    that needs code of its own.
    """
    root = Path(folder).expanduser()
    refuse_untrusted_model(root, setting)
    weights = sorted(root.glob("*.safetensors"))
    if not weights or not (root / "config.json").is_file():
        raise StageFailure(
            f"{setting}: {root} holds no config.json and model.safetensors",
            "Give a model's folder, e.g. one that save_pretrained wrote",
        )
    # Optional: a folder without a tokenizer is used with the tokens' own.
    tokenizer = [path for name in ("tokenizer.json", "tokenizer_config.json") if (path := root / name).is_file()]
    files = [root / "config.json", *tokenizer, *weights]
    # The state of each file is part of the cache's key, so a changed file is hashed anew.
    return _hash_files(tuple((path, get_file_state(path)) for path in files))


@functools.lru_cache(maxsize=8)
def _hash_files(files: tuple[tuple[Path, FileState], ...]) -> str:
    """Hash files given with their states.

    Cached in the process too: the settings are hashed again with every checkpoint, weights may be gigabytes, and a
    training machine may have no cache folder to remember them in.
    """
    return combine_digests(hash_files_cached([path for path, _ in files], "blake2b-512"))
