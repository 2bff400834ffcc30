"""Texts said in other words: translated into another language and back, by two models that write."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from tasks.downstream.heads.texts import end_of, ended
from tasks.downstream.models.encoder import EVALUATION_BATCH, Tokens, by_length, config_of
from tasks.downstream.models.generator import Writer, check_writes
from tasks.downstream.settings.augmentation import SETTING, Augmentation, Translator
from tasks.errors import StageFailure


class BackTranslation:
    """Two models, one after the other. A copy's draws depend on its number and on the texts that are asked with it.

    Call it inside `one_thread`, which puts the random state back. Raises StageFailure for a folder without a model that
    writes.
    """

    def __init__(self, settings: Augmentation) -> None:
        self.legs = [Leg(each, settings) for each in (settings.there, settings.back)]

    def __call__(self, texts: list[str], copy: int) -> list[str]:
        """Every text once there and back; what no translation came of is empty."""
        torch.manual_seed(copy)
        for leg in self.legs:
            texts = leg(texts)
        return texts


class Leg:
    """One of the two ways."""

    def __init__(self, translator: Translator, settings: Augmentation) -> None:
        folder = checked(translator)
        self.prompt, self.beams = translator.prompt, settings.beams
        self.tokens = Tokens(folder, settings.max_length)
        self.writer = Writer.load(folder, end_of(self.tokens, folder), random=False, seed=0).eval()
        config = config_of(folder)
        # a decoder has its places for both texts together
        self.most = self.tokens.length if config.is_encoder_decoder else min(self.tokens.length, places_of(config) // 2)
        padding = self.tokens.tokenizer.pad_token_id
        # Marian's model may give the padding, which it was never taught, more than any word
        self.sampling: dict[str, Any] = {} if padding in (None, self.writer.end) else {"suppress_tokens": [padding]}
        if settings.temperature:
            self.sampling |= {"do_sample": True, "temperature": settings.temperature, "top_k": 0}

    def __call__(self, texts: list[str]) -> list[str]:
        """What the model writes for each."""
        sources = [
            ended(ids, self.most, self.writer.end)[0]
            for ids in self.tokens.whole([self.prompt + text for text in texts])
        ]
        found = np.full(len(texts), "", object)
        for rows in by_length(sources, EVALUATION_BATCH):
            ids = self.writer.written([sources[row] for row in rows], self.most, self.beams, **self.sampling)
            found[rows] = self.tokens.tokenizer.batch_decode(
                ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
            )
        return [text.strip() for text in found]


def places_of(config: Any) -> int:
    """Tokens that a model has places for; many where it has no table of them."""
    return int(getattr(config, "max_position_embeddings", None) or 1 << 20)


def checked(translator: Translator) -> Path:
    """The translator's folder. Raises StageFailure when what is in it cannot write, or cannot end a text."""
    folder = Path(translator.folder).expanduser()
    check_writes(folder)
    try:
        end_of(Tokens(folder, 8), folder)
    except ImportError as error:
        raise StageFailure(
            f"the tokenizer in {folder} needs a package that is not installed: {str(error).strip().splitlines()[0]}",
            f"Install it, or give {SETTING} a folder with tokenizer.json",
        ) from error
    return folder
