"""How labelled texts are altered into further ones: settings only."""

import hashlib
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from tasks.block import Block, semantic_value
from tasks.model.folder_digest import content_digest

SETTING = "evaluate.recipe.augmentation"
NEEDS_SYNONYMS = {"synonyms", "insertion"}

USED_SETTINGS = {
    "none": (),
    "words": ("copies", "operations", "share", "synonyms", "segmenter"),
    "back-translation": ("copies", "there", "back", "temperature", "beams", "max_length"),
}

Operation = Literal["synonyms", "insertion", "swap", "deletion"]


class TranslationModel(Block):
    """A model that writes in another language what it reads."""

    folder: str = ""
    """a transformers folder with tokenizer.json and *.safetensors: an encoder–decoder as Marian, T5 or BART, or a
    decoder that goes on after a text and its end token"""
    prompt: str = ""
    """what is put before every text, as T5's "translate English to German: " """

    def semantic(self) -> dict[str, Any]:
        """It matters what is in the folder, not where it stands."""
        return super().semantic() | {"folder": content_digest(self.folder, SETTING) if self.folder else ""}


class Augmentation(Block):
    """Altered copies of the labelled texts, for tasks of a class or a number: one more model, beside the one without.

    Only the texts that a model gets labels of are altered, never those that it is chosen or scored on.
    """

    way: Literal["none", "words", "back-translation"] = "none"
    """words: operations on words (EDA, arXiv:1901.11196); back-translation: into another language and back by two given
    models (Sennrich et al., arXiv:1511.06709; of labelled texts as in UDA, arXiv:1904.12848)"""
    copies: int = Field(4, ge=1, le=16)
    """of each text, at most: one that equals its text, or an earlier copy, is dropped"""
    operations: list[Operation] = Field(["synonyms", "insertion", "swap", "deletion"], min_length=1)
    """words: one a copy, in turn. The first two put synonyms in place of words and between them, and are left out
    without a file of synonyms"""
    share: float = Field(0.1, gt=0, lt=1)
    """words: of a text's words that an operation alters, at least one; EDA takes 0.05 where there are few labels"""
    synonyms: str = ""
    """words: path of a text file, each line words of one meaning with commas between (`film, movie, picture`), as
    search engines take it; # begins a remark"""
    segmenter: Literal["characters", "jieba"] = "characters"
    """words: what a word is in scripts without spaces: a character, or in Chinese what jieba finds (pip install
    rjieba)"""
    there: TranslationModel = TranslationModel()
    """back-translation: from the texts' language into another"""
    back: TranslationModel = TranslationModel()
    """back-translation: from that one into the texts' own"""
    temperature: float = Field(0.9, ge=0)
    """back-translation: of the draws that make the copies differ, as in UDA; 0: the likeliest translation, so one
    copy"""
    beams: int = Field(1, ge=1)
    """back-translation: ways to write on that are kept while a text is written"""
    max_length: int = Field(128, ge=8)
    """back-translation: tokens of a text and of its translation; what is longer is cut"""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.way == "back-translation" and not (self.there.folder and self.back.folder):
            raise ValueError("back-translation needs two models: give there.folder and back.folder")
        if self.way == "words" and not self.used:
            raise ValueError(f"{' and '.join(self.operations)} need a file of synonyms: give its path as synonyms")
        return self

    @property
    def used(self) -> list[Operation]:
        """The operations that there is all for."""
        return [each for each in self.operations if self.synonyms or each not in NEEDS_SYNONYMS]

    @property
    def tries(self) -> int:
        """How often a text is altered: the likeliest translation is the same each time."""
        return 1 if self.way == "back-translation" and not self.temperature else self.copies

    def semantic(self) -> dict[str, Any]:
        """What the chosen way uses; of a file what lies in it instead of where it is."""
        path = Path(self.synonyms)
        held = {"synonyms": hashlib.sha256(path.read_bytes()).hexdigest()} if path.is_file() else {}
        return {name: held.get(name, semantic_value(getattr(self, name))) for name in ("way", *USED_SETTINGS[self.way])}
