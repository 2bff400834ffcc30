"""What a model's folder holds, told in one word: settings that name a folder enter a key by it."""

import functools
import hashlib
from pathlib import Path

from tasks.errors import StageFailure


def content_digest(folder: str, called: str) -> str:
    """A digest of the model in a folder that the setting `called` names. Raises StageFailure when there is none."""
    root = Path(folder).expanduser()
    weights = sorted(root.glob("*.safetensors"))
    if not weights or not (root / "config.json").is_file():
        raise StageFailure(
            f"{called}: {root} holds no config.json and model.safetensors",
            "Give a model's folder, e.g. one that save_pretrained wrote",
        )
    tokenizer = [path for name in ("tokenizer.json", "tokenizer_config.json") if (path := root / name).is_file()]
    files = [root / "config.json", *tokenizer, *weights]
    return _digest(tuple((str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files))


@functools.lru_cache(maxsize=8)
def _digest(files: tuple[tuple[str, int, int], ...]) -> str:
    """Read once for each state of the files: every checkpoint asks what it was made with."""
    total = hashlib.blake2b(digest_size=16)
    for path, _, _ in files:
        with Path(path).open("rb") as file:
            total.update(hashlib.file_digest(file, hashlib.blake2b).digest())
    return total.hexdigest()
