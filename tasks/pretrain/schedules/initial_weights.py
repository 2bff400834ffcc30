"""The initial weights of a run: random ones, or those of an existing model."""

from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from tasks.block import Block
from tasks.errors import StageFailure
from tasks.model.architecture import Architecture
from tasks.model.folder_digest import hash_model_folder
from tasks.model.vocabulary import Vocabulary

if TYPE_CHECKING:  # settings load without torch
    from torch import nn
    from transformers import PreTrainedModel

FOLDER_SETTING = "pretrain.start_from.folder"


class StartFrom(Block):
    """An existing model to train further, and which of its weights are trained."""

    folder: str = ""
    """a transformers folder, or a model that this pipeline made. It decides the architecture, which need not be set,
    and the defaults of the learning rates and of the objective are those of going on from it (in a form, which names
    every setting, one that has its usual default counts as not set). Tokens that it lacks start as the mean of their
    parts' embeddings. Empty: random weights"""
    frozen: tuple[str, ...] = ()
    """patterns of the names of parameters that are not trained: *embeddings*, *.layer.[0-3].*"""
    layer_decay: float = Field(default=1.0, gt=0, le=1)
    """factor of the learning rate for every layer further from the output (arXiv:1801.06146): 0.8 to 0.95 keeps more of
    what the lower layers know"""

    def semantic(self) -> dict[str, Any]:
        """Return the settings with the digest of the folder's content for its path."""
        return {**super().semantic(), "folder": hash_model_folder(self.folder, FOLDER_SETTING) if self.folder else ""}

    def build_model(
        self, architecture: Architecture, tokenizer: Path, vocabulary: Vocabulary, seed: int
    ) -> "tuple[PreTrainedModel, list[str]]":
        """Return the model to train, and the weights of its head that the folder lacks, which begin at random.

        Frozen parameters require no gradient.
        Raises StageFailure when the folder holds another model than the settings say, or a pattern matches nothing.
        """
        if self.folder:
            from tasks.model.pretrained import load_pretrained  # noqa: PLC0415 - torch and transformers take seconds to import

            module, new_head = load_pretrained(
                Path(self.folder).expanduser(), architecture, tokenizer, vocabulary, seed
            )
        else:
            from tasks.model.families import build_model  # noqa: PLC0415

            module, new_head = build_model(architecture, vocabulary, seed), []
        self._freeze(module)
        return module, new_head

    def _freeze(self, module: "nn.Module") -> None:
        names = dict(module.named_parameters())
        for pattern in self.frozen:
            # fnmatchcase and not fnmatch, which ignores case on some systems.
            matching = [name for name in names if fnmatchcase(name, pattern)]
            if not matching:
                examples = ", ".join([*names][:3])
                raise StageFailure(
                    f"pretrain.start_from.frozen: {pattern} matches no parameter", f"They are named {examples}, …"
                )
            for name in matching:
                names[name].requires_grad_(False)
        if not any(parameter.requires_grad for parameter in names.values()):
            raise StageFailure("pretrain.start_from.frozen leaves nothing to train", "Remove a pattern")
