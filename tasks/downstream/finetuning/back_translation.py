"""Texts said in other words: translated into another language and back, by two models that write."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from tasks.downstream.heads.texts import find_end_token, truncate_with_end
from tasks.downstream.models.encoder import EVALUATION_BATCH_SIZE, CheckpointTokenizer, batch_by_length, load_config
from tasks.downstream.models.generator import TextGenerator, check_can_generate
from tasks.downstream.settings.augmentation import SETTING, Augmentation, TranslationModel
from tasks.errors import StageFailure


class BackTranslation:
    """Two models, one after the other. A copy's draws depend on its number and on the texts that are asked with it.

    Call it inside `one_thread`, which puts the random state back. Raises StageFailure for a folder without a model that
    writes.
    """

    def __init__(self, settings: Augmentation) -> None:
        self.legs = [TranslationStep(each, settings) for each in (settings.there, settings.back)]

    def __call__(self, texts: list[str], copy: int) -> list[str]:
        """Every text once there and back; what no translation came of is empty."""
        torch.manual_seed(copy)
        for leg in self.legs:
            texts = leg(texts)
        return texts


class TranslationStep:
    """One of the two ways."""

    def __init__(self, translator: TranslationModel, settings: Augmentation) -> None:
        folder = resolve_translator(translator)
        self.prompt, self.beams = translator.prompt, settings.beams
        self.tokens = CheckpointTokenizer(folder, settings.max_length)
        self.writer = TextGenerator.load(folder, find_end_token(self.tokens, folder), random=False, seed=0).eval()
        config = load_config(folder)
        # a decoder has its places for both texts together
        self.most = (
            self.tokens.length if config.is_encoder_decoder else min(self.tokens.length, count_positions(config) // 2)
        )
        padding = self.tokens.tokenizer.pad_token_id
        # Marian's model may give the padding, which it was never taught, more than any word
        self.sampling: dict[str, Any] = {} if padding in (None, self.writer.end) else {"suppress_tokens": [padding]}
        if settings.temperature:
            self.sampling |= {"do_sample": True, "temperature": settings.temperature, "top_k": 0}

    def __call__(self, texts: list[str]) -> list[str]:
        """What the model writes for each."""
        sources = [
            truncate_with_end(ids, self.most, self.writer.end)[0]
            for ids in self.tokens.whole([self.prompt + text for text in texts])
        ]
        found = np.full(len(texts), "", object)
        for rows in batch_by_length(sources, EVALUATION_BATCH_SIZE):
            ids = self.writer.written([sources[row] for row in rows], self.most, self.beams, **self.sampling)
            found[rows] = self.tokens.tokenizer.batch_decode(
                ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
            )
        return [text.strip() for text in found]


def count_positions(config: Any) -> int:
    """Tokens that a model has places for; many where it has no table of them."""
    return int(getattr(config, "max_position_embeddings", None) or 1 << 20)


def resolve_translator(translator: TranslationModel) -> Path:
    """The translator's folder. Raises StageFailure when what is in it cannot write, or cannot end a text."""
    folder = Path(translator.folder).expanduser()
    check_can_generate(folder)
    try:
        find_end_token(CheckpointTokenizer(folder, 8), folder)
    except ImportError as error:
        raise StageFailure(
            f"the tokenizer in {folder} needs a package that is not installed: {str(error).strip().splitlines()[0]}",
            f"Install it, or give {SETTING} a folder with tokenizer.json",
        ) from error
    return folder
