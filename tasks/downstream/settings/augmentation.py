"""Settings of data augmentation: altered copies of labelled texts. Imports neither torch nor transformers."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from tasks.block import Block, semantic_value
from tasks.model.folder_digest import hash_model_folder
from tasks.runtime.content_digest import hash_named_file

SETTING = "evaluate.finetuning.augmentation"
NEEDS_SYNONYMS = {"synonyms", "insertion"}

USED_SETTINGS = {
    "none": (),
    "words": ("max_copies", "operations", "word_fraction", "synonyms_file", "segmenter"),
    "back-translation": ("max_copies", "forward_model", "backward_model", "temperature", "num_beams", "max_length"),
}
"""the settings that decide the copies, by method: only these enter the key"""

Operation = Literal["synonyms", "insertion", "swap", "deletion"]


class TranslationModel(Block):
    """A translation model: it reads a text in one language and writes it in another."""

    folder: str = ""
    """a transformers folder with tokenizer.json and *.safetensors: an encoder–decoder such as Marian, T5 or BART, or a
    decoder that continues a text after its end token"""
    prompt: str = ""
    """text put before every input, such as T5's "translate English to German: " """

    def semantic(self) -> dict[str, Any]:
        """Return the settings with the folder's content in place of its path."""
        return super().semantic() | {"folder": hash_model_folder(self.folder, SETTING) if self.folder else ""}


class Augmentation(Block):
    """Altered copies of the labelled texts, for classification and regression: fits one further model with them.

    Only texts that a model gets the labels of are altered, never those of validation or test.
    """

    method: Literal["none", "words", "back-translation"] = "none"
    """words: operations on words (EDA, arXiv:1901.11196); back-translation: into another language and back by two
    translation models (Sennrich et al., arXiv:1511.06709; of labelled texts as in UDA, arXiv:1904.12848)"""
    max_copies: int = Field(4, ge=1, le=16)
    """copies of a text at most: a copy that equals its text or another copy of it is dropped"""
    operations: list[Operation] = Field(["synonyms", "insertion", "swap", "deletion"], min_length=1)
    """words: operations, one a copy, in turn: replace words by synonyms, insert synonyms, swap two words, delete words.
    The first two are left out without synonyms_file"""
    word_fraction: float = Field(0.1, gt=0, lt=1)
    """words: fraction of a text's words that an operation alters, at least one word; EDA takes 0.05 where there are few
    labels"""
    synonyms_file: str = ""
    """words: path of a text file with a group of synonyms a line, separated by commas (`film, movie, picture`), the
    format of search engines; # begins a comment"""
    segmenter: Literal["characters", "jieba"] = "characters"
    """words: the unit of words in scripts without spaces: a character, or for Chinese a word that jieba segments (pip
    install rjieba)"""
    forward_model: TranslationModel = TranslationModel()
    """back-translation: the model from the texts' language into another"""
    backward_model: TranslationModel = TranslationModel()
    """back-translation: the model from that language back into the texts' own"""
    temperature: float = Field(0.9, ge=0)
    """back-translation: sampling temperature, which makes the copies differ, as in UDA; 0: the most likely translation,
    so one copy"""
    num_beams: int = Field(1, ge=1)
    """back-translation: beams of beam search"""
    max_length: int = Field(128, ge=8)
    """back-translation: tokens of a text and of its translation at most; longer ones are truncated"""

    @model_validator(mode="after")
    def _check_completeness(self) -> Self:
        has_models = self.forward_model.folder and self.backward_model.folder
        if self.method == "back-translation" and not has_models:
            raise ValueError("back-translation needs two models: give forward_model.folder and backward_model.folder")
        if self.method == "words" and not self.usable_operations:
            raise ValueError(f"{' and '.join(self.operations)} need a file of synonyms: give its path as synonyms_file")
        return self

    @property
    def usable_operations(self) -> list[Operation]:
        """The operations without those that lack a file of synonyms."""
        return [operation for operation in self.operations if self.synonyms_file or operation not in NEEDS_SYNONYMS]

    @property
    def num_attempts(self) -> int:
        """The number of times that a text is altered: 1 where every attempt gives the most likely translation."""
        return 1 if self.method == "back-translation" and not self.temperature else self.max_copies

    def semantic(self) -> dict[str, Any]:
        """Return the settings that the method uses, with the content of files in place of their paths."""
        digests = hash_named_file("synonyms_file", self.synonyms_file)
        return {
            name: digests.get(name, semantic_value(getattr(self, name)))
            for name in ("method", *USED_SETTINGS[self.method])
        }
