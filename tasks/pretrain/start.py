"""Where a run starts: random weights, or a model that exists."""

import functools
import hashlib
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from tasks.block import Block
from tasks.failure import StageFailure
from tasks.model.architecture import Architecture
from tasks.model.vocabulary import Vocabulary

if TYPE_CHECKING:
    from torch import nn
    from transformers import PreTrainedModel


class StartFrom(Block):
    """An existing model to go on from, and how much of it may move."""

    folder: str = ""
    """a transformers folder, or a model that this pipeline made; the architecture must be its own. Tokens that it does
    not have begin as the mean of their parts. Empty: random weights"""
    frozen: tuple[str, ...] = ()
    """parameters that are not trained, by patterns of their names: *embeddings*, *.layer.[0-3].*"""
    layer_decay: float = Field(default=1.0, gt=0, le=1)
    """what the learning rate is multiplied with for every layer further from the output (arXiv:1801.06146): 0.8 to 0.95
    keeps more of what the lower layers know"""

    def semantic(self) -> dict[str, Any]:
        """It matters what is in the folder, not where it stands."""
        return {**super().semantic(), "folder": content_digest(self.folder) if self.folder else ""}

    def build(
        self, architecture: Architecture, tokenizer: Path, vocabulary: Vocabulary, seed: int
    ) -> "PreTrainedModel":
        """The model to train; frozen parameters require no gradient.

        Raises StageFailure when the folder holds another model than the settings describe, or a pattern fits nothing.
        """
        if self.folder:
            from tasks.model.pretrained import load  # noqa: PLC0415 - torch and transformers take seconds to import

            module = load(Path(self.folder).expanduser(), architecture, tokenizer, vocabulary, seed)
        else:
            module = architecture.build(vocabulary, seed)
        self._freeze(module)
        return module

    def _freeze(self, module: "nn.Module") -> None:
        names = dict(module.named_parameters())
        for pattern in self.frozen:
            fitting = [name for name in names if fnmatchcase(name, pattern)]
            if not fitting:
                some = ", ".join([*names][:3])
                raise StageFailure(
                    f"pretrain.start_from.frozen: {pattern} fits no parameter", f"They are named {some}, …"
                )
            for name in fitting:
                names[name].requires_grad_(False)
        if not any(parameter.requires_grad for parameter in names.values()):
            raise StageFailure("pretrain.start_from.frozen leaves nothing to train", "Remove a pattern")


def content_digest(folder: str, called: str = "pretrain.start_from.folder") -> str:
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
