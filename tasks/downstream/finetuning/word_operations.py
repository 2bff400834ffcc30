"""Easy data augmentation: EDA, arXiv:1901.11196, section 2, with synonyms from a given file instead of WordNet's.

EDA replaces no stop words; here words without a synonym in the file are kept, so that its author decides.
"""

import re
from pathlib import Path

import numpy as np

from tasks.downstream.metrics.words import CHARACTER_WORD
from tasks.downstream.settings.augmentation import SETTING, Augmentation, Operation
from tasks.errors import BadSetting
from tasks.input_files.data_paths import read_data_text
from tasks.model.word_boundaries import load_segmenter

Words = list[str]

# a character of a script without spaces, or a run of other characters between blanks
WORD = re.compile(rf"{CHARACTER_WORD.pattern}|(?:(?!{CHARACTER_WORD.pattern})\S)+")
EAST_ASIAN_MARK = re.compile("[\u3000-\u303f\uff00-\uff65]")
PUNCTUATION_EDGES = re.compile(r"(\W*)(.*?)(\W*)", re.DOTALL)


class WordOperations:
    """The augmentation of texts by the settings' operations.

    Raises StageFailure for a file of synonyms that cannot be used.
    """

    def __init__(self, settings: Augmentation) -> None:
        self.settings = settings
        self.synonyms = read_synonyms(Path(settings.synonyms_file)) if settings.synonyms_file else {}
        self.segment = load_segmenter() if settings.segmenter == "jieba" else None

    def __call__(self, text: str, copy: int, rng: np.random.Generator) -> str:
        """Return a copy of the text, by the operation whose turn it is; the text itself where that alters nothing."""
        words = self.split_words(text)
        if not words:
            return text
        operations = self.settings.usable_operations
        altered = self._apply_operation(operations[copy % len(operations)], words, rng)
        return text if altered == words else join_words(altered)

    def split_words(self, text: str) -> Words:
        """Split a text at blanks; in scripts without blanks into characters, or by the segmenter."""
        if self.segment is None:
            return WORD.findall(text)
        return [
            word
            for token in text.split()
            for word in (self.segment(token) if CHARACTER_WORD.search(token) else [token])
        ]

    def _apply_operation(self, operation: Operation, words: Words, rng: np.random.Generator) -> Words:
        times = max(1, int(self.settings.word_fraction * len(words)))
        if operation == "synonyms":
            return self._replace_words(words, times, rng)
        if operation == "insertion":
            return self._insert_synonyms(words, times, rng)
        if operation == "swap":
            return swap_words(words, times, rng)
        return drop_words(words, self.settings.word_fraction, rng)

    def _find_known_words(self, words: Words) -> list[int]:
        """Return the positions of words that have synonyms."""
        return [position for position, word in enumerate(words) if split_punctuation(word)[1].lower() in self.synonyms]

    def _sample_synonym(self, word: str, rng: np.random.Generator) -> str:
        synonyms = self.synonyms[split_punctuation(word)[1].lower()]
        return synonyms[rng.integers(len(synonyms))]

    def _replace_words(self, words: Words, times: int, rng: np.random.Generator) -> Words:
        # punctuation stays around the synonym; astype: a permutation of no positions is of floats
        altered = list(words)
        for position in rng.permutation(self._find_known_words(words))[:times].astype(int):
            before, _, after = split_punctuation(words[position])
            altered[position] = before + self._sample_synonym(words[position], rng) + after
        return altered

    def _insert_synonyms(self, words: Words, times: int, rng: np.random.Generator) -> Words:
        altered, known_positions = list(words), self._find_known_words(words)
        for _ in range(times if known_positions else 0):
            synonym = self._sample_synonym(words[rng.choice(known_positions)], rng)
            # `len + 1` places: also behind the last word.
            altered.insert(int(rng.integers(len(altered) + 1)), synonym)
        return altered


def swap_words(words: Words, times: int, rng: np.random.Generator) -> Words:
    """Return the words with two random ones exchanged, so many times."""
    swapped_words = list(words)
    for _ in range(times if len(words) > 1 else 0):
        one, other = rng.choice(len(words), 2, replace=False)
        swapped_words[one], swapped_words[other] = swapped_words[other], swapped_words[one]
    return swapped_words


def drop_words(words: Words, fraction: float, rng: np.random.Generator) -> Words:
    """Return the words without a random fraction of them; one is kept at least."""
    kept = [word for word, draw in zip(words, rng.random(len(words)), strict=True) if draw >= fraction]
    return kept or [words[rng.integers(len(words))]]


def join_words(words: Words) -> str:
    """Join words to a text, with blanks between those of scripts that have them."""
    text = ""
    for word in words:
        # No blank where either neighbour is of a script without spaces.
        needs_blank = text and not (_is_unspaced(text[-1]) or _is_unspaced(word[0]))
        text += f" {word}" if needs_blank else word
    return text


def _is_unspaced(character: str) -> bool:
    return bool(CHARACTER_WORD.match(character) or EAST_ASIAN_MARK.match(character))


def split_punctuation(word: str) -> tuple[str, str, str]:
    """Return the punctuation before a word, the word, and what follows it."""
    match = PUNCTUATION_EDGES.fullmatch(word)
    assert match  # the pattern matches every text
    before, inner, after = match.groups()
    return before, inner, after


def read_synonyms(path: Path) -> dict[str, list[str]]:
    """Return every word of the file, in lower case, with the others of its lines.

    Raises StageFailure that names a line without a group of synonyms.
    """
    setting = f"{SETTING}.synonyms_file"
    synonyms: dict[str, dict[str, None]] = {}  # dicts as sets that keep the order of the file
    for number, line in enumerate(read_data_text(path, setting).splitlines(), start=1):
        group = [word.strip() for word in line.split("#")[0].split(",")]
        if group == [""]:
            continue
        if len({word.lower() for word in group}) < 2 or not all(group):
            raise BadSetting(
                f"{path}, line {number}: {line.strip()!r} is no group of synonyms",
                "Write two words or more in a line, with commas between",
            )
        for word in group:
            others = (other for other in group if other.lower() != word.lower())
            synonyms.setdefault(word.lower(), {}).update((other, None) for other in others)
    if not synonyms:
        raise BadSetting(f"{path} has no synonyms", f"Write a group of words a line, or leave {setting} empty")
    return {word: list(others) for word, others in synonyms.items()}
