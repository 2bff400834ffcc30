"""Easy data augmentation: EDA, arXiv:1901.11196, section 2, with synonyms of a given file instead of WordNet's.

EDA replaces no stop words; here words without a synonym in the file stay, so that who writes it decides.
"""

import re
from pathlib import Path

import numpy as np

from tasks.downstream.metrics.words import CHARACTER_WORD
from tasks.downstream.readers.plain_text import text_of
from tasks.downstream.settings.augmentation import SETTING, Augmentation, Operation
from tasks.errors import BadSetting
from tasks.model.words import segmenter

Words = list[str]

WORD = re.compile(rf"{CHARACTER_WORD.pattern}|(?:(?!{CHARACTER_WORD.pattern})\S)+")
EAST_ASIAN_MARK = re.compile("[\u3000-\u303f\uff00-\uff65]")
PUNCTUATION_EDGES = re.compile(r"(\W*)(.*?)(\W*)", re.DOTALL)


class WordOperations:
    """Alters texts by the settings' operations. Raises StageFailure for a file of synonyms that cannot be used."""

    def __init__(self, settings: Augmentation) -> None:
        self.settings = settings
        self.synonyms = read_synonyms(Path(settings.synonyms)) if settings.synonyms else {}
        self.cut = segmenter() if settings.segmenter == "jieba" else None

    def __call__(self, text: str, copy: int, rng: np.random.Generator) -> str:
        """A copy of the text, by the operation whose turn it is; the text itself where that alters nothing."""
        words = self.words(text)
        if not words:
            return text
        operation = self.settings.used[copy % len(self.settings.used)]
        made = self._altered(operation, words, rng)
        return text if made == words else join_words(made)

    def words(self, text: str) -> Words:
        """What stands between blanks; in scripts without blanks characters, or what the segmenter finds."""
        if self.cut is None:
            return WORD.findall(text)
        return [word for part in text.split() for word in (self.cut(part) if CHARACTER_WORD.search(part) else [part])]

    def _altered(self, operation: Operation, words: Words, rng: np.random.Generator) -> Words:
        times = max(1, int(self.settings.share * len(words)))
        if operation == "synonyms":
            return self._replaced(words, times, rng)
        if operation == "insertion":
            return self._with_more(words, times, rng)
        if operation == "swap":
            return swap_words(words, times, rng)
        return drop_words(words, self.settings.share, rng)

    def _known(self, words: Words) -> list[int]:
        """The places of words that have synonyms."""
        return [place for place, word in enumerate(words) if split_punctuation(word)[1].lower() in self.synonyms]

    def _synonym(self, word: str, rng: np.random.Generator) -> str:
        others = self.synonyms[split_punctuation(word)[1].lower()]
        return others[rng.integers(len(others))]

    def _replaced(self, words: Words, times: int, rng: np.random.Generator) -> Words:
        made = list(words)
        for place in rng.permutation(self._known(words))[:times].astype(int):
            before, _, after = split_punctuation(words[place])
            made[place] = before + self._synonym(words[place], rng) + after
        return made

    def _with_more(self, words: Words, times: int, rng: np.random.Generator) -> Words:
        made, known = list(words), self._known(words)
        for _ in range(times if known else 0):
            more = self._synonym(words[rng.choice(known)], rng)
            made.insert(int(rng.integers(len(made) + 1)), more)
        return made


def swap_words(words: Words, times: int, rng: np.random.Generator) -> Words:
    """Two words change places, so many times."""
    made = list(words)
    for _ in range(times if len(words) > 1 else 0):
        one, other = rng.choice(len(made), 2, replace=False)
        made[one], made[other] = made[other], made[one]
    return made


def drop_words(words: Words, share: float, rng: np.random.Generator) -> Words:
    """Without each word by chance; one stays at least."""
    left = [word for word, lot in zip(words, rng.random(len(words)), strict=True) if lot >= share]
    return left or [words[rng.integers(len(words))]]


def join_words(words: Words) -> str:
    """Words as a text: blanks between those of scripts that have them."""
    text = ""
    for word in words:
        bound = text and not (_unspaced(text[-1]) or _unspaced(word[0]))
        text += f" {word}" if bound else word
    return text


def _unspaced(letter: str) -> bool:
    return bool(CHARACTER_WORD.match(letter) or EAST_ASIAN_MARK.match(letter))


def split_punctuation(word: str) -> tuple[str, str, str]:
    """Punctuation before a word, the word, and what follows it."""
    found = PUNCTUATION_EDGES.fullmatch(word)
    assert found  # it fits everything
    before, inner, after = found.groups()
    return before, inner, after


def read_synonyms(path: Path) -> dict[str, list[str]]:
    """Every word of the file, in lower case, with the others of its lines. Raises StageFailure naming a bad line."""
    found: dict[str, dict[str, None]] = {}
    for number, line in enumerate(text_of(path, f"{SETTING}.synonyms").splitlines(), start=1):
        group = [word.strip() for word in line.split("#")[0].split(",")]
        if group == [""]:
            continue
        if len({word.lower() for word in group}) < 2 or not all(group):
            raise BadSetting(
                f"{path}, line {number}: {line.strip()!r} is no group of synonyms",
                "Write two words or more in a line, with commas between",
            )
        for word in group:
            found.setdefault(word.lower(), {}).update((each, None) for each in group if each.lower() != word.lower())
    if not found:
        raise BadSetting(f"{path} has no synonyms", f"Write a group of words a line, or leave {SETTING}.synonyms empty")
    return {word: list(others) for word, others in found.items()}
