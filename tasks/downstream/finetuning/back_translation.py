"""Back-translation: paraphrases of texts by translation into another language and back."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from tasks.downstream.heads.texts import find_end_token, truncate_with_end
from tasks.downstream.models.checkpoint_tokenizer import CheckpointTokenizer
from tasks.downstream.models.encoder import EVALUATION_BATCH_SIZE, batch_by_length, load_config
from tasks.downstream.models.generator import TextGenerator, check_can_generate
from tasks.downstream.settings.augmentation import SETTING, Augmentation, TranslationModel
from tasks.errors import StageFailure


class BackTranslation:
    """Two translation models, one after the other; a copy's samples depend on its number and on all texts of the call.

    Call it inside `use_one_thread`, which restores the random state. Raises StageFailure for a folder without a model
    that generates text.
    """

    def __init__(self, settings: Augmentation) -> None:
        self.steps = [TranslationStep(model, settings) for model in (settings.forward_model, settings.backward_model)]

    def __call__(self, texts: list[str], copy: int) -> list[str]:
        """Translate every text into the other language and back; a text without a translation becomes empty."""
        torch.manual_seed(copy)
        for step in self.steps:
            texts = step(texts)
        return texts


class TranslationStep:
    """One of the two translation models, opened."""

    def __init__(self, model: TranslationModel, settings: Augmentation) -> None:
        folder = resolve_translator(model)
        self.prompt, self.num_beams = model.prompt, settings.num_beams
        self.tokenizer = CheckpointTokenizer(folder, settings.max_length)
        end_id = find_end_token(self.tokenizer, folder)
        self.generator = TextGenerator.load(folder, end_id, random=False, seed=0).eval()
        config = load_config(folder)
        self.max_length = self.tokenizer.max_length
        if not config.is_encoder_decoder:  # a decoder's positions are for both texts together
            self.max_length = min(self.max_length, count_positions(config) // 2)
        padding_id = self.tokenizer.hf_tokenizer.pad_token_id
        # Marian's model may give its padding, which it was never trained on, more probability than any word
        self.sampling: dict[str, Any] = {}
        if padding_id not in (None, self.generator.end_id):
            self.sampling = {"suppress_tokens": [padding_id]}
        if settings.temperature:
            # top_k=0: no limit of transformers' own, which would truncate the distribution unseen.
            self.sampling |= {"do_sample": True, "temperature": settings.temperature, "top_k": 0}

    def __call__(self, texts: list[str]) -> list[str]:
        """Translate every text."""
        sources = [
            truncate_with_end(ids, self.max_length, self.generator.end_id)[0]
            for ids in self.tokenizer.encode_untruncated([self.prompt + text for text in texts])
        ]
        translations = np.full(len(texts), "", object)
        for rows in batch_by_length(sources, EVALUATION_BATCH_SIZE):
            batch = [sources[row] for row in rows]
            ids = self.generator.generate(batch, self.max_length, self.num_beams, **self.sampling)
            translations[rows] = self.tokenizer.hf_tokenizer.batch_decode(
                ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
            )
        return [text.strip() for text in translations]


def count_positions(config: Any) -> int:
    """Return the number of token positions of a model; a large number where it has no table of them."""
    return int(getattr(config, "max_position_embeddings", None) or 1 << 20)


def resolve_translator(model: TranslationModel) -> Path:
    """Return the translation model's folder. Raises StageFailure when it cannot generate, or cannot end a text."""
    folder = Path(model.folder).expanduser()
    check_can_generate(folder)
    try:
        find_end_token(CheckpointTokenizer(folder, 8), folder)
    except ImportError as error:
        raise StageFailure(
            f"the tokenizer in {folder} needs a package that is not installed: {str(error).strip().splitlines()[0]}",
            f"Install it, or give {SETTING} a folder with tokenizer.json",
        ) from error
    return folder
