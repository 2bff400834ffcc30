"""What counts as a word where generated text is compared: also in scripts without spaces, a character each."""

import re

CHARACTER_WORD = re.compile(
    "[\u3005-\u3007\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
    "\u0e01-\u0e5b\u0e81-\u0eff\u1000-\u109f\u1780-\u17ff]"
)
"""A letter of Chinese, Japanese, Thai, Lao, Myanmar or Khmer"""
WORD = re.compile(rf"{CHARACTER_WORD.pattern}|(?:(?!{CHARACTER_WORD.pattern})[^\W_])+")


def words(text: str) -> list[str]:
    """Runs of letters and digits in lower case; in ASCII text the same as ROUGE's."""
    return WORD.findall(text.lower())
