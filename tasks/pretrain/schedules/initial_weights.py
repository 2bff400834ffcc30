"""Where a run starts: random weights, or a model that exists."""

from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from tasks.block import Block
from tasks.errors import StageFailure
from tasks.model.architecture import Architecture
from tasks.model.folder_digest import hash_model_folder
from tasks.model.vocabulary import Vocabulary

if TYPE_CHECKING:
    from torch import nn
    from transformers import PreTrainedModel

CALLED = "pretrain.start_from.folder"


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
        return {**super().semantic(), "folder": hash_model_folder(self.folder, CALLED) if self.folder else ""}

    def build(
        self, architecture: Architecture, tokenizer: Path, vocabulary: Vocabulary, seed: int
    ) -> "PreTrainedModel":
        """The model to train; frozen parameters require no gradient.

        Raises StageFailure when the folder holds another model than the settings describe, or a pattern fits nothing.
        """
        if self.folder:
            from tasks.model.pretrained import load_pretrained  # noqa: PLC0415 - torch and transformers take seconds to import

            module = load_pretrained(Path(self.folder).expanduser(), architecture, tokenizer, vocabulary, seed)
        else:
            from tasks.model.families import build_model  # noqa: PLC0415

            module = build_model(architecture, vocabulary, seed)
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
