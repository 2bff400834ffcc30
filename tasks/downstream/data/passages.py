"""Cut documents into passages, and hide the names that would give a label away."""

import re
from collections.abc import Iterable

# A Chinese or Japanese character counts as a word of its own, as everywhere in Textmill.
WORD = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]|[^\s\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]+")
IDENTIFIER = r"[\w./\\-]"
# Shorter names are also parts of common words (`pil` in `compile`), longer ones are names wherever they stand.
SHORT_NAME = 5


def passages(text: str, words: int) -> list[str]:
    """Consecutive passages of so many words; a shorter rest at the end is left out."""
    spans = [match.span() for match in WORD.finditer(text)]
    starts = range(0, len(spans) - words + 1, words)
    return [text[spans[start][0] : spans[start + words - 1][1]] for start in starts]


def name_pattern(names: Iterable[str]) -> re.Pattern[str]:
    """Any dotted identifier or path that contains one of the names, in upper or lower case.

    A name counts where it stands between signs that are not letters or digits (`numpy` in `_numpy.core`); one of five
    letters or more also inside a word (`prefect` in `PrefectException`).
    """
    ordered = sorted(set(names), key=lambda name: (-len(name), name))
    long = [re.escape(name) for name in ordered if len(name) >= SHORT_NAME]
    short = [re.escape(name) for name in ordered if len(name) < SHORT_NAME]
    alternatives = [*long, *(rf"(?<![^\W_]){name}(?![^\W_])" for name in short)]
    return re.compile(rf"{IDENTIFIER}*(?:{'|'.join(alternatives)}){IDENTIFIER}*", re.IGNORECASE)


def masked(text: str, pattern: re.Pattern[str], mask: str) -> str:
    """The text with every match replaced, runs of masks shortened to one."""
    hidden = pattern.sub(mask, text)
    return re.sub(rf"{re.escape(mask)}(?:\W*{re.escape(mask)})+", mask, hidden)


def num_words(text: str, mask: str) -> int:
    """Words with a letter or digit in them, the mask not counted: how much there is to learn from."""
    return sum(any(sign.isalnum() for sign in word) for word in WORD.findall(text.replace(mask, " ")))
