"""The digest of a model's folder: a setting that names a folder enters an artifact's key by its content."""

import functools
import hashlib
from pathlib import Path

from tasks.errors import StageFailure


def hash_model_folder(folder: str, setting: str) -> str:
    """Return the digest of the model in `folder`, which the setting `setting` names.

    Covers the configuration, the tokenizer and the weights. Raises StageFailure when the folder holds no model.
    """
    root = Path(folder).expanduser()
    weights = sorted(root.glob("*.safetensors"))
    if not weights or not (root / "config.json").is_file():
        raise StageFailure(
            f"{setting}: {root} holds no config.json and model.safetensors",
            "Give a model's folder, e.g. one that save_pretrained wrote",
        )
    tokenizer = [path for name in ("tokenizer.json", "tokenizer_config.json") if (path := root / name).is_file()]
    files = [root / "config.json", *tokenizer, *weights]
    return _hash_files(tuple((str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files))


@functools.lru_cache(maxsize=8)
def _hash_files(files: tuple[tuple[str, int, int], ...]) -> str:
    """Hash files given as (path, size, modification time).

    Cached by all three: the settings are hashed again with every checkpoint, and weights may be gigabytes.
    """
    digest = hashlib.blake2b(digest_size=16)
    for path, _, _ in files:
        with Path(path).open("rb") as file:
            digest.update(hashlib.file_digest(file, hashlib.blake2b).digest())
    return digest.hexdigest()
