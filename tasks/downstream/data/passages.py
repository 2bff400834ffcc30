"""Split documents into passages, and mask the names that would give a label away."""

import re
from collections.abc import Iterable

# A Chinese or Japanese character counts as a word of its own, as everywhere in Textmill.
WORD = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]|[^\s\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]+")
IDENTIFIER = r"[\w./\\-]"
# Shorter names are also parts of common words (`pil` in `compile`); longer ones are masked inside of words too.
MIN_SUBSTRING_NAME = 5


def split_passages(text: str, num_words: int) -> list[str]:
    """Return consecutive passages of `num_words` words each; a shorter rest at the end is dropped."""
    spans = [match.span() for match in WORD.finditer(text)]
    starts = range(0, len(spans) - num_words + 1, num_words)
    return [text[spans[start][0] : spans[start + num_words - 1][1]] for start in starts]


def compile_name_pattern(names: Iterable[str]) -> re.Pattern[str]:
    """Return a pattern of any dotted identifier or path that contains one of the names, in upper or lower case.

    A name matches between signs that are not letters or digits (`numpy` in `_numpy.core`); a name of five letters or
    more also matches inside of a word (`prefect` in `PrefectException`).
    """
    # the longest first, since the first alternative that matches wins
    ordered = sorted(set(names), key=lambda name: (-len(name), name))
    long = [re.escape(name) for name in ordered if len(name) >= MIN_SUBSTRING_NAME]
    short = [re.escape(name) for name in ordered if len(name) < MIN_SUBSTRING_NAME]
    # [^\W_] is a letter or digit: \w without the underscore, at which names may begin and end.
    alternatives = [*long, *(rf"(?<![^\W_]){name}(?![^\W_])" for name in short)]
    return re.compile(rf"{IDENTIFIER}*(?:{'|'.join(alternatives)}){IDENTIFIER}*", re.IGNORECASE)


def mask_names(text: str, pattern: re.Pattern[str], mask: str) -> str:
    """Replace every match by the mask, and a run of masks by a single one."""
    masked_text = pattern.sub(mask, text)
    # the length of a run would tell how many names stood there
    return re.sub(rf"{re.escape(mask)}(?:\W*{re.escape(mask)})+", mask, masked_text)


def count_words(text: str, mask: str) -> int:
    """Count the words that contain a letter or digit, without the mask: the words that a model can learn from."""
    return sum(any(character.isalnum() for character in word) for word in WORD.findall(text.replace(mask, " ")))
